"""The published tables in a database."""
