"""A query of PostgreSQL, with changes for what its driver does badly.

It leaves out the dimensions of arrays, and returns one list of all elements. The type of a column does not have them
either, so the server adds a column with the number of the column whose array has several dimensions.

It returns `numeric` as text, and takes four times as long for that as for the text of such a column. So the server
returns the text.
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
    """A query of PostgreSQL whose result has numbers as text, and one more column if it has arrays.

    Attributes:
        sql: The query.
        columns: The columns of the query as it was given.
        arrays: The columns with arrays.
        place: The database, for messages.
    """

    sql: str
    columns: pa.Schema
    arrays: tuple[str, ...]
    place: str

    def result(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the result.

        Raises:
            SnapshotError: An array has several dimensions.
        """
        for batch in batches:
            if self.arrays:
                self._ensure_lists(batch.column(batch.num_columns - 1))
            pairs = zip(batch.columns, self.columns, strict=False)
            columns = [_numbers(array, field.type) if _is_numeric(field) else array for array, field in pairs]
            yield pa.RecordBatch.from_arrays(columns, schema=self.columns)

    def _ensure_lists(self, numbers: pa.Array) -> None:
        number = pc.min(numbers).as_py()
        if number is not None:
            column = clipped(self.arrays[number])
            problem = f"the column '{column}' has an array of several dimensions, which a snapshot cannot store"
            advice = f'write to_json("{column}") in the query, or ARRAY(SELECT unnest("{column}")) for one list'
            raise SnapshotError(f"{self.place}: {problem}; {advice}")


def check_query(cursor: Any, query: DatabaseQuery) -> CheckedQuery:
    """Change a query. The server does not run it for that.

    Args:
        cursor: A cursor of the connection.

    Raises:
        adbc_driver_manager.Error: The query is not valid.
    """
    sql = f"{query.sql}\n"  # a comment at the end must not hide what the driver adds
    schema = cursor.adbc_execute_schema(sql)
    arrays = [field.name for field in schema if _is_array(field)]
    has_numbers = any(map(_is_numeric, schema))
    if not (arrays or has_numbers) or len(set(schema.names)) < len(schema.names):  # equal names are refused later
        return CheckedQuery(sql, schema, (), str(query))
    columns = [f"q.{_identifier(field.name)}" + _as_text(field) for field in schema]
    if arrays:
        cases = (
            f"WHEN pg_catalog.array_ndims(q.{_identifier(name)}) > 1 THEN {number}"
            for number, name in enumerate(arrays)
        )
        columns.append(f"CASE {' '.join(cases)} END")
    checked = f"SELECT {', '.join(columns)} FROM ({sql}) AS q"  # noqa: S608 - names are quoted
    return CheckedQuery(checked, schema, tuple(arrays), str(query))


def _is_array(field: pa.Field) -> bool:
    return is_list(field.type) and (field.metadata or {}).get(_TYPE, b"").startswith(_ARRAY)


def _is_numeric(field: pa.Field) -> bool:
    return isinstance(field.type, pa.OpaqueType) and field.type.type_name == "numeric"


def _as_text(field: pa.Field) -> str:
    return f"::text AS {_identifier(field.name)}" if _is_numeric(field) else ""


def _numbers(texts: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    """Return texts as the driver returns numbers."""
    return texts if texts.type == arrow_type else pa.ExtensionArray.from_storage(arrow_type, texts)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
