"""Compilation of one rule to an expression that is true or false for every contact, and never null.

Only this module decides what a missing value means: positive operators do not match it, negative operators do, and a
rule's own `missing` overrides both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import (
    compare,
    compare_fields,
    false_for_all,
    has_anniversary,
    has_text,
    in_lower_case,
    is_blank,
    is_in,
)
from segbatch.compiler.literals import LiteralTypeError
from segbatch.compiler.lowering import lower, type_of
from segbatch.compiler.rule_errors import (
    FieldKindsError,
    IgnoreCaseError,
    InvalidLiteralError,
    OperatorTypeError,
    RuleError,
)
from segbatch.compiler.rule_fields import Reading, RuleFields, find_fields
from segbatch.compiler.typed_test import (
    AnyElement,
    Between,
    Compare,
    CompareFields,
    HasAnniversary,
    HasMatch,
    HasText,
    IsBlank,
    IsIn,
    IsMissing,
    Never,
    SingleFieldTest,
    TypedTest,
)
from segbatch.definitions.list_files import ListError
from segbatch.definitions.value_lists import NO_LISTS, Lists, ValueList
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.resolution import Field, element_of
from segbatch.snapshot.fields.types import describe, in_words
from segbatch.text import shown


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule as an expression.

    Attributes:
        predicate: A boolean expression that is never null.
        fields: The fields that it reads, by the names in the rule.
        warnings: The warnings about the fields, each with the key of the rule that it belongs to.
        readings: How fields are read that are not read as they are stored, by the names in the rule.
    """

    predicate: pl.Expr
    fields: Mapping[str, Field]
    warnings: tuple[tuple[str, str], ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)


def compile_rule(rule: Rule, schema: Mapping[str, pl.DataType], clock: Clock, lists: Lists = NO_LISTS) -> CompiledRule:
    """Compile one rule that reads a field.

    Args:
        rule: The rule to compile.
        schema: The columns of the snapshot with their types.
        clock: The time of the run.
        lists: The lists that rules name.

    Raises:
        RuleError: The snapshot has no such column, or its type does not support the operator, or cannot be compared
            with the value.
    """
    found = find_fields(rule, schema, clock)
    predicate = compile_test(lower_rule(rule, found, clock, lists), found, clock)
    readings = {source.name: source.reading for source in found.sources if source.reading is not None}
    warnings = tuple(warning for source in found.sources for warning in source.warnings)
    return CompiledRule(predicate, {source.name: source.found for source in found.sources}, warnings, readings)


def lower_rule(rule: Rule, found: RuleFields, clock: Clock, lists: Lists = NO_LISTS) -> TypedTest:
    """Convert a rule to a typed test. A rule that names a list has the same test as one that contains its values.

    Raises:
        RuleError: The type of the field does not support the operator, or cannot be compared with the value; or the
            list cannot be used.
    """
    field, other = found.field, found.other
    values = _find_list(rule, lists)
    comparison = with_list_values(rule, lists)
    try:
        return lower(comparison, type_of(field), clock, None if other is None else type_of(other))
    except OperatorTypeError as error:
        message = f"'{rule.operator}' is not for '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError("operator", message) from None
    except IgnoreCaseError as error:
        raise RuleError("ignore_case", f"{error}, and '{rule.field}' is {in_words(field.dtype)}; remove it") from None
    except FieldKindsError as error:
        described = f"'{rule.field}' ({describe(field.dtype)}) cannot be compared with '{rule.value_field}'"
        of_type = describe(cast("Field", other).dtype)
        raise RuleError("value_field", f"{described} ({of_type}): {error}") from None
    except LiteralTypeError as error:
        if values is not None:
            what = f"the value at {values.place_of(error.index or 0)} cannot be compared with"
            raise RuleError("value", f"{what} '{rule.field}' ({describe(field.dtype)}): {error}") from None
        key, value = "value", rule.value
        if error.index is not None and isinstance(value, tuple):
            key, value = f"value[{error.index}]", value[error.index]
        message = f"{shown(value)} cannot be compared with '{rule.field}' ({describe(field.dtype)}): {error}"
        raise RuleError(key, message) from None
    except InvalidLiteralError as error:
        raise RuleError("value", str(error)) from None


def with_list_values(rule: Rule, lists: Lists) -> Rule:
    """Return a rule with the values of the list that it names; any other rule is returned as it is.

    Raises:
        RuleError: The list cannot be used.
    """
    values = _find_list(rule, lists)
    if values is None:
        return rule
    operator = "not_in" if rule.operator in NEGATIONS else "in"
    return rule.model_copy(update={"operator": operator, "value": values.values})


def _find_list(rule: Rule, lists: Lists) -> ValueList | None:
    if rule.shape != "list_name":
        return None
    try:
        return lists.get(str(rule.value))
    except ListError as error:
        raise RuleError("value", str(error)) from None


def compile_test(test: TypedTest, found: RuleFields, clock: Clock) -> pl.Expr:
    """Compile a typed test to an expression that is never null."""
    field, missing = found.field, found.missing
    match test.test:
        case IsMissing():
            truth = missing
        case IsBlank():
            truth = is_blank(field).fill_null(value=True)
        case CompareFields(comparison):
            pair = (field, cast("Field", found.other))
            one, other = map(in_lower_case, pair) if test.lower_case else pair
            truth = compare_fields(one, comparison, other, clock).fill_null(value=False)
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


def _of_value(test: SingleFieldTest, field: Field, clock: Clock) -> pl.Expr:
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
        case HasText(where, text):
            return has_text(field.expr, where, text)
        case HasMatch(pattern, ignore_case):
            return field.expr.str.contains(f"(?i){pattern}" if ignore_case else pattern)
        case HasAnniversary(ranges):
            return has_anniversary(field, ranges, clock)
        case AnyElement(inner):
            passing = field.expr.list.eval(_of_value(inner, element_of(field), clock).fill_null(value=False))
            return passing.list.sum() > pl.lit(0)  # half the time of `list.any`
        case _:
            assert_never(test)
