"""Lowering of a rule on a field to a typed test.

Each value of the rule is read once as the field's type. A rule that the type does not support is an error here, so that
Polars and SQL only print tests.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import assert_never, cast

from segbatch.compiler.clock import Clock
from segbatch.compiler.durations import duration_test
from segbatch.compiler.literals import (
    LiteralTypeError,
    lowered_uuid,
    number_text,
    read_boolean,
    read_number,
    read_text,
    read_uuid,
)
from segbatch.compiler.relative_dates import read_day, read_relative, read_time
from segbatch.compiler.rule_errors import FieldKindsError, IgnoreCaseError, InvalidLiteralError, OperatorTypeError
from segbatch.compiler.typed_test import (
    AnyElement,
    Between,
    Compare,
    CompareFields,
    Comparison,
    FieldType,
    HasMatch,
    HasText,
    IsBlank,
    IsIn,
    IsMissing,
    Never,
    TypedLiteral,
    TypedTest,
    ValueTest,
)
from segbatch.compiler.versions import read_version
from segbatch.model.operators import NEGATIONS, OperatorName
from segbatch.model.rule import Rule
from segbatch.model.values import RuleValue, Scalar
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind, element_type, kind_of
from segbatch.text import shown

_TEXTS = {Kind.TEXT, Kind.UUID}

LOWERING_ERRORS = (OperatorTypeError, IgnoreCaseError, FieldKindsError, InvalidLiteralError, LiteralTypeError)
"""The errors of rules that the type of the field does not support."""


def type_of(field: Field) -> FieldType:
    """Return the type of a field, as far as rules depend on it."""
    return FieldType(field.kind, kind_of(element_type(field.dtype)))


def lower(rule: Rule, field: FieldType, clock: Clock, other: FieldType | None = None) -> TypedTest:
    """Convert a rule on a field to a typed test.

    Args:
        other: The type of the field that it compares with, if it has a `value_field`.

    Raises:
        OperatorTypeError: The type of the field does not support the operator.
        IgnoreCaseError: The rule ignores case, and the field has no texts.
        LiteralTypeError: A value cannot be read as the type of the field.
        FieldKindsError: The two fields cannot be compared with each other.
        InvalidLiteralError: The low value of a range is above the high one.
    """
    lower_case = rule.ignore_case and _has_case(field) and rule.operator != "matches"
    test = _test(rule, field, clock) if other is None else _compare_with_field(rule.operator, field, other)
    return TypedTest(test, rule.operator in NEGATIONS, rule.missing, lower_case)


def _has_case(field: FieldType) -> bool:
    """Return whether the field has texts; UUIDs are compared in canonical form, and so in any case.

    Raises:
        IgnoreCaseError: The field has other values.
    """
    kind = field.element if field.kind is Kind.LIST else field.kind
    if kind not in {*_TEXTS, Kind.NOTHING}:
        raise IgnoreCaseError("'ignore_case' is for texts and lists of texts")
    return kind is Kind.TEXT


def _test(rule: Rule, field: FieldType, clock: Clock) -> ValueTest | IsMissing | IsBlank:
    if rule.shape == "nothing":
        return IsBlank() if rule.operator in {"blank", "not_blank"} else IsMissing()
    return Never() if field.kind is Kind.NOTHING else _value_test(rule, field, clock)


def _value_test(rule: Rule, field: FieldType, clock: Clock) -> ValueTest:
    value = _lowered(rule)
    one, many = cast("Scalar", value), cast("tuple[Scalar, ...]", value)  # the model has validated which one it is
    match rule.operator:
        case "eq" | "neq":
            return _compare("eq", one, field, clock)
        case "gt" | "lt" | "gte" | "lte":
            return _compare(rule.operator, one, field, clock)
        case "contains" | "not_contains":
            return _contains(one, field, clock)
        case "in" | "not_in":
            return _is_in(many, field, clock)
        case "between":
            return _between(many, field, clock)
        case "starts_with" | "ends_with":
            return HasText("start" if rule.operator == "starts_with" else "end", _text_part(one, field))
        case "matches":
            _ensure_text(field)
            return HasMatch(str(value), rule.ignore_case or field.kind is Kind.UUID)
        case (
            "within_last"
            | "not_within_last"
            | "within_next"
            | "not_within_next"
            | "older_than"
            | "later_than"
            | "anniversary_within_last"
            | "anniversary_within_next"
        ):
            return duration_test(rule.operator, one, field, clock)
        case (
            "exists"
            | "empty"
            | "blank"
            | "not_blank"
            | "in_list"
            | "not_in_list"
            | "in_segment"
            | "not_in_segment"
            | "sample"
        ):  # pragma: no cover
            raise AssertionError(rule.operator)  # handled before, or without a field
        case _:
            assert_never(rule.operator)


def _read_literal(value: Scalar, kind: Kind, clock: Clock, comparison: Comparison = "eq") -> TypedLiteral:
    """Read a value as the type of a field.

    Raises:
        OperatorTypeError: The type does not support the comparison.
        LiteralTypeError: The value cannot be read as the type.
    """
    match kind:
        case Kind.TEXT:
            return read_text(value, is_ordered=comparison != "eq")
        case Kind.NUMBER:
            return read_number(value)
        case Kind.BOOLEAN:
            if comparison != "eq":
                raise OperatorTypeError("true and false have no order")
            return read_boolean(value)
        case Kind.DATETIME:
            return read_time(value, clock)
        case Kind.DATE:
            return read_day(value, clock)
        case Kind.UUID:
            return read_uuid(value)
        case Kind.VERSION:
            return read_version(value)
        case Kind.LIST | Kind.STRUCT | Kind.OTHER | Kind.NOTHING:
            raise OperatorTypeError("only 'exists' and 'empty' apply to it")
        case _:
            assert_never(kind)


def _compare(comparison: Comparison, value: Scalar, field: FieldType, clock: Clock) -> ValueTest:
    if field.kind is not Kind.LIST:
        return Compare(comparison, _read_literal(value, field.kind, clock, comparison))
    if comparison != "eq":
        raise OperatorTypeError("a list has no order; use 'contains' or 'eq'")
    if field.element is Kind.NOTHING:
        return Never()
    return AnyElement(Compare("eq", _read_element(value, field, clock)))


def _read_element(value: Scalar, field: FieldType, clock: Clock) -> TypedLiteral:
    if field.element in {Kind.LIST, Kind.STRUCT, Kind.OTHER}:
        raise OperatorTypeError("its elements cannot be compared; use 'exists' or 'empty'")
    return _read_literal(value, field.element, clock)


def _contains(value: Scalar, field: FieldType, clock: Clock) -> ValueTest:
    match field.kind:
        case Kind.TEXT | Kind.UUID:
            return HasText("anywhere", _text_part(value, field))
        case Kind.NUMBER | Kind.BOOLEAN | Kind.DATETIME | Kind.DATE | Kind.VERSION:
            raise OperatorTypeError("it needs a text or a list")
        case _:
            return _compare("eq", value, field, clock)


def _text_part(value: Scalar, field: FieldType) -> str:
    _ensure_text(field)
    if isinstance(value, bool):
        raise LiteralTypeError("write a text")
    part = value if isinstance(value, str) else number_text(value)
    return lowered_uuid(part) if field.kind is Kind.UUID else part


def _ensure_text(field: FieldType) -> None:
    if field.kind not in _TEXTS:
        raise OperatorTypeError("it needs a text")


def _is_in(values: Sequence[Scalar], field: FieldType, clock: Clock) -> ValueTest:
    if field.kind is Kind.LIST and field.element is Kind.NOTHING:
        return Never()
    literals: list[TypedLiteral] = []
    if field.kind is Kind.TEXT and set(map(type, values)) == {str}:
        return IsIn(cast("tuple[str, ...]", tuple(values)))  # a list of a million texts is not read one by one
    for index, value in enumerate(values):
        try:
            literal = (
                _read_element(value, field, clock)
                if field.kind is Kind.LIST
                else _read_literal(value, field.kind, clock)
            )
        except LiteralTypeError as error:
            raise LiteralTypeError(str(error), index) from None
        literals.append(literal)
    test = IsIn(tuple(literals))
    return AnyElement(test) if field.kind is Kind.LIST else test


def _between(values: Sequence[Scalar], field: FieldType, clock: Clock) -> ValueTest:
    if field.kind is Kind.LIST:
        raise OperatorTypeError("a list has no order; use 'contains' or 'eq'")
    low = _read_literal(values[0], field.kind, clock, "gte")
    high = _read_literal(values[1], field.kind, clock, "lte")
    if field.kind is Kind.TEXT and isinstance(low, str) != isinstance(high, str):
        raise LiteralTypeError("write two texts, or two numbers")
    if _are_fixed_to_each_other(values) and _is_above(low, high, clock):
        raise InvalidLiteralError(f"in {shown([*values])} the low value is above the high one; swap them")
    return Between(low, high)


def _are_fixed_to_each_other(ends: Sequence[Scalar]) -> bool:
    """Return whether the order of two ends is the same at any time of the run."""
    low, high = map(read_relative, ends)
    return (low and low.base) == (high and high.base)


def _is_above(low: TypedLiteral, high: TypedLiteral, clock: Clock) -> bool:
    match low, high:
        case datetime(), datetime():
            return low > high
        case date(), date():
            return clock.day_of(low) > clock.day_of(high)
        case Decimal(), Decimal():
            return low > high
        case _:
            return str(low) > str(high)


def _compare_with_field(operator: OperatorName, field: FieldType, other: FieldType) -> CompareFields | Never:
    """Return the test of an operator, or of its positive opposite.

    Raises:
        FieldKindsError: The two fields cannot be compared with each other.
        OperatorTypeError: Their kind does not support the operator.
    """
    kinds = {field.kind, other.kind}
    if Kind.NOTHING in kinds:
        return Never()
    if len(kinds) > 1 and kinds != {Kind.DATE, Kind.DATETIME}:
        raise FieldKindsError("numbers are compared with numbers, dates with dates or date-times, texts with texts")
    if field.kind in {Kind.LIST, Kind.STRUCT, Kind.OTHER}:
        raise OperatorTypeError("lists and objects are not compared with each other")
    comparison = cast("Comparison", NEGATIONS.get(operator, operator))
    if field.kind is Kind.BOOLEAN and comparison != "eq":
        raise OperatorTypeError("true and false have no order")
    return CompareFields(comparison, other)


def _lowered(rule: Rule) -> RuleValue:
    """Return the value for the comparison: in lower case if the rule ignores case.

    A pattern is unchanged, because its letters in lower case may have another meaning.
    """
    value = cast("RuleValue", rule.value)
    if not rule.ignore_case or rule.operator == "matches":
        return value
    if isinstance(value, tuple):
        return tuple(item.lower() if isinstance(item, str) else item for item in value)
    return value.lower() if isinstance(value, str) else value
