"""Checks of single rules, alone or with the type of their column; no contacts are needed."""

from collections.abc import Iterator

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import LiteralTypeError, read_number
from segbatch.compiler.lowering import LOWERING_ERRORS
from segbatch.definitions.definition import Definition
from segbatch.errors import Problem
from segbatch.findings.finding import Finding, FindingName
from segbatch.findings.intervals import ZERO_OR_MORE, can_overlap, region_of
from segbatch.findings.kinds import COUNTS, Kinds, rules_with_kinds
from segbatch.findings.normal_form import scalar_key
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Rule, TableRule
from segbatch.model.sample import SHARES, SampleRange
from segbatch.model.values import Scalar
from segbatch.snapshot.fields.types import Kind
from segbatch.text import shown

_EQUALITIES = {"eq", "neq", "in", "not_in"}
_PARTS = {"contains", "not_contains", "starts_with", "ends_with"}
_ORDERS = {"gt", "lt", "gte", "lte", "between"}
_INSTEAD_OF_CONSTANT = "'count' with 'gte' 1 finds contacts with rows, and 'eq' 0 those without"


def find_odd_rules(definition: Definition, kinds: Kinds) -> Iterator[Finding]:
    """Find the rules of a segment that are probably wrong regardless of the contacts.

    Args:
        kinds: The kinds of the fields, as far as they are known.
    """
    for path, rule, kind in rules_with_kinds(definition.segment, kinds):
        for name, place, message in _odd(rule, kind):
            yield Finding(name, definition.locate(Problem(message, path=path + place, severity="warning")))


def find_text_orders(definition: Definition, kinds: Kinds) -> Iterator[Finding]:
    """Find the numbers in quotes that a text column is ordered against."""
    for path, rule, kind in rules_with_kinds(definition.segment, kinds):
        if rule.operator not in _ORDERS or kind is not Kind.TEXT:
            continue
        for place, value in values_of(rule):
            if _number_like(value):
                message = (
                    f"'{rule.field}' is text and {shown(value)} is in quotes, so they are compared as text "
                    "('100' comes before '30'); write the number without quotes"
                )
                yield Finding("text-order", definition.locate(Problem(message, path=path + place, severity="warning")))


def find_impossible_counts(definition: Definition, clock: Clock) -> Iterator[Finding]:
    """Find the comparisons of counts that match no contact, or every contact, in any snapshot.

    Args:
        definition: The segment to check.
    """
    for path, rule in definition.segment.table_rules():
        found = _constant(rule, clock)
        if found is not None:
            name, message = found
            yield Finding(name, definition.locate(Problem(message, path=path, severity="warning")))


def values_of(rule: Rule) -> list[tuple[str, Scalar]]:
    """Return the values of a rule, each with its place in the rule."""
    match rule.value:
        case None | SampleRange():
            return []
        case tuple() as many:
            return [(f".value[{index}]", value) for index, value in enumerate(many)]
        case one:
            return [(".value", one)]


def has_empty_part(rule: Rule) -> bool:
    """Return whether a rule searches texts for an empty text."""
    return rule.operator in _PARTS and rule.value == ""


def _odd(rule: Rule, kind: Kind | None) -> Iterator[tuple[FindingName, str, str]]:
    if isinstance(rule.value, SampleRange):
        yield from _odd_range(rule.value)
    if rule.shape == "nothing" and rule.value is not None:
        yield "unused-value", ".value", f"'{rule.operator}' takes no value; remove {shown(rule.value)}"
    if has_empty_part(rule) and kind is not Kind.LIST:
        answer = "no present value" if rule.operator == "not_contains" else "every present value"
        better = "empty" if rule.operator == "not_contains" else "exists"
        message = f"'{rule.operator}' with an empty text matches {answer}; write a text, or use '{better}'"
        yield "empty-text", ".value", message
    if rule.operator in _EQUALITIES:
        for place, value in values_of(rule):
            if isinstance(value, str) and value.strip() not in {"", value}:
                message = f"{shown(value)} begins or ends with white space, which must match exactly; remove it"
                yield "surrounding-space", place, message
    if rule.operator in {"in", "not_in"}:
        yield from _duplicate_values(rule)


def _odd_range(sample: SampleRange) -> Iterator[tuple[FindingName, str, str]]:
    low, high = sample.bounds
    if low >= high:
        yield "sample-range", ".value", f"no contact is in the sample {sample}; 'to' is not included, so make it larger"
    if (low, high) == (0, SHARES):
        yield "sample-range", ".value", f"every contact is in the sample {sample}; the rule can be removed"


def _duplicate_values(rule: Rule) -> Iterator[tuple[FindingName, str, str]]:
    first: dict[object, str] = {}
    for place, value in values_of(rule):
        other = first.setdefault(scalar_key(value), place)
        if other != place:
            yield "duplicate-value", place, f"{shown(value)} is in the list already; remove it"


def _number_like(value: Scalar) -> bool:
    """Return whether a value is a number in quotes."""
    if not isinstance(value, str):
        return False
    try:
        read_number(value)
    except LiteralTypeError:
        return False
    return True


def _constant(rule: TableRule, clock: Clock) -> tuple[FindingName, str] | None:
    """Return the finding about a comparison that has the same result for every contact; None for any other."""
    if rule.aggregate not in COUNTS:
        return None
    if rule.shape == "nothing":
        is_true = rule.operator in NEGATIONS
        return _constant_finding(f"'{rule.label}' is never missing", f"'{rule.operator}'", is_true=is_true)
    for is_true in (True, False):
        if not _count_may_match(rule, clock, wanted=not is_true):
            return _constant_finding(
                f"'{rule.label}' is never below 0", f"'{rule.operator}' {shown(rule.value)}", is_true=is_true
            )
    return None


def _count_may_match(rule: TableRule, clock: Clock, *, wanted: bool) -> bool:
    """Return whether the comparison may match some count, or not match it; True if it is uncertain."""
    try:
        region = region_of(rule.as_rule(rule.label), Kind.NUMBER, clock, wanted=wanted)
    except LOWERING_ERRORS:
        return True
    return region is None or can_overlap(region, ZERO_OR_MORE)


def _constant_finding(fact: str, test: str, *, is_true: bool) -> tuple[FindingName, str]:
    if is_true:
        return "always-holds", f"{fact}, so {test} matches every contact; {_INSTEAD_OF_CONSTANT}"
    return "never-holds", f"{fact}, so {test} matches no contact; {_INSTEAD_OF_CONSTANT}"
