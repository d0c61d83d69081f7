"""From a rule to an expression that is true or false for every contact, and null for none.

This is the one place that knows what a missing value means: no positive operator holds for it, every negative one
does, and a rule's own `missing` says otherwise.
"""

from collections.abc import Mapping
from typing import assert_never, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparing import NotAllowed, contains, holds
from segbatch.compiler.reading import Unreadable
from segbatch.contacts.fields import Field, UnknownColumnError, resolve
from segbatch.contacts.kinds import Kind, describe
from segbatch.definitions.segment import Rule, RuleValue
from segbatch.errors import shown

__all__ = ["RuleError", "compile_rule"]


class RuleError(Exception):
    """A rule that a snapshot gives no meaning to.

    Attributes:
        key: The key of the rule that is wrong, such as `value`.
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


def compile_rule(rule: Rule, schema: Mapping[str, pl.DataType], clock: Clock) -> tuple[pl.Expr, Field]:
    """Compile one rule.

    Args:
        rule: The rule.
        schema: The columns of the snapshot with their types.
        clock: The time of the run.

    Returns:
        A boolean expression that is never null, and the field that it reads.

    Raises:
        RuleError: The snapshot has no such column, or its type has no such operator, or cannot be compared with
            such a value.
    """
    try:
        field = resolve(rule.field, schema)
        return _never_null(rule, field, clock), field
    except UnknownColumnError as error:
        raise RuleError("field", str(error)) from None
    except NotAllowed as error:
        message = f"'{rule.operator}' is not for '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError("operator", message) from None
    except Unreadable as error:
        message = f"{shown(rule.value)} cannot be compared with '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError("value", message) from None


def _never_null(rule: Rule, field: Field, clock: Clock) -> pl.Expr:
    missing = _missing(field)
    truth = _truth(rule, field, missing, clock)
    match rule.missing:
        case "include":
            return truth | missing
        case "exclude":
            return truth & ~missing
        case None:
            return truth
        case _:
            assert_never(rule.missing)


def _missing(field: Field) -> pl.Expr:
    if field.kind is Kind.NOTHING:
        return pl.repeat(value=True, n=pl.len(), dtype=pl.Boolean)
    return field.expr.is_null()


def _truth(rule: Rule, field: Field, missing: pl.Expr, clock: Clock) -> pl.Expr:
    match rule.operator:
        case "exists":
            return ~missing
        case "empty":
            return missing
        case "eq" | "gt" | "lt" | "gte" | "lte":
            return _false_if_null(holds(field, rule.operator, _value(rule), clock))
        case "neq":
            return ~_false_if_null(holds(field, "eq", _value(rule), clock))
        case "contains":
            return _false_if_null(contains(field, _value(rule), clock))
        case "not_contains":
            return ~_false_if_null(contains(field, _value(rule), clock))
        case _:
            assert_never(rule.operator)


def _false_if_null(test: pl.Expr) -> pl.Expr:
    return test.fill_null(value=False)


def _value(rule: Rule) -> RuleValue:
    """Return the value of a rule whose operator needs one, which the model has seen to."""
    return cast("RuleValue", rule.value)
