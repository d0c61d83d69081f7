"""Test whether a blank or a non-blank value can match a rule, for one kind of column."""

from segbatch.compiler.literals import UNICODE_SPACE
from segbatch.model.operators import NEGATIONS
from segbatch.model.segment import Rule
from segbatch.snapshot.fields.types import Kind

_EQUALITIES = {"eq", "in"}
_PARTS = {"contains", "starts_with", "ends_with"}


def may_meet(rule: Rule, kind: Kind, *, wanted: bool, blank: bool) -> bool:
    """Return whether a present value that is blank (or not blank) may match a rule; True if it is uncertain.

    Args:
        rule: A rule with a value, which compares present values.
        kind: The kind of the column.
        wanted: Whether the rule must match, or must not match.
        blank: Whether the value must be blank, or must not be blank.
    """
    operator = NEGATIONS.get(rule.operator, rule.operator)
    positive = wanted == (operator == rule.operator)
    if kind is Kind.TEXT and positive:
        return _texts_may_meet(rule, operator, blank=blank)
    if kind is Kind.TEXT or not blank:
        return True
    return kind is Kind.LIST and not positive


def _texts_may_meet(rule: Rule, operator: str, *, blank: bool) -> bool:
    values = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    if operator in _EQUALITIES:
        return any(_is_blank(value) == blank for value in values)
    return not (blank and operator in _PARTS) or _is_blank(rule.value)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip(UNICODE_SPACE)
