"""Compilation of one rule, by its typed test, to a Polars expression that is true or false for every contact.

The expression is never null. Only this module decides what a missing value means to it: positive operators do not match
it, negative operators do, and a rule's own `missing` overrides both.
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
from segbatch.compiler.rule_fields import Reading, RuleFields, find_fields
from segbatch.compiler.rule_tests import lower_rule
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
from segbatch.definitions.value_lists import NO_LISTS, Lists
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.resolution import Field, element_of


@dataclass(frozen=True, slots=True)
class TextSearch:
    """A search for a text in others.

    Attributes:
        texts: The texts to search in, null for contacts without one.
        column: The same for searches in the same texts.
        text: The text to search for, at least one character.
    """

    texts: pl.Expr
    column: bytes
    text: str


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule as an expression.

    Attributes:
        predicate: A boolean expression that is never null.
        fields: The fields that it reads, by the names in the rule.
        warnings: The warnings about the fields, each with the key of the rule that it belongs to.
        readings: How fields are read that are not read as they are stored, by the names in the rule.
        search: The search that has the same result as the predicate, if there is one.
    """

    predicate: pl.Expr
    fields: Mapping[str, Field]
    warnings: tuple[tuple[str, str], ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
    search: TextSearch | None = None


def compile_rule(rule: Rule, schema: Mapping[str, pl.DataType], clock: Clock, lists: Lists = NO_LISTS) -> CompiledRule:
    """Compile one rule that reads a field.

    Raises:
        RuleError: The snapshot has no such column, or its type does not support the operator, or cannot be compared
            with the value.
    """
    found = find_fields(rule, schema, clock)
    test = lower_rule(rule, found, clock, lists)
    predicate = compile_test(test, found, clock)
    readings = {source.name: source.reading for source in found.sources if source.reading is not None}
    warnings = tuple(warning for source in found.sources for warning in source.warnings)
    fields = {source.name: source.found for source in found.sources}
    return CompiledRule(predicate, fields, warnings, readings, _search_of(test, found.field))


def _search_of(test: TypedTest, field: Field) -> TextSearch | None:
    """Return the search that a test is, if it is nothing else."""
    match test:
        case TypedTest(HasText("anywhere", text), negated=False, missing=None) if text:
            texts = (in_lower_case(field) if test.lower_case else field).expr
            return TextSearch(texts, texts.meta.serialize(), text)
        case _:
            return None


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
