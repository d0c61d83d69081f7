"""The SQL statements that create the published tables as views in an engine that reads an output on its own."""
