"""The encoding of columns in a snapshot: a dictionary only where values repeat."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segbatch.snapshot.database.dictionaries import dictionary_columns

ROWS = 1_000
UUIDS = [number.to_bytes(16, "big") for number in range(ROWS)]


def as_uuids(values: list[bytes]) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([f"contact-{number}" for number in range(ROWS)], []),
        (["free", "pro"] * (ROWS // 2), ["x"]),
        ([number // 8 for number in range(ROWS)], ["x"]),
        ([number // 7 for number in range(ROWS)], []),
        (as_uuids(UUIDS), []),
        (as_uuids(UUIDS[:2] * (ROWS // 2)), ["x"]),
        (pa.nulls(ROWS), ["x"]),
        ([["a", str(number)] for number in range(ROWS)], ["x.list.element"]),
        ([{"a": number, "b": 1.5} for number in range(ROWS)], ["x.a", "x.b"]),
    ],
)
def test_columns_with_few_distinct_values_get_a_dictionary(values: Any, expected: list[str]) -> None:
    rows = pa.table({"x": values})
    assert dictionary_columns(rows) == expected
    file = io.BytesIO()
    pq.write_table(rows, file, use_dictionary=expected)
    columns = pq.read_metadata(file).row_group(0)
    has_dictionary = [columns.column(index).has_dictionary_page for index in range(columns.num_columns)]
    assert any(has_dictionary) == bool(expected)
    assert pq.read_table(file) == rows


def test_a_table_without_rows_has_all_its_columns() -> None:
    assert dictionary_columns(pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())})) == ["a", "b"]
