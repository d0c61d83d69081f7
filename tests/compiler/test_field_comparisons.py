"""Two fields of a contact: numbers of all widths and scales, times of all units, and missing values."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import segbatch
from builders import segment, write_contacts, write_segment
from segbatch import compile_segment

AS_OF = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
BIG = 2**63 - 1


def held(one: pl.Series, other: pl.Series, operator: str, **more: Any) -> list[bool]:
    frame = pl.DataFrame({"one": one, "other": other})
    rule = {"field": "one", "operator": operator, "value_field": "other", **more}
    condition = compile_segment(segment(rule), frame.schema, as_of=AS_OF, timezone="Europe/Berlin")
    return frame.select(condition).to_series().to_list()


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        (pl.Series([BIG, BIG, 1], dtype=pl.Int64), pl.Series([BIG, BIG + 1, 0], dtype=pl.UInt64), "=<>"),
        (pl.Series([10**15 + 1, -1], dtype=pl.Int64), pl.Series([1e15, -0.5]), "><"),
        (pl.Series([0.1, 0.1], dtype=pl.Float32), pl.Series([0.1, 0.2], dtype=pl.Float64), "=<"),
        (
            pl.Series([Decimal("1.50"), Decimal("-1.50")], dtype=pl.Decimal(10, 2)),
            pl.Series([Decimal("1.5"), Decimal("-1.4999")], dtype=pl.Decimal(38, 18)),
            "=<",
        ),
        (
            pl.Series([Decimal("-0.5"), Decimal("3.000000000000000001")], dtype=pl.Decimal(38, 18)),
            pl.Series([-1, 3], dtype=pl.Int64),
            ">>",
        ),
        (
            pl.Series([10**37, 1, 2, -2, -1], dtype=pl.Decimal(38, 0)),
            pl.Series(map(Decimal, ["1.5", "1.000000000000000001", "2", "-1.5", "-1.5"]), dtype=pl.Decimal(38, 18)),
            "><=<>",
        ),
        (pl.Series([Decimal("0.10")], dtype=pl.Decimal(10, 2)), pl.Series([0.1]), "="),
        (
            pl.Series([AS_OF], dtype=pl.Datetime("ms", "UTC")),
            pl.Series([AS_OF + dt.timedelta(microseconds=1)], dtype=pl.Datetime("us", "UTC")),
            "<",
        ),
        (
            pl.Series([AS_OF, AS_OF.replace(hour=22)], dtype=pl.Datetime("ns")),
            pl.Series([dt.date(2025, 6, 1)] * 2),
            "=>",
        ),
        (pl.Series(["a", "B"]), pl.Series(["A", "a"]), "><"),
        (pl.Series([True, False]), pl.Series([True, True]), "=/"),
    ],
    ids=str,
)
def test_two_fields_are_equal_or_one_is_above(one: pl.Series, other: pl.Series, order: str) -> None:
    assert held(one, other, "eq") == [sign == "=" for sign in order]
    assert held(one, other, "neq") == [sign != "=" for sign in order]
    if "/" not in order:
        assert held(one, other, "gt") == [sign == ">" for sign in order]
        assert held(one, other, "gte") == [sign != "<" for sign in order]
        assert held(other, one, "gt") == [sign == "<" for sign in order]
        assert held(one, other, "lt") == [sign == "<" for sign in order]
        assert held(one, other, "lte") == [sign != ">" for sign in order]


def test_a_missing_side_decides() -> None:
    one, other = pl.Series([1.0, None, float("nan"), None]), pl.Series([None, 1.0, 1.0, None], dtype=pl.Float64)
    assert held(one, other, "eq") == [False] * 4
    assert held(one, other, "neq") == [True] * 4
    assert held(one, other, "lte", missing="include") == [True] * 4
    assert held(one, other, "neq", missing="exclude") == [False] * 4
    assert held(one, pl.Series([None] * 4, dtype=pl.Null), "neq") == [True] * 4


def test_exact_numbers_are_compared_with_json_numbers_of_any_length(tmp_path: Path) -> None:
    prices = pa.array(map(Decimal, ["1.50", "7.00", "2.00"]), pa.decimal128(10, 2))
    texts = pa.array(['{"price": 1.5}', '{"price": 123456789012345678901234567890}', '{"price": 1}'])
    path = write_contacts(tmp_path / "contacts.parquet", {"price": prices, "seats": [2, 7, 1], "custom_fields": texts})
    decimals = (("eq", ("a",)), ("lt", ("b",)), ("gt", ("c",)), ("neq", ("b", "c")))
    whole = (("eq", ("c",)), ("lt", ("b",)), ("gt", ("a",)))
    for field, operator, members in (*(("price", *one) for one in decimals), *(("seats", *one) for one in whole)):
        rule = {"field": field, "operator": operator, "value_field": "custom_fields.price"}
        write_segment(tmp_path / "segments", "one", rule)
        assert segbatch.preview(path, tmp_path / "segments").segments[0].first == members


def test_texts_can_be_compared_in_any_case() -> None:
    assert held(pl.Series(["Ä", "a"]), pl.Series(["ä", "b"]), "eq", ignore_case=True) == [True, False]
