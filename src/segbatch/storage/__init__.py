"""What a run leaves behind: the membership as Parquet, the manifest, and the DuckDB catalogue over them."""
