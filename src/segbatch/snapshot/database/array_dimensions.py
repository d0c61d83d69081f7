"""The dimensions of arrays in PostgreSQL, which its driver leaves out: it returns one list of all elements.

The type of a column does not have them, so the server adds a column with the number of the column whose array has
several dimensions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from segbatch.errors import SnapshotError
from segbatch.snapshot.arrow.types import is_list
from segbatch.snapshot.database.query import DatabaseQuery
from segbatch.text import clipped

_TYPE, _ARRAY = b"POSTGRESQL:type", b"_"
"""The metadata with the name of a type, and how the names of array types begin."""


@dataclass(frozen=True, slots=True)
class CheckedQuery:
    """A query of PostgreSQL whose result has one more column if it has arrays.

    Attributes:
        sql: The query.
        arrays: The columns with arrays.
        place: The database, for messages.
    """

    sql: str
    arrays: tuple[str, ...]
    place: str

    def schema(self, given: pa.Schema) -> pa.Schema:
        """Return the columns of the result."""
        return pa.schema(list(given)[:-1]) if self.arrays else given

    def result(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the result.

        Raises:
            SnapshotError: An array has several dimensions.
        """
        for batch in batches:
            if self.arrays:
                self._ensure_lists(batch.column(batch.num_columns - 1))
            yield batch.select(range(batch.num_columns - 1)) if self.arrays else batch

    def _ensure_lists(self, numbers: pa.Array) -> None:
        number = pc.min(numbers).as_py()
        if number is not None:
            column = clipped(self.arrays[number])
            problem = f"the column '{column}' has an array of several dimensions, which a snapshot cannot store"
            advice = f'write to_json("{column}") in the query, or ARRAY(SELECT unnest("{column}")) for one list'
            raise SnapshotError(f"{self.place}: {problem}; {advice}")


def check_query(cursor: Any, query: DatabaseQuery) -> CheckedQuery:
    """Add the check of dimensions to a query. The server does not run the query for that.

    Args:
        cursor: A cursor of the connection.

    Raises:
        adbc_driver_manager.Error: The query is not valid.
    """
    sql = f"{query.sql}\n"  # a comment at the end must not hide what the driver adds
    schema = cursor.adbc_execute_schema(sql)
    arrays = [field.name for field in schema if _is_array(field)]
    if not arrays or len(set(schema.names)) < len(schema.names):  # columns with the same name are refused later
        return CheckedQuery(sql, (), str(query))
    cases = (
        f"WHEN pg_catalog.array_ndims(q.{_identifier(name)}) > 1 THEN {number}" for number, name in enumerate(arrays)
    )
    checked = f"SELECT q.*, CASE {' '.join(cases)} END FROM ({sql}) AS q"  # noqa: S608 - names are quoted
    return CheckedQuery(checked, tuple(arrays), str(query))


def _is_array(field: pa.Field) -> bool:
    return is_list(field.type) and (field.metadata or {}).get(_TYPE, b"").startswith(_ARRAY)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
