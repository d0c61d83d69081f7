"""Parquet files: opening, footers, and errors."""
