"""Operators of rules: their names, and the values that they take."""

from collections.abc import Mapping
from typing import Literal, get_args

OperatorName = Literal[
    "eq",
    "neq",
    "contains",
    "not_contains",
    "gt",
    "lt",
    "gte",
    "lte",
    "exists",
    "empty",
    "blank",
    "not_blank",
    "in",
    "not_in",
    "between",
    "starts_with",
    "ends_with",
    "matches",
    "within_last",
    "within_next",
    "not_within_last",
    "not_within_next",
    "older_than",
    "later_than",
    "anniversary_within_last",
    "anniversary_within_next",
    "in_list",
    "not_in_list",
    "in_segment",
    "not_in_segment",
    "sample",
]
"""The operators of rules."""

MatchName = Literal["all", "any", "none"]
"""How a group combines its rules: all of them match, at least one matches, or none matches."""

MissingName = Literal["include", "exclude"]
"""Whether a rule includes or excludes contacts without a value for its field."""

AggregateName = Literal["count", "count_distinct", "sum", "avg", "min", "max", "first", "last"]
"""How the rows of a related table become one value per contact."""

Shape = Literal["nothing", "one", "text", "list", "pair", "duration", "days", "list_name", "segment", "sample"]
"""The kinds of values that operators take."""

ReadingName = Literal["text", "number", "boolean", "date", "datetime", "epoch_s", "epoch_ms", "version"]
"""The types that a rule can read a field as."""

OPERATORS: tuple[OperatorName, ...] = get_args(OperatorName)

AGGREGATES: tuple[AggregateName, ...] = get_args(AggregateName)

WITHOUT_FIELD: frozenset[Shape] = frozenset({"segment", "sample"})
"""The kinds of values of operators that are about the contact, and not about one of its fields."""

TAKES_IGNORE_CASE: frozenset[OperatorName] = frozenset(
    {
        "eq",
        "neq",
        "contains",
        "not_contains",
        "in",
        "not_in",
        "in_list",
        "not_in_list",
        "starts_with",
        "ends_with",
        "matches",
    }
)

TAKES_VALUE_FIELD: frozenset[OperatorName] = frozenset({"eq", "neq", "gt", "gte", "lt", "lte"})
"""The operators that can compare a field with another field."""

NEGATIONS: Mapping[OperatorName, OperatorName] = {
    "neq": "eq",
    "not_contains": "contains",
    "not_in": "in",
    "not_within_last": "within_last",
    "not_within_next": "within_next",
    "not_in_list": "in_list",
    "not_in_segment": "in_segment",
    "exists": "empty",
    "not_blank": "blank",
}
"""Operators that are the exact opposite of another operator, with that operator."""


_OPERATORS_BY_SHAPE: Mapping[Shape, tuple[OperatorName, ...]] = {
    "nothing": ("exists", "empty", "blank", "not_blank"),
    "one": ("eq", "neq", "contains", "not_contains", "gt", "lt", "gte", "lte"),
    "text": ("starts_with", "ends_with", "matches"),
    "list": ("in", "not_in"),
    "pair": ("between",),
    "duration": ("within_last", "within_next", "not_within_last", "not_within_next", "older_than", "later_than"),
    "days": ("anniversary_within_last", "anniversary_within_next"),
    "list_name": ("in_list", "not_in_list"),
    "segment": ("in_segment", "not_in_segment"),
    "sample": ("sample",),
}
_SHAPES = {operator: shape for shape, operators in _OPERATORS_BY_SHAPE.items() for operator in operators}


def shape_of(operator: OperatorName) -> Shape:
    """Return the kind of value that an operator takes."""
    return _SHAPES[operator]
