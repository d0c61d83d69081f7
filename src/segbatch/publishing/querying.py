"""Asking the published tables a question, without opening DuckDB by hand."""

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from segbatch.errors import UsageError
from segbatch.publishing.catalogue import CATALOGUE

__all__ = ["Answer", "query"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found.

    Attributes:
        columns: The names of the columns.
        rows: The rows, at most as many as were asked for.
        complete: Whether these are all.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    complete: bool


def query(output: Path, sql: str, most_rows: int) -> Answer:
    """Run SQL on the published tables; nothing can be changed by it.

    Args:
        output: The folder that runs publish in.
        sql: One statement of DuckDB's SQL, over `membership`, `segments`, `runs`, and any file.
        most_rows: How many rows to return.

    Raises:
        UsageError: Nothing is published there, or DuckDB cannot run the statement.
    """
    catalogue = output / CATALOGUE
    if not os.path.lexists(catalogue):
        raise UsageError(f"{catalogue}: no such file; name the folder that a run published in (--output)")
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            found = connection.execute(sql)
            columns = tuple(column[0] for column in found.description or ())
            rows = found.fetchmany(most_rows + 1)
    except duckdb.Error as error:
        raise UsageError(str(error)) from None
    return Answer(columns, tuple(rows[:most_rows]), len(rows) <= most_rows)
