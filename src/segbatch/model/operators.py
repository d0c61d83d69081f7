"""The operators of rules, by name and by the value that they take."""

from typing import Literal, assert_never, get_args

__all__ = [
    "OPERATORS",
    "TAKES_IGNORE_CASE",
    "MatchName",
    "MissingName",
    "OperatorName",
    "Shape",
    "shape_of",
]

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
"""What a rule can ask."""

MatchName = Literal["all", "any", "none"]
"""How a group joins its rules: every one holds, at least one, or not one."""

MissingName = Literal["include", "exclude"]
"""What a rule is told to say of a contact for which its field is missing."""

Shape = Literal["nothing", "one", "text", "list", "pair", "duration", "segment"]
"""What an operator takes as its value."""

OPERATORS: tuple[OperatorName, ...] = get_args(OperatorName)

TAKES_IGNORE_CASE: frozenset[OperatorName] = frozenset(
    {"eq", "neq", "contains", "not_contains", "in", "not_in", "starts_with", "ends_with", "matches"}
)


def shape_of(operator: OperatorName) -> Shape:
    """Return what an operator takes as its value."""
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
