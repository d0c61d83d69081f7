"""The types of SQLite's columns, which are those of the values: a column can have values of any type.

ADBC's driver infers the type of a column from its first values, and rounds numbers to six digits if a text follows. So
the types of all values are looked up first, in the same transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.platform.adbc import Connection
from segbatch.snapshot.database.query import DatabaseQuery
from segbatch.text import clipped

_TYPES = {"integer": 1, "real": 2, "text": 4, "blob": 8}
_LONG = 16
"""Whole numbers that a floating-point number cannot store exactly."""

_FIRST_VALUES = {1: "0", 2: "0.0", 3: "0.0", 4: "''", 8: "x''", 17: "0"}
"""For each type, and for whole numbers with others, a value from which the driver infers that type."""


@dataclass(frozen=True, slots=True)
class TypedQuery:
    """A query whose first row has a value of the right type in each column, and is not one of the result.

    Attributes:
        sql: The query.
        empty: The numbers of the columns without any value. They get the type null.
    """

    sql: str
    empty: frozenset[int]

    def schema(self, given: pa.Schema) -> pa.Schema:
        """Return the columns of the result."""
        for number in self.empty:
            given = given.set(number, pa.field(given.names[number], pa.null()))
        return given

    def result(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the result."""
        first = 1
        for batch in batches:
            rows = batch.slice(first)
            columns = [pa.nulls(len(rows)) if number in self.empty else column for number, column in enumerate(rows)]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema(batch.schema))
            first = 0


def type_query(connection: Connection, query: DatabaseQuery) -> TypedQuery:
    """Look up the types of all values of a query.

    Raises:
        SnapshotError: A column has values of several types.
        adbc_driver_manager.Error: The query is not valid, or more than one statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM (\n{query.sql}\n) LIMIT 0")  # noqa: S608 - fails for anything but one SELECT
        cursor.execute(f"{query.sql}\n")
        names = [column[0] for column in cursor.description]
        columns = [f"c{number}" for number in range(len(names))]
        values = f"WITH q({', '.join(columns)}) AS (\n{query.sql}\n) SELECT "
        cursor.execute(f"{values}{', '.join(map(_types_of, columns))} FROM q")
        found = [flags or 0 for flags in cursor.fetchone()]
    _ensure_one_type(query, names, found)
    typed = zip(names, found, strict=True)
    first = ", ".join(f"{_FIRST_VALUES.get(flags, 'NULL')} AS {_quoted(name)}" for name, flags in typed)
    empty = frozenset(number for number, flags in enumerate(found) if not flags)
    return TypedQuery(f"SELECT {first} UNION ALL SELECT * FROM (\n{query.sql}\n)", empty)  # noqa: S608 - names are quoted


def _types_of(column: str) -> str:
    """Return SQL for the types of a column, as a sum of the numbers above."""
    types = [f"{flag} * max(typeof({column}) = '{name}')" for name, flag in _TYPES.items()]
    exact = 2**53
    is_long = f"typeof({column}) = 'integer' AND {column} NOT BETWEEN -{exact} AND {exact}"
    return " + ".join([*types, f"{_LONG} * max({is_long})"])


def _ensure_one_type(query: DatabaseQuery, names: Sequence[str], found: Sequence[int]) -> None:
    for name, flags in zip(names, found, strict=True):
        if flags and flags not in _FIRST_VALUES:
            types = " and ".join(name for name, flag in _TYPES.items() if flags & flag)
            long = ", and the whole numbers are too long for floating point" if flags & _LONG and flags & 2 else ""
            problem = f"the column '{clipped(name)}' has values of several types: {types}{long}"
            advice = f'cast it in the query, for example CAST("{clipped(name)}" AS TEXT)'
            raise SnapshotError(f"{query}: {problem}; {advice}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
