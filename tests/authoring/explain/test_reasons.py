"""Reasons why a rule matches a value or does not."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from builders import rule, segment
from segbatch.authoring.explain.reasons import RuleInput, explain_rule, rule_text
from segbatch.compiler.clock import read_clock
from segbatch.compiler.predicates import compile_rule
from segbatch.compiler.rule_fields import find_fields
from segbatch.model.rule import Rule
from segbatch.snapshot.arrow.polars_types import polars_schema, to_frame

NOON = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
DAY = "2025-06-01 (as a day in Europe/Berlin)"


def words(value: Any, operator: str, wanted: Any = None, kind: pa.DataType | None = None, **more: Any) -> str:
    table = pa.table({"it": pa.array([value], kind)})
    node = segment(rule("it", operator, wanted, **more)).rules[0]
    assert isinstance(node, Rule)
    clock, schema = read_clock("2025-07-01", "Europe/Berlin", NOON), polars_schema(table.schema)
    row = to_frame(table)
    holds = row.select(compile_rule(node, schema, clock).predicate).item()
    field = find_fields(node, schema, clock).field
    seen = row.select(field.expr).to_series().to_list()[0]
    return f"{'yes' if holds else 'no'}: {explain_rule(node, RuleInput(field, seen, clock), holds=holds)}"


@pytest.mark.parametrize(
    ("value", "operator", "other", "expected"),
    [
        (3, "gt", 2.5, "yes: 3 is above 2.5 of 'other'"),
        ("a", "neq", "A", "yes: 'a' is not 'A' of 'other'"),
        (NOON, "lte", NOON, "yes: 2025-06-01T12:00:00Z is at or before 2025-06-01T12:00:00Z of 'other'"),
        (
            NOON,
            "eq",
            NOON.date(),
            "yes: 2025-06-01T12:00:00Z is 2025-06-01 of 'other' (by day in Europe/Berlin)",
        ),
        (1, "neq", None, "yes: 'other' is missing for every contact, and the rule matches missing values"),
        (None, "eq", 1, "no: missing for every contact, and the rule does not match missing values"),
    ],
)
def test_the_reason_names_both_fields(value: Any, operator: str, other: Any, expected: str) -> None:
    table = pa.table({"it": [value], "other": [other]})
    node = segment({"field": "it", "operator": operator, "value_field": "other"}).rules[0]
    assert isinstance(node, Rule)
    assert rule_text(node) == f"it {operator} value_field other"
    clock, schema, row = read_clock("2025-07-01", "Europe/Berlin", NOON), polars_schema(table.schema), to_frame(table)
    found = find_fields(node, schema, clock)
    assert found.other is not None
    one, two = (row.select(field.expr).to_series().to_list()[0] for field in (found.field, found.other))
    holds = row.select(compile_rule(node, schema, clock).predicate).item()
    seen = RuleInput(found.field, one, clock, RuleInput(found.other, two, clock))
    assert f"{'yes' if holds else 'no'}: {explain_rule(node, seen, holds=holds)}" == expected


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "expected"),
    [
        ("free", "eq", "pro", "no: 'free' is not 'pro'"),
        ("pro", "neq", "pro", "no: 'pro' is 'pro'"),
        ("free", "neq", "pro", "yes: 'free' is not 'pro'"),
        ("n/a", "eq", 5, "no: 'n/a' is a text that is not a number, so not equal to 5"),
        ("n/a", "gt", 5, "no: 'n/a' is a text that is not a number, so it is not ordered"),
        ("n/a", "between", [1, 5], "no: 'n/a' is a text that is not a number, so it is not ordered"),
        (" 7 ", "gt", 5, "yes: ' 7 ' is above 5"),
        ("7", "between", [1, 5], "no: '7' is not between 1 and 5"),
        ("100", "gt", "30", "no: '100' is not above '30' by code point"),
        ("true", "eq", True, "yes: 'true' is true"),
        ("enterprise", "contains", "prise", "yes: 'enterprise' contains 'prise'"),
        ("enterprise", "not_contains", "pro", "yes: 'enterprise' does not contain 'pro'"),
        ("pro", "in", ["pro", "team"], 'yes: \'pro\' is one of ["pro", "team"]'),
        ("pro", "not_in", ["pro"], "no: 'pro' is one of [\"pro\"]"),
        ("abc", "starts_with", "b", "no: 'abc' does not start with 'b'"),
        ("abc", "ends_with", "c", "yes: 'abc' ends with 'c'"),
        ("abc", "matches", "^a", "yes: 'abc' matches '^a'"),
        (10, "gte", 10, "yes: 10 is at least 10"),
        (float("nan"), "neq", 5, "yes: missing, and the rule matches missing values"),
        (Decimal("0.10"), "lte", 0.05, "no: 0.10 is not at most 0.05"),
        (True, "eq", False, "no: true is not false"),
        (["a", "b"], "contains", "b", 'yes: an element of ["a", "b"] is \'b\''),
        (["a"], "neq", "b", "yes: no element of [\"a\"] is 'b'"),
        (["a"], "in", ["b"], 'no: no element of ["a"] is one of ["b"]'),
        ([NOON], "eq", "2025-06-01", "yes: an element of [\"2025-06-01T12:00:00Z\"] is '2025-06-01'"),
        (NOON, "eq", "2025-06-01", f"yes: 2025-06-01T12:00:00Z is {DAY}"),
        (NOON, "gt", "2025-06-01", f"no: 2025-06-01T12:00:00Z is not after {DAY}"),
        (NOON, "lt", "2025-06-01T13:00:00Z", "yes: 2025-06-01T12:00:00Z is before 2025-06-01T13:00:00Z"),
        (NOON, "within_last", "60d", "yes: 2025-06-01T12:00:00Z is in the 60d before 2025-06-30T22:00:00Z"),
        (NOON.date(), "within_next", "60d", "no: 2025-06-01 is not in the 60d after 2025-07-01"),
        (NOON.date(), "anniversary_within_next", "7d", "no: 2025-06-01 has no anniversary in the 7d after 2025-07-01"),
        (
            NOON,
            "anniversary_within_last",
            "30d",
            "yes: 2025-06-01T12:00:00Z has its anniversary in the 30d before 2025-07-01",
        ),
        (NOON.date(), "lt", "today-4w", "yes: 2025-06-01 is before today-4w (2025-06-03)"),
        (NOON, "eq", "start_of_month", "no: 2025-06-01T12:00:00Z is not start_of_month (2025-07-01)"),
        (NOON, "gt", "now-31d", "yes: 2025-06-01T12:00:00Z is after now-31d (2025-05-30T22:00:00Z)"),
        (NOON, "not_within_last", "60d", "no: 2025-06-01T12:00:00Z is in the 60d before 2025-06-30T22:00:00Z"),
        (NOON, "older_than", "1w", "yes: 2025-06-01T12:00:00Z is more than 1w before 2025-06-30T22:00:00Z"),
        (NOON.date(), "later_than", "1mo", "no: 2025-06-01 is not more than 1mo after 2025-07-01"),
        (None, "older_than", "1w", "no: missing for every contact, and the rule does not match missing values"),
        (NOON.date(), "gte", "2025-06-01", "yes: 2025-06-01 is at or after 2025-06-01"),
        ("x", "exists", None, "yes: present: 'x'"),
        ("x", "empty", None, "no: present: 'x'"),
        ({"a": 1}, "exists", None, "yes: present: an object"),
        (b"x", "exists", None, "yes: present: a value of a type that rules do not compare"),
        (None, "empty", None, "yes: missing for every contact"),
        (None, "blank", None, "yes: missing for every contact"),
        ("  ", "blank", None, "yes: '  ' is blank"),
        ("x", "blank", None, "no: 'x' is not blank"),
        ("", "not_blank", None, "no: '' is blank"),
        ([], "blank", None, "yes: [] is blank"),
        ([None], "not_blank", None, "yes: [null] is not blank"),
        (5, "not_blank", None, "yes: present: 5"),
    ],
)
def test_the_reason_has_the_value_that_was_seen(value: Any, operator: str, wanted: Any, expected: str) -> None:
    assert words(value, operator, wanted) == expected


def test_the_reason_mentions_how_the_rule_treats_missing_values() -> None:
    assert words(None, "eq", "x", pa.string()) == "no: missing, and the rule does not match missing values"
    assert words(None, "eq", "x", pa.string(), missing="include") == "yes: missing, and the rule has missing: include"
    assert words(None, "neq", "x", pa.string(), missing="exclude") == "no: missing, and the rule has missing: exclude"


def test_the_reason_mentions_ignored_case() -> None:
    assert words("PRO", "eq", "pro", ignore_case=True) == "yes: 'PRO' is 'pro', ignoring case"


def test_a_rule_is_written_as_it_is_typed() -> None:
    written = Rule(field="a", operator="in", value=("é", 1), missing="exclude", ignore_case=True)
    assert rule_text(written) == 'a in ["é", 1] missing exclude ignore_case'
    assert len(rule_text(Rule(field="a", operator="eq", value="x" * 100))) == 80
