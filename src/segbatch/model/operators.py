"""Operators of rules: their names, and the values that they take."""

from collections.abc import Mapping
from typing import Literal, assert_never, get_args

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
    "in_segment",
    "not_in_segment",
]
"""The operators of rules."""

MatchName = Literal["all", "any", "none"]
"""How a group combines its rules: all of them match, at least one matches, or none matches."""

MissingName = Literal["include", "exclude"]
"""Whether a rule includes or excludes contacts without a value for its field."""

Shape = Literal["nothing", "one", "text", "list", "pair", "duration", "segment"]
"""The kinds of values that operators take."""

OPERATORS: tuple[OperatorName, ...] = get_args(OperatorName)

TAKES_IGNORE_CASE: frozenset[OperatorName] = frozenset(
    {"eq", "neq", "contains", "not_contains", "in", "not_in", "starts_with", "ends_with", "matches"}
)

NEGATIONS: Mapping[OperatorName, OperatorName] = {
    "neq": "eq",
    "not_contains": "contains",
    "not_in": "in",
    "not_in_segment": "in_segment",
    "exists": "empty",
    "not_blank": "blank",
}
"""Operators that are the exact opposite of another operator, with that operator."""


def shape_of(operator: OperatorName) -> Shape:
    """Return the kind of value that an operator takes."""
    match operator:
        case "exists" | "empty" | "blank" | "not_blank":
            return "nothing"
        case "eq" | "neq" | "contains" | "not_contains" | "gt" | "lt" | "gte" | "lte":
            return "one"
        case "starts_with" | "ends_with" | "matches":
            return "text"
        case "in" | "not_in":
            return "list"
        case "between":
            return "pair"
        case "within_last" | "within_next":
            return "duration"
        case "in_segment" | "not_in_segment":
            return "segment"
        case _:
            assert_never(operator)
