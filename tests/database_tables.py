"""The published tables of an output and the same tables in a database, as texts that can be compared."""

import datetime as dt
import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

NAMES = ("membership", "membership_changes", "segments", "runs")
Tables = dict[str, tuple[list[str], list[tuple[str | None, ...]]]]
"""For each table, its columns and its sorted rows."""


def published_tables(output: Path) -> Tables:
    """Return the tables that DuckDB shows."""
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True) as connection:
        return {name: _fetched(connection.execute(f"SELECT * FROM {name}")) for name in NAMES}


def tables_of(connection: Any, schema: str = "") -> Tables:
    """Return the tables of a database with a DB-API connection."""
    cursor = connection.cursor()
    found: Tables = {}
    for name in NAMES:
        cursor.execute(f"SELECT * FROM {schema and f'{schema}.'}{name}")
        found[name] = _fetched(cursor)
    cursor.close()
    return found


def sqlite_tables(file: Path) -> Tables:
    """Return the tables of a SQLite file, read by another library than segbatch's."""
    connection = sqlite3.connect(file)
    try:
        return tables_of(connection)
    finally:
        connection.close()


def without_run(tables: Tables, run_id: str) -> list[tuple[str | None, ...]]:
    """Return the rows of `membership_changes` of all other runs."""
    return [row for row in tables["membership_changes"][1] if row[0] != run_id]


def _fetched(cursor: Any) -> tuple[list[str], list[tuple[str | None, ...]]]:
    rows = [tuple(map(_as_text, row)) for row in cursor.fetchall()]
    return [column[0] for column in cursor.description], sorted(rows, key=str)


def _as_text(value: object) -> str | None:
    match value:
        case None:
            return None
        case dt.datetime():
            naive = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
            return naive.isoformat(timespec="microseconds")
        case list():
            return json.dumps(value, ensure_ascii=False)
        case bytes():
            return value.hex()
        case Decimal() | int() | UUID():
            return str(value)
        case _:
            return str(value)
