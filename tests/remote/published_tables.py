"""The tables of an output, to compare a copy with its origin."""

from pathlib import Path

import duckdb

from segbatch.storage.moved_catalog import temporary_catalogue

_TABLES = ("membership", "segments", "runs", "membership_changes", "membership_history")


def tables(output: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of the published tables, as `segbatch.duckdb` shows them."""
    return _rows(output / "segbatch.duckdb")


def expected_tables(output: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of the published tables of an output folder that was copied from elsewhere."""
    with temporary_catalogue(output) as catalogue:
        return _rows(catalogue)


def _rows(catalogue: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(catalogue), read_only=True) as connection:
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in _TABLES}
