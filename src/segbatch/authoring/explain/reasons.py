"""Sentences that give the reason why a rule matches a value or does not.

The verdict is an input. The text follows the verdict and never decides it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from segbatch.authoring.explain.far_times import FarTime
from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import WHITE_SPACE, LiteralTypeError, read_date, read_number, read_uuid
from segbatch.compiler.relative_dates import read_relative
from segbatch.model.operators import NEGATIONS, OperatorName
from segbatch.model.rule import Group, Node, Rule, TableRule
from segbatch.model.sample import SHARES, SampleRange
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind, in_words
from segbatch.text import shown

_LONGEST = 80
_GROUPS = {"all": "all of", "any": "any of", "none": "none of"}


def rule_text(node: Node) -> str:
    """Return a rule as a user would type it, truncated to 80 characters, or a group's condition such as `all of`."""
    if isinstance(node, Group):
        return _GROUPS[node.match]
    if isinstance(node, TableRule):
        node = node.as_rule(f"{node.label} where ..." if node.where else node.label)
    value = [] if node.value is None or node.shape == "nothing" else [json.dumps(_value_data(node), ensure_ascii=False)]
    value += [] if node.value_field is None else [f"value_field {node.value_field}"]
    more = [f"as {node.read_as}"] if node.read_as else []
    more += [f"missing {node.missing}"] if node.missing else []
    more += ["ignore_case"] if node.ignore_case else []
    text = " ".join([*([node.field] if node.field else []), node.operator, *value, *more])
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _value_data(rule: Rule) -> object:
    """Return the value of a rule as JSON data."""
    return rule.model_dump(mode="json", include={"value"})["value"]


def explain_sample(sample: SampleRange, number: int | None, *, holds: bool) -> str:
    """Return the reason why a contact is in a sample or not.

    Args:
        number: The contact's share times 2^64; None if the contact has no id.
        holds: The verdict of the rule's predicate.
    """
    if number is None:
        return "the contact has no id"
    share = f"its share for seed {shown(sample.seed)} is {number / SHARES:.6f}"
    return f"{share}, which is {'' if holds else 'not '}in [{sample.start}, {sample.end})"


def explain_group(group: Group, held: Sequence[bool]) -> str:
    """Return a sentence with the number of a group's rules that match."""
    number, of = sum(held), len(held)
    match group.match:
        case "all":
            return "all match" if number == of else f"{of - number} of {of} {_verb(of - number)} not match"
        case "any" | "none":
            return f"{number} of {of} {'matches' if number == 1 else 'match'}" if number else "none match"
        case _:
            assert_never(group.match)


def _verb(number: int) -> str:
    return "does" if number == 1 else "do"


_ORDER: dict[OperatorName, tuple[str, str]] = {
    "gt": ("above", "after"),
    "gte": ("at least", "at or after"),
    "lt": ("below", "before"),
    "lte": ("at most", "at or before"),
}
"""The text for an ordering operator: for values, and for dates and timestamps."""

_VERBS: dict[OperatorName, tuple[str, str]] = {
    "starts_with": ("starts with", "does not start with"),
    "ends_with": ("ends with", "does not end with"),
    "matches": ("matches", "does not match"),
}


@dataclass(frozen=True, slots=True)
class RuleInput:
    """The input of a rule for one contact.

    Attributes:
        field: The field in the snapshot.
        value: The contact's value; None if it is missing.
        clock: The time and time zone of the evaluation.
        other: The input for the field that the rule compares with, if it has a `value_field`.
        unreadable: The input as it is stored, if the rule reads it as another type and that is not possible.
    """

    field: Field
    value: Any
    clock: Clock
    other: "RuleInput | None" = None
    unreadable: "RuleInput | None" = None


def explain_rule(rule: Rule, seen: RuleInput, *, holds: bool) -> str:
    """Return the reason why a rule matches a contact or does not.

    Args:
        seen: The field, the contact's value and the clock.
        holds: The verdict of the rule's predicate.
    """
    if rule.shape == "nothing":
        return _presence(rule, seen, holds=holds)
    for one in (seen, seen.other):
        if one is not None and one.value is None:
            subject = "" if one is seen else f"'{rule.value_field}' is "
            return f"{subject}{_missing(one)}, and {_for_missing(rule, holds=holds)}"
    words = _compared(rule, seen, is_so=holds is (rule.operator not in NEGATIONS))
    return f"{words}, ignoring case" if rule.ignore_case else words


def _presence(rule: Rule, seen: RuleInput, *, holds: bool) -> str:
    if seen.value is None:
        return _missing(seen)
    if rule.operator in {"blank", "not_blank"} and seen.field.kind in {Kind.TEXT, Kind.LIST}:
        return f"{_written(seen)} is {'' if holds is (rule.operator == 'blank') else 'not '}blank"
    return f"present: {_written(seen)}"


def _missing(seen: RuleInput) -> str:
    if seen.unreadable is not None:
        return f"missing, because {_written(seen.unreadable)} cannot be read as {in_words(seen.field.dtype)}"
    return "missing for every contact" if seen.field.kind is Kind.NOTHING else "missing"


def _for_missing(rule: Rule, *, holds: bool) -> str:
    if rule.missing is not None:
        return f"the rule has missing: {rule.missing}"
    return f"the rule {'matches' if holds else 'does not match'} missing values"


def _written(seen: RuleInput) -> str:
    """Format a contact's value for one line."""
    match seen.field.kind, seen.value:
        case Kind.STRUCT, _:
            return "an object"
        case Kind.OTHER, _:
            return "a value of a type that rules do not compare"
        case _, FarTime() as words:
            return words
        case _, datetime() as moment:
            return moment.isoformat().replace("+00:00", "Z")
        case _, list() as items:
            return shown([_item(item) for item in items])
        case _, str() | bool() | int() | float() as value:
            return shown(value)
        case _, value:
            return str(value)


def _item(value: object) -> object:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _compared(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    """Describe how a value that is present compares, using the positive form of the operator."""
    match rule.operator:
        case "eq" | "neq":
            return _equal(rule, seen, is_so=is_so)
        case "gt" | "gte" | "lt" | "lte":
            return _ordered(rule, seen, is_so=is_so)
        case "contains" | "not_contains":
            return _contained(rule, seen, is_so=is_so)
        case "in" | "not_in" | "in_list" | "not_in_list":
            return _chosen(rule, seen, is_so=is_so)
        case "between":
            return _between(rule, seen, is_so=is_so)
        case "starts_with" | "ends_with" | "matches":
            positive, negative = _VERBS[rule.operator]
            return f"{_written(seen)} {positive if is_so else negative} {shown(rule.value)}"
        case "within_last" | "not_within_last" | "within_next" | "not_within_next" | "older_than" | "later_than":
            return _near(rule, seen, is_so=is_so)
        case "anniversary_within_last" | "anniversary_within_next":
            return _anniversary(rule, seen, is_so=is_so)
        case "exists" | "empty" | "blank" | "not_blank" | "in_segment" | "not_in_segment" | "sample":
            raise AssertionError(rule.operator)  # answered by `_presence`, or not a rule on a field
        case _:
            assert_never(rule.operator)


def _equal(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    value, wanted = _written(seen), _wanted(rule, seen)
    if seen.field.kind is Kind.LIST:
        return f"{'an' if is_so else 'no'} element of {value} is {wanted}"
    if _is_not_a_number(rule.value, seen):
        return f"{value} is a text that is not a number, so not equal to {wanted}"
    return f"{value} is {'' if is_so else 'not '}{wanted}"


def _contained(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    if seen.field.kind is Kind.LIST:
        return _equal(rule, seen, is_so=is_so)
    return f"{_written(seen)} {'contains' if is_so else 'does not contain'} {shown(rule.value)}"


def _chosen(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    where = f"in the list {shown(rule.value)}" if rule.shape == "list_name" else f"one of {shown(rule.value)}"
    if seen.field.kind is Kind.LIST:
        return f"{'an' if is_so else 'no'} element of {_written(seen)} is {where}"
    return f"{_written(seen)} is {'' if is_so else 'not '}{where}"


def _ordered(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    value, wanted = _written(seen), _wanted(rule, seen)
    if _is_not_a_number(rule.value, seen):
        return f"{value} is a text that is not a number, so it is not ordered"
    order = _ORDER[rule.operator][seen.field.kind in {Kind.DATE, Kind.DATETIME}]
    how = " by code point" if seen.field.kind is Kind.TEXT and isinstance(rule.value, str) else ""
    return f"{value} is {'' if is_so else 'not '}{order} {wanted}{how}"


def _between(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    low, high = rule.value if isinstance(rule.value, tuple) else (rule.value, rule.value)
    if _is_not_a_number(low, seen):
        return f"{_written(seen)} is a text that is not a number, so it is not ordered"
    return f"{_written(seen)} is {'' if is_so else 'not '}between {_target(low, seen)} and {_target(high, seen)}"


def _near(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    where = "before" if rule.operator in {"within_last", "not_within_last", "older_than"} else "after"
    extent = "more than" if rule.operator.endswith("than") else "in the"
    return f"{_written(seen)} is {'' if is_so else 'not '}{extent} {rule.value} {where} {_now(seen)}"


def _anniversary(rule: Rule, seen: RuleInput, *, is_so: bool) -> str:
    where = "before" if rule.operator == "anniversary_within_last" else "after"
    today = seen.clock.now(in_days=True).isoformat()
    return f"{_written(seen)} has {'its' if is_so else 'no'} anniversary in the {rule.value} {where} {today}"


def _now(seen: RuleInput) -> str:
    """Format the time of the run, as a day for a field of days."""
    return seen.clock.now(in_days=seen.field.kind is Kind.DATE).isoformat().replace("+00:00", "Z")


def _wanted(rule: Rule, seen: RuleInput) -> str:
    """Format what a field is compared with: the rule's value, or the contact's value of another field."""
    if seen.other is None:
        return _target(rule.value, seen)
    is_day = {seen.field.kind, seen.other.field.kind} == {Kind.DATE, Kind.DATETIME}
    how = f" (by day in {seen.clock.timezone.key})" if is_day else ""
    return f"{_written(seen.other)} of '{rule.value_field}'{how}"


def _target(value: object, seen: RuleInput) -> str:
    """Format a rule's value as it is interpreted: a day and a local time are in the run's time zone."""
    relative = read_relative(value) if seen.field.kind in {Kind.DATE, Kind.DATETIME} else None
    if relative is not None:
        return f"{value} ({relative.at(seen.clock).isoformat().replace('+00:00', 'Z')})"
    if seen.field.kind is Kind.DATE:
        return str(value)
    if seen.field.kind is Kind.UUID:
        return shown(read_uuid(str(value)))
    if seen.field.kind is not Kind.DATETIME:
        return json.dumps(value) if isinstance(value, bool) else shown(value)
    try:
        return f"{read_date(str(value))} (as a day in {seen.clock.timezone.key})"
    except LiteralTypeError:
        return str(value)


def _is_not_a_number(value: object, seen: RuleInput) -> bool:
    """Return whether a number is compared with a text that is not a number."""
    if seen.field.kind is not Kind.TEXT or isinstance(value, str | bool | tuple | None):
        return False
    try:
        read_number(seen.value.strip(WHITE_SPACE))
    except LiteralTypeError:
        return True
    return False
