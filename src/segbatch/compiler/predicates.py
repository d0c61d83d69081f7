"""Compilation of one rule to an expression that is true or false for every contact, and never null.

Only this module decides what a missing value means: positive operators do not match it, negative operators do, and a
rule's own `missing` overrides both.
"""

from collections.abc import Mapping
from typing import assert_never, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import compare, false_for_all, in_lower_case, is_blank
from segbatch.compiler.in_list import is_in
from segbatch.compiler.literals import LiteralTypeError
from segbatch.compiler.lowering import IgnoreCaseError, InvalidLiteralError, OperatorTypeError, lower, type_of
from segbatch.compiler.typed_test import (
    AnyElement,
    Between,
    Compare,
    HasMatch,
    HasText,
    IsBlank,
    IsIn,
    IsMissing,
    Never,
    TypedTest,
    ValueTest,
)
from segbatch.model.segment import Rule
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, element_of, resolve
from segbatch.snapshot.fields.types import Kind, describe, in_words
from segbatch.text import shown


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
    return compile_test(lower_rule(rule, field, clock), field, clock), field


def lower_rule(rule: Rule, field: Field, clock: Clock) -> TypedTest:
    """Convert a rule to a typed test.

    Raises:
        RuleError: The type of the field does not support the operator, or cannot be compared with the value.
    """
    try:
        return lower(rule, type_of(field), clock)
    except OperatorTypeError as error:
        message = f"'{rule.operator}' is not for '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError("operator", message) from None
    except IgnoreCaseError as error:
        raise RuleError("ignore_case", f"{error}, and '{rule.field}' is {in_words(field.dtype)}; remove it") from None
    except LiteralTypeError as error:
        key, value = "value", rule.value
        if error.index is not None and isinstance(value, tuple):
            key, value = f"value[{error.index}]", value[error.index]
        message = f"{shown(value)} cannot be compared with '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError(key, message) from None
    except InvalidLiteralError as error:
        raise RuleError("value", str(error)) from None


def compile_test(test: TypedTest, field: Field, clock: Clock) -> pl.Expr:
    """Compile a typed test to an expression that is never null."""
    missing = ~false_for_all() if field.kind is Kind.NOTHING else field.expr.is_null()
    match test.test:
        case IsMissing():
            truth = missing
        case IsBlank():
            truth = is_blank(field).fill_null(value=True)
        case of_value:
            subject = in_lower_case(field) if test.lower_case else field
            truth = _of_value(of_value, subject, clock).fill_null(value=False)
    truth = ~truth if test.negated else truth
    match test.missing:
        case "include":
            return truth | missing
        case "exclude":
            return truth & ~missing
        case None:
            return truth
        case _:
            assert_never(test.missing)


def _of_value(test: ValueTest, field: Field, clock: Clock) -> pl.Expr:
    """Compile the test of a value; the result may be null if the field is missing."""
    match test:
        case Never():
            return false_for_all()
        case Compare(comparison, literal):
            return compare(field, comparison, literal, clock)
        case IsIn(literals):
            return is_in(field, literals, clock)
        case Between(low, high):
            return compare(field, "gte", low, clock) & compare(field, "lte", high, clock)
        case HasText("anywhere", text):
            return field.expr.str.contains(text, literal=True)
        case HasText("start", text):
            return field.expr.str.starts_with(text)
        case HasText(_, text):
            return field.expr.str.ends_with(text)
        case HasMatch(pattern, ignore_case):
            return field.expr.str.contains(f"(?i){pattern}" if ignore_case else pattern)
        case AnyElement(inner):
            return field.expr.list.eval(_of_value(inner, element_of(field), clock).fill_null(value=False)).list.any()
        case _:
            assert_never(test)
