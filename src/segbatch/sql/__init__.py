"""Generation of SQL queries from segments: typed tests as SQL, independent of the Polars expressions."""
