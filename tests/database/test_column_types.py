"""The types that columns of a query are stored in: exactly, or not at all."""

import datetime as dt
import decimal
from typing import Any

import pyarrow as pa
import pytest

from segbatch.errors import SnapshotError
from segbatch.snapshot.database.column_types import plan_columns

NUMERIC = pa.opaque(pa.string(), "numeric", "PostgreSQL")


def typmod(precision: int, scale: int) -> str:
    return str(((precision << 16) | (scale & 0x7FF)) + 4)


def field(arrow_type: pa.DataType, postgres: str = "", modifier: str | None = None) -> pa.Field:
    metadata = {"POSTGRESQL:type": postgres} if postgres else {}
    return pa.field("x", arrow_type, metadata=metadata | ({} if modifier is None else {"POSTGRESQL:typmod": modifier}))


def stored(column: pa.Field, values: list[Any]) -> pa.Array:
    schema = pa.schema([column])
    storage = getattr(column.type, "storage_type", column.type)
    array = pa.array(values, storage)
    array = array if storage == column.type else pa.ExtensionArray.from_storage(column.type, array)
    batch = pa.RecordBatch.from_arrays([array], schema=schema)
    return plan_columns(schema, "postgresql://db/crm").convert(batch).column(0)


@pytest.mark.parametrize(
    ("modifier", "expected"),
    [
        (typmod(10, 2), pa.decimal128(10, 2)),
        (typmod(38, 0), pa.decimal128(38, 0)),
        (typmod(4, -2), pa.decimal128(6, 0)),
        (typmod(2, 5), pa.decimal128(5, 5)),
        ("-1", pa.decimal128(38, 9)),
    ],
)
def test_a_numeric_is_a_decimal_of_its_precision(modifier: str, expected: pa.DataType) -> None:
    array = stored(field(NUMERIC, "numeric", modifier), ["0", None, "NaN", "nan"])
    assert array.type == expected
    assert array.to_pylist() == [
        decimal.Decimal(0).quantize(decimal.Decimal(1).scaleb(-expected.scale)),
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("value", "cast"),
    [
        ("0.0000000001", "numeric(38, 18)) or AS double precision"),
        ("0." + "0" * 24 + "1", "numeric(38, 25)) or AS double precision"),
        ("1" + "0" * 30, "numeric(38, 7)) or AS double precision"),
        ("1" + "0" * 40, "double precision)"),
        ("1" + "0" * 30 + ".00000001", "double precision)"),
        ("-1" + "0" * 30 + ".000000001", "double precision)"),
        ("-Infinity", "double precision)"),
    ],
)
def test_a_numeric_that_does_not_fit_is_refused_without_its_value(value: str, cast: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        stored(field(NUMERIC, "numeric", "-1"), ["1", "NaN", value])
    assert str(caught.value) == (
        "postgresql://db/crm: the column 'x' has a value that a number of 38 digits with 9 decimal places cannot store "
        f'exactly; cast it in the query, for example CAST("x" AS {cast}'
    )


def test_a_decimal_may_have_38_digits_after_its_zeros() -> None:
    long = ["-0." + "0" * 5 + "9" * 4, "9" * 29 + "." + "9" * 9, "0"]
    assert stored(field(NUMERIC, "numeric", "-1"), long).to_pylist() == [*map(decimal.Decimal, long)]


@pytest.mark.parametrize("inside", [pa.list_(NUMERIC), pa.struct([("a", NUMERIC)])])
def test_a_number_with_too_many_digits_in_a_list_or_a_row_is_refused(inside: pa.DataType) -> None:
    text = "1" + "0" * 30 + ".000000001"
    numbers = pa.ExtensionArray.from_storage(NUMERIC, pa.array([text]))
    is_list = pa.types.is_list(inside)
    array = pa.ListArray.from_arrays([0, 1], numbers) if is_list else pa.StructArray.from_arrays([numbers], names=["a"])
    schema = pa.schema([pa.field("x", array.type)])
    with pytest.raises(SnapshotError, match=r"cannot store exactly; .* CAST\(\"x\" AS double precision\)$"):
        plan_columns(schema, "x").convert(pa.RecordBatch.from_arrays([array], schema=schema))


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        (
            field(NUMERIC, "numeric", typmod(39, 2)),
            "the type numeric, which a snapshot cannot store; cast it to double",
        ),
        (field(pa.int64(), "money"), "the type money, which a snapshot cannot store; cast it to numeric"),
        (field(pa.month_day_nano_interval(), "interval"), 'cast it to text, or extract(epoch from "x")'),
        (field(pa.opaque(pa.binary(), "hstore", "PostgreSQL"), "hstore"), "cast it to json"),
        (field(pa.list_(pa.opaque(pa.binary(), "inet", "PostgreSQL")), "_inet"), "cast it to text"),
        (field(pa.struct([("a", pa.opaque(pa.binary(), "xml", "PostgreSQL"))])), "cast it to text"),
        (field(pa.duration("us")), "the type duration[us]"),
    ],
)
def test_a_type_that_cannot_be_stored_is_refused_with_the_cast(column: pa.Field, advice: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        plan_columns(pa.schema([column]), "postgresql://db/crm")
    assert str(caught.value).startswith("postgresql://db/crm: the column 'x' has the type ")
    assert advice in str(caught.value)


def test_all_columns_that_cannot_be_stored_are_named() -> None:
    columns = [pa.field(name, pa.month_day_nano_interval()) for name in ("a", "b")]
    with pytest.raises(SnapshotError, match=r"the column 'a' .*; the column 'b' "):
        plan_columns(pa.schema(columns), "postgresql://db/crm")


def test_a_query_without_columns_or_with_equal_names_is_refused() -> None:
    with pytest.raises(SnapshotError, match="the query returns no columns"):
        plan_columns(pa.schema([]), "sqlite:///x.db")
    twice = pa.schema([("a", pa.int64()), ("a", pa.int64()), ("b", pa.int64())])
    with pytest.raises(SnapshotError, match="1 column of the query have the same name as another: a; rename them with"):
        plan_columns(twice, "sqlite:///x.db")


def test_json_is_text_and_a_uuid_stays_a_uuid() -> None:
    assert stored(field(pa.json_(pa.string()), "jsonb"), ['{"plan": "pro"}']).to_pylist() == ['{"plan": "pro"}']
    assert stored(field(pa.uuid(), "uuid"), [b"0" * 16]).type == pa.uuid()
    inside = pa.field("x", pa.list_(pa.json_(pa.string())))
    assert plan_columns(pa.schema([inside]), "x").stored.field("x").type == pa.list_(pa.string())
    record = pa.field("x", pa.struct([("a", pa.json_(pa.string()))]))
    assert plan_columns(pa.schema([record]), "x").stored.field("x").type == pa.struct([("a", pa.string())])


@pytest.mark.parametrize(
    ("arrow_type", "value"),
    [
        (pa.timestamp("us", "UTC"), -9_222_425_352_054_775_809),
        (pa.timestamp("us"), -9_222_425_352_054_775_808),
        (pa.date32(), -2_147_472_692),
    ],
)
def test_an_infinite_date_is_refused(arrow_type: pa.DataType, value: int) -> None:
    for column in (field(arrow_type), field(pa.list_(arrow_type))):
        values = [[value]] if pa.types.is_list(column.type) else [value]
        with pytest.raises(SnapshotError, match=r"'x' has an infinite date, .* NULLIF\(\"x\", 'infinity'\)"):
            stored(column, values)


def test_a_date_that_is_too_late_for_arrow_is_not_called_infinite() -> None:
    with pytest.raises(SnapshotError, match=r"'x' has a date after the year 294246, .* LEAST\(\"x\", '9999-12-31'\)"):
        stored(field(pa.timestamp("us")), [0, -9_222_426_057_709_551_617])


def test_dates_of_any_year_are_kept() -> None:
    days = [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]
    assert stored(field(pa.date32()), days).to_pylist() == days
    assert stored(field(pa.date32()), []).to_pylist() == []
