"""Runs SQL in DuckDB with its extensions, in the environment that `make lake` makes. Reads a request from stdin.

It runs with that environment's Python, where nothing of this project is installed.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb

EXTENSIONS = ("httpfs", "avro", "delta", "iceberg")
"""In this order: Iceberg needs Avro."""


def open_with_extensions() -> duckdb.DuckDBPyConnection:
    """Return a connection with the extensions of the installed packages, without the network."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    connection.execute("SET enable_progress_bar = false")  # it would be printed between the rows
    for name in EXTENSIONS:
        spec = find_spec(f"duckdb_extension_{name}")
        assert spec is not None
        assert spec.origin is not None
        [file] = Path(spec.origin).parent.rglob(f"{name}.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    return connection


def answer(request: dict[str, Any]) -> list[list[list[str]]]:
    """Run the statements, and return the rows of each query, with all values as text."""
    with open_with_extensions() as connection:
        for statement in request["statements"]:
            connection.execute(statement)
        found = [connection.execute(query).fetchall() for query in request["queries"]]
    return [[[str(cell) for cell in row] for row in rows] for rows in found]


if __name__ == "__main__":
    print(json.dumps(answer(json.load(sys.stdin))))  # noqa: T201 - the answer
