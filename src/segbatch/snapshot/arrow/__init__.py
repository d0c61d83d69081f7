"""Arrow data: the types of the files, one schema for all files, and the types of Polars."""
