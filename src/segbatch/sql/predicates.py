"""Conversion of a rule to SQL that is true or false for the same contacts as the rule.

SQL has a third truth value, null. If nothing negates a test, null excludes a contact like false, and the SQL is easier
to read without a guard; everywhere else the test is wrapped in COALESCE.
"""

from collections.abc import Mapping
from typing import assert_never, cast

from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import lowered_uuid
from segbatch.model.operators import OperatorName
from segbatch.model.segment import Rule
from segbatch.model.values import RuleValue, Scalar
from segbatch.snapshot.fields.types import Kind
from segbatch.sql.blanks import has_content
from segbatch.sql.columns import Column, element_column
from segbatch.sql.comparisons import (
    among,
    compare,
    contains,
    ends_with,
    in_lower_case,
    matches,
    some_element,
    starts_with,
)
from segbatch.sql.dialects import never
from segbatch.sql.times import within

_OPPOSITES: Mapping[OperatorName, OperatorName] = {"neq": "eq", "not_contains": "contains", "not_in": "in"}


def predicate(rule: Rule, column: Column, clock: Clock, *, negated: bool) -> exp.Expr:
    """Return the SQL of one rule that reads a field.

    Args:
        rule: The rule; the plan has validated it for the field.
        column: The column of the rule's field.
        clock: The time of the run.
        negated: Whether an outer condition negates the rule, so that it must not be null.

    Raises:
        Refused: The dialect cannot express it with the same meaning.
    """
    match rule.operator:
        case "empty":
            return column.missing
        case "exists":
            return _opposite(column.missing, column)
        case "blank" | "not_blank":
            test = has_content(column)
            return _opposite(test, column) if rule.operator == "blank" else _settled(test) if negated else test
        case _:
            test = _test_as_told(rule, column, clock)
    truth = _opposite(test, column) if rule.operator in _OPPOSITES else test
    match rule.missing:
        case "include":
            truth = exp.or_(truth, column.missing)
        case "exclude":
            truth = exp.and_(truth, _opposite(column.missing, column))
        case None:
            pass
        case _:
            assert_never(rule.missing)
    return _settled(truth) if negated else truth


def _settled(test: exp.Expr) -> exp.Expr:
    """Convert null to false if a test can be null."""
    bare = test.this if isinstance(test, exp.Not) else test
    if isinstance(bare, exp.Boolean | exp.Is | exp.NullSafeNEQ | exp.Coalesce):
        return test
    return exp.Coalesce(this=test, expressions=[never()])


def _opposite(test: exp.Expr, column: Column) -> exp.Expr:
    """Return SQL that is true if a test is false or null, and false if it is true."""
    if isinstance(test, exp.Boolean):
        return exp.Boolean(this=not test.this)
    said = column.dialect != "clickhouse" and isinstance(test, exp.EQ) and not isinstance(test.expression, exp.Any)
    if said:
        return exp.NullSafeNEQ(this=test.this, expression=test.expression)
    return exp.Not(this=_settled(test))


def _test_as_told(rule: Rule, column: Column, clock: Clock) -> exp.Expr:
    if column.kind is Kind.NOTHING:
        return never()
    if rule.ignore_case and rule.operator != "matches":
        return _test_ignoring_case(rule, column, clock)
    return _test(rule, column, clock)


def _test(rule: Rule, column: Column, clock: Clock) -> exp.Expr:
    """Return the SQL of the operator, or of its positive opposite if it is negative."""
    value = cast("RuleValue", rule.value)
    match rule.operator:
        case "eq" | "neq":
            return compare(column, "eq", _one(value), clock)
        case "gt" | "lt" | "gte" | "lte":
            return compare(column, rule.operator, _one(value), clock)
        case "contains" | "not_contains":
            return contains(column, _one(value), clock)
        case "in" | "not_in":
            return among(column, _many(value), clock)
        case "between":
            low, high = _many(value)
            return exp.and_(compare(column, "gte", low, clock), compare(column, "lte", high, clock))
        case "starts_with" | "ends_with" | "matches":
            return _text_test(rule, column, str(value))
        case "within_last" | "within_next":
            return within(column, _one(value), clock, 1 if rule.operator == "within_next" else -1)
        case "exists" | "empty" | "blank" | "not_blank" | "in_segment" | "not_in_segment":
            raise AssertionError(rule.operator)  # handled before
        case _:
            assert_never(rule.operator)


def _text_test(rule: Rule, column: Column, value: str) -> exp.Expr:
    is_uuid = column.kind is Kind.UUID
    value = lowered_uuid(value) if is_uuid and rule.operator != "matches" else value
    match rule.operator:
        case "starts_with":
            return starts_with(column, value)
        case "ends_with":
            return ends_with(column, value)
        case _:
            return matches(column, value, ignore_case=rule.ignore_case or is_uuid)


def _test_ignoring_case(rule: Rule, column: Column, clock: Clock) -> exp.Expr:
    value = cast("RuleValue", rule.value)
    many = value if isinstance(value, tuple) else (value,)
    lowered = tuple(item.lower() if isinstance(item, str) else item for item in many)
    texts = [str(item) for item in lowered]
    plain = rule.model_copy(update={"value": lowered if isinstance(value, tuple) else lowered[0], "ignore_case": False})
    if column.kind is not Kind.LIST:
        return _test(plain, in_lower_case(column, texts), clock)
    if element_column(column, "it").kind is Kind.NOTHING:
        return never()
    return some_element(column, lambda element: _test(_of_element(plain), in_lower_case(element, texts), clock))


def _of_element(rule: Rule) -> Rule:
    """Convert a test of a list to the test of an element: an element is equal, a list contains."""
    equal: OperatorName = "in" if isinstance(rule.value, tuple) else "eq"
    return rule.model_copy(update={"operator": equal})


def _one(value: RuleValue) -> Scalar:
    return cast("Scalar", value)


def _many(value: RuleValue) -> tuple[Scalar, ...]:
    return cast("tuple[Scalar, ...]", value)
