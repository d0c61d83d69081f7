"""Compilation of one rule to an expression that is true or false for every contact, and never null.

Only this module decides what a missing value means: positive operators do not match it, negative operators do, and a
rule's own `missing` overrides both.
"""

from collections.abc import Mapping
from typing import assert_never, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import NotAllowed, contains, holds, in_lower_case, is_blank, nowhere
from segbatch.compiler.in_list import UnreadableItem, one_of
from segbatch.compiler.literals import Meaningless, Unreadable, lowered_uuid
from segbatch.compiler.ranges import between, within_last, within_next
from segbatch.model.operators import OperatorName
from segbatch.model.segment import Rule
from segbatch.model.values import RuleValue, Scalar
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, resolve
from segbatch.snapshot.fields.types import Kind, describe, in_words
from segbatch.text import shown

NEGATIONS: Mapping[OperatorName, OperatorName] = {
    "neq": "eq",
    "not_contains": "contains",
    "not_in": "in",
    "not_in_segment": "in_segment",
    "exists": "empty",
    "not_blank": "blank",
}
"""Operators that are the exact opposite of another operator, with that operator."""


class RuleError(Exception):
    """A rule that cannot be evaluated on a snapshot.

    Attributes:
        key: The key of the rule that is wrong, such as `value`.
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


def find_field(rule: Rule, schema: Mapping[str, pl.DataType]) -> Field:
    """Return the field of a rule; the rule must have one.

    Raises:
        RuleError: The snapshot has no such column.
    """
    try:
        return resolve(cast("str", rule.field), schema)
    except UnknownColumnError as error:
        raise RuleError("field", str(error)) from None


def compile_rule(rule: Rule, schema: Mapping[str, pl.DataType], clock: Clock) -> tuple[pl.Expr, Field]:
    """Compile one rule that reads a field.

    Args:
        rule: The rule to compile.
        schema: The columns of the snapshot with their types.
        clock: The time of the run.

    Returns:
        A boolean expression that is never null, and the field that it reads.

    Raises:
        RuleError: The snapshot has no such column, or its type does not support the operator, or cannot be compared
            with the value.
    """
    field = find_field(rule, schema)
    try:
        return _never_null(rule, field, clock), field
    except NotAllowed as error:
        message = f"'{rule.operator}' is not for '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError("operator", message) from None
    except UnreadableItem as error:
        item = cast("tuple[Scalar, ...]", rule.value)[error.index]
        raise RuleError(f"value[{error.index}]", _unreadable(item, rule, field, error)) from None
    except Unreadable as error:
        raise RuleError("value", _unreadable(rule.value, rule, field, error)) from None
    except Meaningless as error:
        raise RuleError("value", str(error)) from None


def _unreadable(value: RuleValue | None, rule: Rule, field: Field, error: Unreadable) -> str:
    return f"{shown(value)} cannot be compared with '{rule.field}' ({describe(field.dtype)}): {error}"


def _never_null(rule: Rule, field: Field, clock: Clock) -> pl.Expr:
    missing = ~nowhere() if field.kind is Kind.NOTHING else field.expr.is_null()
    if rule.shape == "nothing":
        truth = is_blank(field).fill_null(value=True) if rule.operator in {"blank", "not_blank"} else missing
        return ~truth if rule.operator in NEGATIONS else truth
    test = _test(rule, _ignoring_case(rule, field) if rule.ignore_case else field, clock).fill_null(value=False)
    truth = ~test if rule.operator in NEGATIONS else test
    match rule.missing:
        case "include":
            return truth | missing
        case "exclude":
            return truth & ~missing
        case None:
            return truth
        case _:
            assert_never(rule.missing)


def _ignoring_case(rule: Rule, field: Field) -> Field:
    """Return the field in lower case, but unchanged for a pattern: lower case has other letters, and more of them."""
    try:
        lowered = in_lower_case(field)
    except NotAllowed as error:
        raise RuleError("ignore_case", f"{error}, and '{rule.field}' is {in_words(field.dtype)}; remove it") from None
    return field if rule.operator == "matches" else lowered


def _test(rule: Rule, field: Field, clock: Clock) -> pl.Expr:
    """Return the test of the operator, or of its positive opposite if it is negative; the result may be null."""
    value = _lowered(rule)
    match rule.operator:
        case "eq" | "neq":
            return holds(field, "eq", _one(value), clock)
        case "gt" | "lt" | "gte" | "lte":
            return holds(field, rule.operator, _one(value), clock)
        case "contains" | "not_contains":
            return contains(field, _one(value), clock)
        case "in" | "not_in":
            return one_of(field, _many(value), clock)
        case "between":
            low, high = _many(value)
            return between(field, low, high, clock)
        case "starts_with" | "ends_with" | "matches":
            return _text_test(rule, field, str(value))
        case "within_last":
            return within_last(field, _one(value), clock)
        case "within_next":
            return within_next(field, _one(value), clock)
        case (
            "exists" | "empty" | "blank" | "not_blank" | "in_segment" | "not_in_segment"
        ):  # pragma: no cover - handled elsewhere
            raise AssertionError(rule.operator)
        case _:
            assert_never(rule.operator)


def _text_test(rule: Rule, field: Field, value: str) -> pl.Expr:
    if field.kind is Kind.NOTHING:
        return nowhere()
    if field.kind not in {Kind.TEXT, Kind.UUID}:
        raise NotAllowed("it is for texts")
    is_uuid = field.kind is Kind.UUID
    value = lowered_uuid(value) if is_uuid and rule.operator != "matches" else value
    match rule.operator:
        case "starts_with":
            return field.expr.str.starts_with(value)
        case "ends_with":
            return field.expr.str.ends_with(value)
        case _:
            return field.expr.str.contains(f"(?i){value}" if rule.ignore_case or is_uuid else value)


def _lowered(rule: Rule) -> RuleValue:
    """Return the value for the comparison: in lower case if the rule ignores case, but a pattern unchanged."""
    value = cast("RuleValue", rule.value)
    if not rule.ignore_case or rule.operator == "matches":
        return value
    if isinstance(value, tuple):
        return tuple(item.lower() if isinstance(item, str) else item for item in value)
    return value.lower() if isinstance(value, str) else value


def _one(value: RuleValue) -> Scalar:
    """Return the value of an operator that takes one; the model has validated this."""
    return cast("Scalar", value)


def _many(value: RuleValue) -> tuple[Scalar, ...]:
    """Return the values of an operator that takes several; the model has validated this."""
    return cast("tuple[Scalar, ...]", value)
