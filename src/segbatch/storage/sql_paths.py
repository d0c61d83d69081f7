"""Paths of files as SQL string literals for DuckDB."""

from pathlib import Path


def literal(file: Path) -> str:
    """Return the SQL string literal of a file, as the views contain it."""
    return quoted(_escape_glob(file.resolve()))


def literal_source(source: Path) -> str:
    """Return the SQL string literal of a Parquet file, or of all Parquet files in a folder."""
    return f"{literal(source)[:-1]}/*.parquet'" if source.is_dir() else literal(source)


def quoted(path: Path | str) -> str:
    """Return a path as an SQL string literal."""
    return "'" + str(path).replace("'", "''") + "'"


def _escape_glob(path: Path) -> str:
    """Escape the glob characters of a path, so that DuckDB reads them literally."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))
