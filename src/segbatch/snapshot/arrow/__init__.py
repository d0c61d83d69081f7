"""Arrow data: types of the files, one schema for all files, and conversion to Polars types."""
