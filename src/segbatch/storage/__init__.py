"""The files of a published run: membership as Parquet, manifest, bitmap state, and the DuckDB catalogue."""
