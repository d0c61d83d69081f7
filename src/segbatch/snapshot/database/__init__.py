"""Snapshots of databases: the rows of a query, read once into a Parquet file."""
