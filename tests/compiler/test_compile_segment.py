"""A segment as one expression, for a frame of one's own."""

import datetime as dt

import polars as pl
import pytest

from builders import rule, segment
from segbatch import DefinitionError, UsageError, compile_segment

PEOPLE = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "status": ["active", "active", "new", None],
        "age": [30, 60, None, 51],
        "project_id": ["p1", "p2", "p1", "p1"],
        "custom_fields": [{"plan": "pro", "a.b": 1}, {"plan": None, "a.b": 2}, None, {"plan": "free", "a.b": 3}],
        "custom_fields.flat": ["x", "y", "z", None],
    }
)


def ids(*rules: dict[str, object], **more: object) -> list[str]:
    found = segment(*rules, **more)
    return PEOPLE.filter(compile_segment(found, PEOPLE.schema)).get_column("id").to_list()


def test_a_lazy_frame_can_be_filtered_too() -> None:
    lazy = PEOPLE.lazy()
    condition = compile_segment(segment(rule("status", "eq", "active")), lazy.collect_schema())
    assert lazy.filter(condition).collect().height == 2


def test_rules_and_groups_are_combined_by_all_any_and_none() -> None:
    active, old = rule("status", "eq", "active"), rule("age", "gt", 50)
    assert ids(active, old) == ["b"]
    assert ids(active, old, match="any") == ["a", "b", "d"]
    assert ids(active, old, match="none") == ["c"]
    assert ids(active, {"match": "none", "rules": [old]}) == ["a"]


def test_none_of_a_single_rule_negates_it() -> None:
    assert ids(rule("age", "gt", 50), match="none") == ["a", "c"]
    assert ids(rule("age", "lte", 50)) == ["a"]


def test_a_segment_of_a_project_contains_only_contacts_of_the_project() -> None:
    assert ids(rule("status", "exists"), project_id="p1") == ["a", "c"]


def test_a_column_with_the_whole_name_takes_precedence_over_a_path() -> None:
    assert ids(rule("custom_fields.flat", "eq", "y")) == ["b"]
    assert ids(rule("custom_fields.a.b", "gte", 2)) == ["b", "d"]


def test_rules_on_a_missing_field_match_all_rows_or_none() -> None:
    assert ids(rule("custom_fields.nope", "eq", "x")) == []
    assert ids(rule("custom_fields.nope", "neq", "x")) == ["a", "b", "c", "d"]
    assert ids(rule("custom_fields.nope", "empty")) == ["a", "b", "c", "d"]


def test_a_path_into_a_scalar_is_missing() -> None:
    assert ids(rule("custom_fields.a.b.tier", "empty")) == ["a", "b", "c", "d"]
    with pytest.raises(DefinitionError, match=r"'custom_fields\.plan' is text, and paths into it need a snapshot"):
        ids(rule("custom_fields.plan.tier", "empty"))


def test_an_unknown_custom_field_is_an_error_if_strict() -> None:
    unknown = segment(rule("custom_fields.plam", "eq", "pro"))
    with pytest.raises(DefinitionError, match=r"'custom_fields' has no 'plam'.*did you mean 'plan'") as caught:
        compile_segment(unknown, PEOPLE.schema, strict=True)
    assert [problem.severity for problem in caught.value.problems] == ["error"]


def test_all_wrong_rules_are_reported_at_once() -> None:
    wrong = segment(rule("nope", "exists"), {"match": "any", "rules": [rule("age", "gt", "old")]})
    with pytest.raises(DefinitionError) as caught:
        compile_segment(wrong, PEOPLE.schema)
    assert [problem.path for problem in caught.value.problems] == ["$.rules[0].field", "$.rules[1].rules[0].value"]


def test_a_project_of_another_type_than_the_column_is_an_error_of_the_project() -> None:
    frame = pl.DataFrame({"project_id": [1, 2]})
    with pytest.raises(DefinitionError, match=r"'p1' cannot be compared with 'project_id' \(whole number"):
        compile_segment(segment(rule("project_id", "exists"), project_id="p1"), frame.schema)


def test_an_unknown_time_zone_is_an_error() -> None:
    with pytest.raises(UsageError, match="unknown time zone 'Mars/Olympus'"):
        compile_segment(segment(rule("age", "exists")), PEOPLE.schema, timezone="Mars/Olympus")


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize(
    ("operator", "value", "held"),
    [
        ("eq", "2025-06-01T10:00:00", [True, False]),
        ("gt", "2025-06-01T10:00:00", [False, True]),
        ("lte", "2025-06-01T10:00:00", [True, False]),
        ("gt", "2025-06-01T09:59:59.999999", [True, True]),
        ("lt", "3000-01-01T00:00:00", [True, True]),
        ("gt", "0001-01-02T00:00:00", [True, True]),
        ("eq", "3000-01-01T00:00:00", [False, False]),
    ],
)
def test_instants_compare_exactly_in_every_unit(unit: str, operator: str, value: str, held: list[bool]) -> None:
    moment = dt.datetime(2025, 6, 1, 10)  # noqa: DTZ001 - a column without a zone
    frame = pl.DataFrame({"at": [moment, moment]}, schema={"at": pl.Datetime(unit)})  # type: ignore[arg-type]
    step = {"ms": 1, "us": 1, "ns": 1}[unit]
    later = pl.col("at").to_physical() + pl.Series([0, step])
    frame = frame.with_columns(later.cast(pl.Datetime(unit)).alias("at"))  # type: ignore[arg-type]
    condition = compile_segment(segment(rule("at", operator, value)), frame.schema)
    assert frame.select(condition).to_series().to_list() == held


@pytest.mark.parametrize(
    ("dtype", "cell", "operator", "value", "held"),
    [
        (pl.UInt8, 200, "gt", -1, True),
        (pl.UInt8, 200, "lt", -1, False),
        (pl.UInt8, 200, "lt", 1000, True),
        (pl.UInt8, 200, "gte", 1000, False),
        (pl.Int8, -5, "eq", -5.0, True),
        (pl.UInt64, 2**64 - 1, "eq", 2**64 - 1, True),
        (pl.UInt64, 2**64 - 1, "lt", 2**64, True),
        (pl.Int64, 2**53 + 1, "gt", float(2**53), True),
        (pl.Float32, 1e30, "lt", 1e300, True),
        (pl.Float32, 1e30, "eq", 1e300, False),
        (pl.Float16, 0.5, "eq", 0.5, True),
        (pl.Float64, float("inf"), "gt", 1e300, True),
        (pl.Decimal(38, 2), "12.34", "gt", "12.335", True),
        (pl.Enum(["low", "high"]), "low", "gt", "high", True),
        (pl.Categorical, "pro", "contains", "r", True),
        (pl.Array(pl.Int8, 2), [1, 2], "contains", 2, True),
    ],
)
def test_every_type_of_column_compares_by_its_value(
    dtype: pl.DataType, cell: object, operator: str, value: object, *, held: bool
) -> None:
    frame = pl.DataFrame({"it": pl.Series([cell, None]).cast(dtype)})
    condition = compile_segment(segment(rule("it", operator, value)), frame.schema)
    assert frame.select(condition).to_series().to_list() == [held, False]


@pytest.mark.parametrize("value", ["1" * 401, "1e-500", "1e999", "0x10", "\u0661", "", "1e99999999999999999999"])
def test_a_number_that_is_too_long_or_infinite_is_rejected(value: str) -> None:
    with pytest.raises(DefinitionError, match="write a number"):
        compile_segment(segment(rule("age", "gt", value)), PEOPLE.schema)


@pytest.mark.parametrize("value", ["2025-06-01T25:00:00", "0001-01-01T00:00:00+14:00", "2025-13-01"])
def test_a_time_outside_the_calendar_is_rejected(value: str) -> None:
    frame = pl.DataFrame({"at": [dt.datetime(2025, 1, 1, tzinfo=dt.UTC)]})
    with pytest.raises(DefinitionError, match=r"cannot be compared with 'at' \(date-time\)"):
        compile_segment(segment(rule("at", "gt", value)), frame.schema)


@pytest.mark.parametrize("kind", [pl.List(pl.List(pl.Int8)), pl.List(pl.Struct({"a": pl.Int8}))])
def test_a_list_of_values_that_cannot_be_compared_is_rejected(kind: pl.DataType) -> None:
    frame = pl.DataFrame({"it": []}, schema={"it": kind})
    with pytest.raises(DefinitionError, match="its elements cannot be compared"):
        compile_segment(segment(rule("it", "contains", 1)), frame.schema)


def test_a_list_without_an_element_type_matches_no_value() -> None:
    frame = pl.DataFrame({"it": [[None], [], None]}, schema={"it": pl.List(pl.Null)})
    condition = compile_segment(segment(rule("it", "neq", 1)), frame.schema)
    assert frame.select(condition).to_series().to_list() == [True, True, True]


def held(frame: pl.DataFrame, field: str, operator: str, value: object, **more: object) -> list[bool]:
    condition = compile_segment(
        segment(rule(field, operator, value, **more)),
        frame.schema,
        as_of=dt.datetime(2025, 6, 15, 12, tzinfo=dt.UTC),
        timezone="America/New_York",
    )
    return frame.select(condition).to_series().to_list()


@pytest.mark.parametrize("duration", ["999999w", "999999d", "999999mo", "9999y"])
def test_a_duration_beyond_the_calendar_ends_with_the_calendar(duration: str) -> None:
    days = [dt.date(1, 1, 1), dt.date(2025, 6, 15), dt.date(9999, 12, 31)]
    moments = [dt.datetime(1, 1, 2, tzinfo=dt.UTC), dt.datetime(9999, 12, 30, tzinfo=dt.UTC)]
    assert held(pl.DataFrame({"it": days}), "it", "within_last", duration) == [True, True, False]
    assert held(pl.DataFrame({"it": days}), "it", "within_next", duration) == [False, True, duration != "999999d"]
    assert held(pl.DataFrame({"it": moments}), "it", "within_last", duration) == [True, False]
    assert held(pl.DataFrame({"it": moments[1:]}), "it", "within_next", "999999w") == [True]


MANY = 40
"""More values than are compared one by one."""


@pytest.mark.parametrize(
    ("cells", "dtype", "values", "expected"),
    [
        (["v1", "7", "true", "x"], pl.String, [*(f"v{n}" for n in range(MANY)), 7, True], [True, True, True, False]),
        ([1, 200, None], pl.UInt8, [*range(MANY), 1000, 0.5], [True, False, False]),
        ([0.5, 2.5], pl.Float32, [*(n / 2 for n in range(0, MANY, 2)), 1e300, 0.5], [True, False]),
        (["0.50", "0.60"], pl.Decimal(10, 2), [*range(MANY), 0.5], [True, False]),
        (["2025-06-01", "2025-07-01"], pl.Date, [f"2025-06-{n:02}" for n in range(1, 31)], [True, False]),
        (
            ["2025-06-01T10:00:00", "2025-06-02T10:00:00", "2025-07-03T10:00:00"],
            pl.Datetime("us"),
            ["2025-06-02", *(f"2025-06-01T{n:02}:00:00Z" for n in range(24))],
            [True, True, False],
        ),
        ([["v1"], ["x"], []], pl.List(pl.String), [f"v{n}" for n in range(MANY)], [True, False, False]),
    ],
    ids=str,
)
def test_a_long_list_matches_the_same_contacts_as_its_values(
    cells: list[object], dtype: pl.DataType, values: list[object], expected: list[bool]
) -> None:
    series = pl.Series("it", cells)
    if dtype in {pl.Date, pl.Datetime("us")}:
        series = series.str.to_date() if dtype == pl.Date else series.str.to_datetime(time_unit="us")
    frame = series.cast(dtype).to_frame()
    assert held(frame, "it", "in", values) == expected
    assert held(frame, "it", "not_in", values) == [not answer for answer in expected]


@pytest.mark.parametrize("dtype", [pl.List(pl.Null), pl.Null])
def test_ignore_case_is_allowed_on_a_missing_field(dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"it": [None]}, schema={"it": dtype})
    assert held(frame, "it", "contains", "a", ignore_case=True) == [False]


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("within_last", "1d"),
        ("within_next", "2w"),
        ("starts_with", "a"),
        ("matches", "a"),
        ("between", [1, 2]),
        ("in", [1]),
    ],
)
def test_operators_on_a_field_without_values_match_no_contact(operator: str, value: object) -> None:
    frame = pl.DataFrame({"it": [None, None]}, schema={"it": pl.Null})
    assert held(frame, "it", operator, value) == [False, False]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("İ", ["İstanbul"]),
        ("^.{8}$", ["İstanbul", "\u0131stanbul", "ISTANBUL"]),
        ("^i", ["ISTANBUL"]),
        ("^\u0131", ["\u0131stanbul"]),
        ("^S", ["\u017falt"]),
        ("^\u017f", ["\u017falt"]),
        ("^k$", ["\u212a"]),
        ("^ß$", ["\u1e9e"]),
        (r"\D", ["İstanbul", "\u0131stanbul", "ISTANBUL", "\u017falt", "\u212a", "\u1e9e"]),
    ],
)
def test_a_pattern_that_ignores_case_is_not_lowered(pattern: str, expected: list[str]) -> None:
    texts = ["İstanbul", "\u0131stanbul", "ISTANBUL", "\u017falt", "\u212a", "\u1e9e", "7", None]
    frame = pl.DataFrame({"it": texts})
    found = compile_segment(segment(rule("it", "matches", pattern, ignore_case=True)), frame.schema)
    assert frame.filter(found).get_column("it").to_list() == expected


def test_a_path_into_a_map_of_a_frame_is_an_error() -> None:
    frame = pl.DataFrame({"it": pl.Series([], dtype=pl.Map(pl.String(), pl.String()))})
    with pytest.raises(DefinitionError, match="'it' is a map, and paths into it need a snapshot"):
        compile_segment(segment(rule("it.a", "eq", "x")), frame.schema)
