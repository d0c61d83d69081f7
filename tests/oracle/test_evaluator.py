"""The evaluator on one rule, held against the sentences of the contract."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from .evaluator import Refused, check, holds
from .patterns import searcher

INSTANT = pa.timestamp("us", "UTC")
TEXTS, INTEGERS = pa.list_(pa.string()), pa.list_(pa.int64())
STRUCT = pa.struct([("plan", pa.string()), ("a.b", pa.int64()), ("a", pa.struct([("b", pa.string())]))])
SPRING = datetime(2025, 3, 30, 1, tzinfo=UTC)
NEW_YEAR = datetime(2024, 12, 31, 23, 30, tzinfo=UTC)


def segment(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "s", "name": "S", "rules": list(rules), **more}


def one(arrow: pa.DataType, cell: Any, operator: str, value: Any = None, **more: Any) -> bool:
    """Evaluate one rule on the only column of one contact; `more` is for the rule, or for the run."""
    run = {key: more.pop(key) for key in ("timezone", "as_of") if key in more}
    rule = {"field": "x", "operator": operator, "value": value, **more}
    return holds(segment(rule), {"x": cell}, pa.schema([("x", arrow)]), **run)


@pytest.mark.parametrize(
    ("arrow", "cell", "operator", "value", "expected"),
    [
        # text
        (pa.string(), "Pro", "eq", "pro", False),
        (pa.string(), "a.b", "contains", "a.b", True),
        (pa.string(), "axb", "contains", "a.b", False),
        (pa.string(), "", "contains", "", True),
        (pa.string(), "\uffff", "lt", "\U0001f600", True),
        (pa.string(), " 12 ", "eq", 12, True),
        (pa.string(), "\u00a012", "eq", 12, False),
        (pa.string(), "\uff11", "eq", 1, False),
        (pa.string(), "inf", "gt", 1, False),
        (pa.string(), "x", "neq", 1, True),
        (pa.string(), "9", "lt", 10, True),
        (pa.string(), "v10", "contains", 10.0, True),
        (pa.string(), "true", "eq", True, True),
        (pa.string(), "True", "eq", True, False),
        (pa.string(), "b", "in", ["a", 1, True], False),
        (pa.string(), "1.0", "in", ["a", 1, True], True),
        (pa.string(), "b", "between", ["a", "b"], True),
        (pa.string(), "pro", "starts_with", "p", True),
        (pa.string(), "pro", "ends_with", "p", False),
        # numbers
        (pa.int64(), 10, "eq", 10.0, True),
        (pa.int64(), 11, "gt", 10.5, True),
        (pa.int64(), 10, "eq", " 1e1 ", True),
        (pa.int64(), 2**53 + 1, "eq", 2**53, False),
        (pa.uint64(), 2**64 - 1, "lt", 2**64, True),
        (pa.decimal128(10, 2), Decimal("0.10"), "eq", 0.1, True),
        (pa.float32(), 0.10000000149011612, "eq", 0.1, True),
        (pa.float64(), 0.10000000149011612, "eq", 0.1, False),
        (pa.float64(), math.inf, "gt", 1e308, True),
        (pa.float64(), -0.0, "eq", 0, True),
        (pa.float64(), math.nan, "eq", 1, False),
        (pa.float64(), math.nan, "neq", 1, True),
        (pa.float64(), math.nan, "empty", None, True),
        # blank
        (pa.string(), None, "blank", None, True),
        (pa.string(), "", "blank", None, True),
        (pa.string(), " \t\u2003\u3000\x85", "blank", None, True),
        (pa.string(), " \u200b", "blank", None, False),
        (pa.string(), "\x1c", "not_blank", None, True),
        (pa.list_(pa.string()), [], "blank", None, True),
        (pa.list_(pa.string()), [None], "blank", None, False),
        (pa.list_(pa.string()), [" "], "not_blank", None, True),
        (pa.float64(), math.nan, "blank", None, True),
        (pa.int64(), 0, "blank", None, False),
        (pa.bool_(), False, "not_blank", None, True),
        (pa.struct({"a": pa.int64()}), {"a": None}, "blank", None, False),
        # booleans
        (pa.bool_(), False, "eq", "false", True),
        (pa.bool_(), False, "in", [True, "false"], True),
        # times
        (INSTANT, SPRING, "eq", "2025-03-30T03:00:00+02:00", True),
        (INSTANT, SPRING, "lt", "2025-03-30T01:00:00.000001Z", True),
        (pa.timestamp("us"), SPRING.replace(tzinfo=None), "eq", "2025-03-30 01:00", True),
        (INSTANT, SPRING, "gte", "2025-03-30", True),
        (INSTANT, SPRING, "gt", "2025-03-30", False),
        (INSTANT, SPRING, "between", ["2025-03-30T00:59Z", "2025-03-30"], True),
        (pa.date32(), date(2025, 3, 30), "lte", "2025-03-30", True),
        # lists
        (TEXTS, ["vip", None], "contains", "vip", True),
        (TEXTS, ["vip"], "contains", "vi", False),
        (TEXTS, ["07"], "eq", 7, True),
        (TEXTS, [], "neq", "vip", True),
        (TEXTS, [], "exists", None, True),
        (INTEGERS, [1, 2], "in", [2, "3"], True),
        (pa.list_(pa.float64()), [math.nan], "eq", 1, False),
        (pa.list_(pa.date32()), [date(2025, 3, 30)], "eq", "2025-03-30", True),
        # present, missing
        (pa.string(), "", "exists", None, True),
        (pa.string(), None, "contains", "", False),
        (pa.string(), None, "not_contains", "", True),
        (pa.string(), None, "not_in", ["a"], True),
        (STRUCT, {"plan": None, "a.b": None, "a": None}, "exists", None, True),
        (pa.null(), None, "gt", "anything", False),
    ],
)
def test_a_rule_is_true_or_false_for_every_cell(
    arrow: pa.DataType, cell: Any, operator: str, value: Any, *, expected: bool
) -> None:
    assert one(arrow, cell, operator, value) is expected


@pytest.mark.parametrize(
    ("arrow", "operator", "value"),
    [
        (pa.string(), "gt", True),
        (pa.string(), "eq", 2**53),
        (pa.string(), "eq", None),
        (pa.string(), "in", []),
        (pa.string(), "between", ["b", "a"]),
        (pa.string(), "between", [1, "a"]),
        (pa.string(), "matches", "("),
        (pa.string(), "matches", "(?=a)"),
        (pa.string(), "equals", "a"),
        (pa.int64(), "eq", "inf"),
        (pa.int64(), "eq", True),
        (pa.int64(), "contains", 1),
        (pa.int64(), "in", [1, "x"]),
        (pa.bool_(), "eq", 1),
        (pa.bool_(), "eq", "TRUE"),
        (pa.bool_(), "lt", True),
        (INSTANT, "eq", "2025-02-30"),
        (INSTANT, "eq", "2025-03-30T01:00:00.1234567Z"),
        (INSTANT, "contains", "2025"),
        (INSTANT, "within_last", "1m"),
        (pa.date32(), "eq", "2025-03-30T00:00Z"),
        (pa.date32(), "within_last", "36h"),
        (TEXTS, "gt", "a"),
        (TEXTS, "starts_with", "a"),
        (pa.list_(TEXTS), "eq", "a"),
        (STRUCT, "eq", "a"),
        (pa.null(), "between", [20, 10]),
        (pa.null(), "between", ["2025-06-30", "2025-06-01"]),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_whatever_the_row(arrow: pa.DataType, operator: str, value: Any) -> None:
    with pytest.raises(Refused):
        one(arrow, None, operator, value)


@pytest.mark.parametrize(
    ("cell", "zone", "day"),
    [
        (NEW_YEAR, "UTC", "2024-12-31"),
        (NEW_YEAR, "Europe/Berlin", "2025-01-01"),
        (NEW_YEAR, "America/New_York", "2024-12-31"),
    ],
)
def test_a_day_is_a_day_of_the_runs_time_zone(cell: datetime, zone: str, day: str) -> None:
    assert [one(INSTANT, cell, name, day, timezone=zone) for name in ("lt", "eq", "gt")] == [False, True, False]


def test_a_value_without_offset_is_local_and_the_earlier_of_two() -> None:
    cell = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert one(INSTANT, cell, "eq", "2025-10-26T02:30", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("operator", "duration", "cell", "expected"),
    [
        ("within_last", "24h", datetime(2025, 3, 29, 12, tzinfo=UTC), True),
        ("within_last", "24h", datetime(2025, 3, 29, 11, 59, tzinfo=UTC), False),
        ("within_last", "1d", datetime(2025, 3, 29, 13, tzinfo=UTC), True),
        ("within_last", "1d", datetime(2025, 3, 29, 12, 59, tzinfo=UTC), False),
        ("within_last", "1w", datetime(2025, 3, 30, 12, 0, 1, tzinfo=UTC), False),
        ("within_next", "1w", datetime(2025, 4, 6, 12, tzinfo=UTC), True),
        ("within_next", "1w", datetime(2025, 4, 6, 12, 1, tzinfo=UTC), False),
    ],
)
def test_days_are_of_the_wall_clock_and_hours_are_elapsed(
    operator: str, duration: str, cell: datetime, *, expected: bool
) -> None:
    as_of = datetime(2025, 3, 30, 12, tzinfo=UTC)
    run: dict[str, Any] = {"as_of": as_of, "timezone": "Europe/Berlin"}
    assert one(INSTANT, cell, operator, duration, **run) is expected


def test_a_date_is_within_days_at_both_ends() -> None:
    run: dict[str, Any] = {"as_of": datetime(2025, 3, 29, 23, 30, tzinfo=UTC), "timezone": "Europe/Berlin"}
    days = [date(2025, 3, day) for day in (28, 29, 30, 31)]
    assert [one(pa.date32(), day, "within_last", "1d", **run) for day in days] == [False, True, True, False]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("b$", "b\n", False),
        ("a.b", "a\nb", False),
        (r"^\w+$", "e\u0301", True),
        (r"\d", "\u0663", True),
        (r"\s", "\x1c", False),
        (r"\bpro\b", "a pro.", True),
        (r"\bpro\b", "a pro\u0301", False),
    ],
)
def test_a_pattern_means_what_it_means_in_rust(pattern: str, text: str, *, expected: bool) -> None:
    assert searcher(pattern, ignore_case=False)(text) is expected


@pytest.mark.parametrize(
    ("arrow", "cell", "operator", "value"),
    [
        (pa.string(), "PRO", "eq", "pro"),
        (pa.string(), "ÉCOLE", "contains", "éco"),
        (pa.string(), "TRUE", "eq", True),
        (pa.string(), "Pro", "matches", "^PRO$"),
        (TEXTS, ["VIP"], "in", ["x", "vip"]),
    ],
)
def test_ignore_case_compares_in_lower_case(arrow: pa.DataType, cell: Any, operator: str, value: Any) -> None:
    assert not one(arrow, cell, operator, value)
    assert one(arrow, cell, operator, value, ignore_case=True)


@pytest.mark.parametrize(
    "rule",
    [
        {"operator": "eq", "value": 1, "ignore_case": True},
        {"operator": "exists", "missing": "include"},
        {"operator": "eq", "value": 1, "missing": "yes"},
        {"operator": "eq", "value": 1, "field": "y"},
        {"operator": "eq", "value": 1, "valeu": 1},
    ],
)
def test_keys_that_do_not_fit_are_refused_with_their_place(rule: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        check(segment({"field": "x", **rule}), pa.schema([("x", pa.int64())]))
    assert refused.value.place == "$.rules[0]"


def test_missing_overrides_what_a_rule_says_of_a_missing_value() -> None:
    assert one(pa.int64(), None, "gt", 1, missing="include")
    assert not one(pa.int64(), None, "neq", 1, missing="exclude")


@pytest.mark.parametrize(
    ("match", "age", "expected"),
    [("none", None, True), ("none", 51, False), ("any", 51, True), ("all", 50, False)],
)
def test_none_is_the_complement_of_any(match: str, age: int | None, *, expected: bool) -> None:
    group = {"match": match, "rules": [{"field": "age", "operator": "gt", "value": 50}]}
    assert holds(segment(group), {"age": age}, pa.schema([("age", pa.int64())])) is expected
