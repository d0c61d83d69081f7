"""Values that a field's type cannot be compared with, each named with its place."""

import datetime as dt

import polars as pl
import pytest

from builders import rule, segment
from segbatch import DefinitionError, Problem, compile_segment
from segbatch.compiler.clock import read_clock
from segbatch.compiler.plan import make_plan
from segbatch.definitions.definition import Definition

SCHEMA: dict[str, pl.DataType] = {
    "plan": pl.String(),
    "age": pl.Int64(),
    "born": pl.Date(),
    "seen": pl.Datetime("us", "UTC"),
}
NOON = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("field", "operator", "value", "message"),
    [
        ("age", "in", [1, "many"], r"\$\.rules\[0\]\.value\[1\]"),
        ("age", "not_in", [*range(20), "many"], r"\$\.rules\[0\]\.value\[20\]"),
        ("plan", "between", ["a", 5], "write two texts, or two numbers"),
        ("plan", "between", ["b", "a"], "the low value is above the high one"),
        ("seen", "between", ["2025-06-02T00:00Z", "2025-06-01T00:00Z"], "the low value is above the high one"),
        ("seen", "between", ["2025-06-02", "2025-06-01T00:00Z"], "the low value is above the high one"),
        ("born", "within_last", "36h", "a date has no hours"),
        ("plan", "anniversary_within_next", "7d", "it needs a date or a date-time"),
        ("born", "eq", "tody", "or 'start_of_month'; did you mean 'today'?"),
        ("born", "gt", "today-30", "; did you mean 'today-30d'?"),
        ("born", "gt", "Today - 2w", "; did you mean 'today-2w'?"),
        ("seen", "in", ["now", "yesterday"], r"value\[1\]: 'yesterday' .*; did you mean 'today-1d'?"),
        ("seen", "lt", "start_of_moth+1mo", r"; did you mean 'start_of_month\+1mo'?"),
        ("seen", "lt", "never", "a relative one like 'today-30d', 'now-36h' or 'start_of_month'$"),
        ("seen", "lt", "today.", "or 'start_of_month'$"),
        ("born", "lt", "now-1d", "a date has no time of day; write 'today-1d'"),
        ("seen", "lt", "today-36h", "a day has no hours or minutes; write a time like 'now-36h'"),
        ("born", "between", ["today", "today-30d"], "the low value is above the high one"),
    ],
)
def test_a_value_of_the_wrong_type_is_reported_with_its_path(
    field: str, operator: str, value: object, message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        compile_segment(segment(rule(field, operator, value)), SCHEMA, as_of=NOON)


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (
            {"field": "plan", "operator": "eq", "value_field": "age"},
            (
                r"\$\.rules\[0\]\.value_field: 'plan' \(text\) cannot be compared with 'age' \(whole number\): "
                "numbers are compared with numbers, dates with dates or date-times, texts with texts"
            ),
        ),
        ({"field": "plan", "operator": "eq", "value_field": "plam"}, r"\.value_field: the snapshot has no column"),
    ],
)
def test_a_field_that_cannot_be_compared_is_reported(one: dict[str, str], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        compile_segment(segment(one), SCHEMA, as_of=NOON)


@pytest.mark.parametrize(
    ("operator", "duration", "members"), [("within_last", "36h", ["b"]), ("within_next", "2d", ["c"])]
)
def test_durations_are_measured_from_the_time_of_the_run(operator: str, duration: str, members: list[str]) -> None:
    seen = [NOON - dt.timedelta(days=5), NOON - dt.timedelta(hours=30), NOON + dt.timedelta(days=1)]
    frame = pl.DataFrame({"id": ["a", "b", "c"], "seen": seen})
    found = compile_segment(segment(rule("seen", operator, duration)), frame.schema, as_of=NOON)
    assert frame.filter(found)["id"].to_list() == members


def test_segments_that_reference_a_failed_one_fail_and_keep_their_own_reason() -> None:
    first = segment(rule("plan", "eq", "pro"), id="first")
    named = {"operator": "in_segment", "value": "first"}
    definitions = [Definition(first), Definition(segment(named, id="second")), Definition(segment(named, id="third"))]
    plan = make_plan(definitions, SCHEMA, read_clock(NOON, "UTC", NOON))
    failing = plan.failing({"first": [Problem("changed")], "second": [Problem("changed, too")]})
    assert failing.segments == ()
    assert [problem.message for problem in failing.failed["second"]] == ["changed, too"]
    assert "first" in failing.failed["third"][0].message
