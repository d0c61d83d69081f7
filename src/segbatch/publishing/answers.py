"""What DuckDB answers, as plain values: a number, a text, a boolean, a list or an object of these, or nothing.

DuckDB writes all else as text itself, and so as its shell shows it: Python has no time before year 1, no month as a
length of time, and for a time with a zone DuckDB would want a package more.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import duckdb

__all__ = ["Answer", "ask"]

_AS_THEY_ARE = {
    "boolean",
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "uhugeint",
    "float",
    "double",
    "decimal",
    "varchar",
    "null",
}
_NESTED = {"list", "array", "struct", "map", "union"}
_WRAPPED = 2
"""DuckDB puts so many lines of its own before a statement of which it takes the first rows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found.

    Attributes:
        columns: The names of the columns, each once: the second `a` is `a_1`.
        rows: The rows, at most as many as were asked for.
        complete: Whether these are all.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    complete: bool


def ask(connection: duckdb.DuckDBPyConnection, sql: str, most_rows: int) -> Answer:
    """Run statements and return the first rows of the last one's answer; no more are fetched.

    Args:
        connection: The database.
        sql: The statements, at least one.
        most_rows: How many rows to return.

    Raises:
        duckdb.Error: DuckDB cannot run them.
    """
    *before, last = connection.extract_statements(sql)
    for statement in before:
        connection.execute(statement)
    found = _bound(connection, _bare(last.query))
    if found is None:
        return Answer((), (), complete=True)
    types = [kind.id for kind in found.types]
    numbers = range(1, len(types) + 1)
    columns = found.project(", ".join(f"#{number}" for number in numbers)).columns
    cells = ", ".join(_read(number, kind) for number, kind in zip(numbers, types, strict=True))
    try:
        rows = found.project(cells).limit(most_rows + 1).fetchall()
    except duckdb.Error as error:
        raise type(error)(_unwrapped(str(error))) from None
    readers = [_reader(kind) for kind in types]
    plain = (tuple(read(cell) for read, cell in zip(readers, row, strict=True)) for row in rows[:most_rows])
    return Answer(tuple(columns), tuple(plain), len(rows) <= most_rows)


def _bare(statement: str) -> str:
    """Leave out the end of a statement, and what is said after it: DuckDB writes its own around it."""
    ends = [place for place, kind in _tokens(statement) if kind != duckdb.token_type.comment]
    place = ends[-1] if ends else 0
    encoded = statement.encode()
    return encoded[:place].decode() if encoded[place : place + 1] == b";" else statement


def _tokens(statement: str) -> list[tuple[int, object]]:
    return list(duckdb.tokenize(statement))


def _bound(connection: duckdb.DuckDBPyConnection, statement: str) -> duckdb.DuckDBPyRelation | None:
    """Have DuckDB look up what a statement names; what cannot be found is told by the way that marks the place."""
    try:
        return connection.sql(statement)
    except (duckdb.BinderException, duckdb.CatalogException):
        connection.execute(statement)
        raise


def _read(number: int, kind: str) -> str:
    column = f"#{number}"
    if kind in _AS_THEY_ARE:
        return column
    return f"CAST({f'to_json({column})' if kind in _NESTED else column} AS VARCHAR)"


def _reader(kind: str) -> Callable[[object], object]:
    return _parsed if kind in _NESTED else lambda cell: cell


def _parsed(cell: object) -> object:
    return None if cell is None else json.loads(str(cell))


def _unwrapped(message: str) -> str:
    """Count the lines of a message from the beginning of the statement."""
    return re.sub(r"(?m)^LINE ([0-9]+):", lambda line: f"LINE {max(int(line[1]) - _WRAPPED, 1)}:", message)
