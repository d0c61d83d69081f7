"""Parquet files: opening them, their footers, and what is wrong with them."""
