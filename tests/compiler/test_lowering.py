"""Typed tests that rules are lowered to, by the type of the field."""

import datetime as dt
import pickle
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from builders import rule
from segbatch.compiler.clock import read_clock
from segbatch.compiler.literals import LiteralTypeError
from segbatch.compiler.lowering import lower
from segbatch.compiler.rule_errors import FieldKindsError, OperatorTypeError
from segbatch.compiler.typed_test import (
    AnyElement,
    Between,
    Compare,
    CompareFields,
    FieldType,
    HasAnniversary,
    HasMatch,
    HasText,
    IsBlank,
    IsIn,
    IsMissing,
    Never,
    TypedTest,
)
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.types import Kind

NOON = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
CLOCK = read_clock(NOON, "Europe/Berlin", NOON)
SOME_UUID = str(UUID(int=7))


def lowered(kind: Kind, operator: str, value: object = None, element: Kind = Kind.NOTHING, **more: Any) -> TypedTest:
    """Return the test of a rule on a field of a type."""
    return lower(Rule.model_validate(rule("f", operator, value, **more)), FieldType(kind, element), CLOCK)


@pytest.mark.parametrize(
    ("kind", "operator", "value", "test"),
    [
        (Kind.TEXT, "eq", True, Compare("eq", "true")),
        (Kind.TEXT, "gt", 1.5, Compare("gt", Decimal("1.5"))),
        (Kind.NUMBER, "lte", "10", Compare("lte", Decimal(10))),
        (Kind.BOOLEAN, "eq", "false", Compare("eq", literal=False)),
        (Kind.UUID, "eq", SOME_UUID.upper(), Compare("eq", SOME_UUID)),
        (Kind.UUID, "starts_with", "AB", HasText("start", "ab")),
        (Kind.UUID, "matches", "AB", HasMatch("AB", ignore_case=True)),
        (Kind.DATE, "in", ["2025-06-01"], IsIn((dt.date(2025, 6, 1),))),
        (Kind.DATETIME, "eq", "2025-06-01", Compare("eq", dt.date(2025, 6, 1))),
        (Kind.DATETIME, "gt", "2025-06-01T12:00", Compare("gt", dt.datetime(2025, 6, 1, 10, tzinfo=dt.UTC))),
        (Kind.DATE, "within_last", "1w", Between(dt.date(2025, 5, 25), dt.date(2025, 6, 1))),
        (Kind.DATETIME, "within_next", "2h", Between(NOON, NOON + dt.timedelta(hours=2))),
        (Kind.DATE, "within_next", "1mo", Between(dt.date(2025, 6, 1), dt.date(2025, 7, 1))),
        (Kind.DATE, "older_than", "2y", Compare("lt", dt.date(2023, 6, 1))),
        (Kind.DATETIME, "later_than", "90min", Compare("gt", NOON + dt.timedelta(minutes=90))),
        (Kind.DATE, "anniversary_within_next", "1w", HasAnniversary(((601, 608),))),
        (Kind.DATETIME, "anniversary_within_last", "152d", HasAnniversary(((101, 601), (1231, 1231)))),
        (Kind.DATE, "anniversary_within_next", "30w", HasAnniversary(((601, 1228),))),
        (Kind.DATE, "anniversary_within_next", "365d", HasAnniversary(((101, 1231),))),
        (Kind.TEXT, "eq", "today", Compare("eq", "today")),
        (Kind.DATE, "lt", "today-1mo", Compare("lt", dt.date(2025, 5, 1))),
        (Kind.DATE, "in", ["start_of_week", "start_of_year"], IsIn((dt.date(2025, 5, 26), dt.date(2025, 1, 1)))),
        (Kind.DATETIME, "gte", "now-90min", Compare("gte", NOON - dt.timedelta(minutes=90))),
        (Kind.DATETIME, "gte", "start_of_quarter-1d", Compare("gte", dt.date(2025, 3, 31))),
        (Kind.DATETIME, "eq", "start_of_month+1mo-1d", Compare("eq", dt.date(2025, 6, 30))),
        (Kind.DATE, "between", ["2030-01-01", "today"], Between(dt.date(2030, 1, 1), dt.date(2025, 6, 1))),
        (Kind.TEXT, "contains", 10.0, HasText("anywhere", "10")),
        (Kind.TEXT, "ends_with", "x", HasText("end", "x")),
        (Kind.NOTHING, "gt", "any", Never()),
    ],
)
def test_values_are_read_as_the_type_of_the_field(kind: Kind, operator: str, value: object, test: object) -> None:
    assert lowered(kind, operator, value) == TypedTest(test)  # type: ignore[arg-type]


def of_two(kind: Kind, operator: str, other: Kind) -> TypedTest:
    one = Rule.model_validate({"field": "f", "operator": operator, "value_field": "g"})
    return lower(one, FieldType(kind), CLOCK, FieldType(other))


def test_two_fields_of_kinds_that_fit_are_compared() -> None:
    assert of_two(Kind.DATE, "neq", Kind.DATETIME) == TypedTest(
        CompareFields("eq", FieldType(Kind.DATETIME)), negated=True
    )
    assert of_two(Kind.NUMBER, "gte", Kind.NUMBER).test == CompareFields("gte", FieldType(Kind.NUMBER))
    assert of_two(Kind.NUMBER, "gt", Kind.NOTHING).test == Never()
    with pytest.raises(FieldKindsError, match="numbers are compared with numbers"):
        of_two(Kind.NUMBER, "eq", Kind.TEXT)
    with pytest.raises(OperatorTypeError, match="have no order"):
        of_two(Kind.BOOLEAN, "gt", Kind.BOOLEAN)
    with pytest.raises(OperatorTypeError, match="lists and objects"):
        of_two(Kind.LIST, "eq", Kind.LIST)


def test_lists_test_their_elements() -> None:
    assert lowered(Kind.LIST, "contains", 5, Kind.NUMBER).test == AnyElement(Compare("eq", Decimal(5)))
    assert lowered(Kind.LIST, "in", ["a", "b"], Kind.TEXT).test == AnyElement(IsIn(("a", "b")))
    assert lowered(Kind.LIST, "in", ["a"]).test == Never()
    assert lowered(Kind.LIST, "eq", "a").test == Never()


def test_policies_are_part_of_the_test() -> None:
    assert lowered(Kind.TEXT, "exists") == TypedTest(IsMissing(), negated=True)
    assert lowered(Kind.TEXT, "blank") == TypedTest(IsBlank())
    assert lowered(Kind.TEXT, "neq", "A", missing="exclude", ignore_case=True) == TypedTest(
        Compare("eq", "a"), negated=True, missing="exclude", lower_case=True
    )
    assert lowered(Kind.LIST, "not_in", ["A", 1], Kind.TEXT, ignore_case=True) == TypedTest(
        AnyElement(IsIn(("a", Decimal(1)))), negated=True, lower_case=True
    )
    assert not lowered(Kind.TEXT, "matches", "A", ignore_case=True).lower_case
    assert not lowered(Kind.UUID, "eq", SOME_UUID, ignore_case=True).lower_case


@pytest.mark.parametrize(
    ("kind", "operator", "value", "message"),
    [
        (Kind.LIST, "between", [1, 2], "a list has no order"),
        (Kind.LIST, "gt", 1, "a list has no order"),
        (Kind.BOOLEAN, "between", [1, 2], "true and false have no order"),
        (Kind.TEXT, "within_last", "1d", "it needs a date or a date-time"),
        (Kind.NUMBER, "contains", "1", "it needs a text or a list"),
        (Kind.NUMBER, "matches", "1", "it needs a text"),
        (Kind.STRUCT, "eq", "1", "only 'exists' and 'empty' apply to it"),
    ],
)
def test_an_operator_that_the_type_does_not_support_is_an_error(
    kind: Kind, operator: str, value: object, message: str
) -> None:
    with pytest.raises(OperatorTypeError, match=message):
        lowered(kind, operator, value)


def test_the_wrong_value_of_a_list_is_known_by_its_index() -> None:
    with pytest.raises(LiteralTypeError) as error:
        lowered(Kind.DATE, "in", ["2025-06-01", "yesterday"])
    assert error.value.index == 1


def test_a_test_is_plain_data() -> None:
    test = lowered(Kind.LIST, "not_in", ["a"], Kind.TEXT)
    assert pickle.loads(pickle.dumps(test)) == test  # noqa: S301 - made here
    assert hash(test) == hash(lowered(Kind.LIST, "not_in", ["a"], Kind.TEXT))
