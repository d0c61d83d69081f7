"""The operators of rules, by name."""

from typing import Literal, get_args

__all__ = ["NEEDS_NO_VALUE", "OPERATORS", "MatchName", "MissingName", "OperatorName"]

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
]
"""What a rule can ask of a field."""

MatchName = Literal["all", "any", "none"]
"""How a group joins its rules: every one holds, at least one, or not one."""

MissingName = Literal["include", "exclude"]
"""What a rule is told to say of a contact for which its field is missing."""

OPERATORS: tuple[OperatorName, ...] = get_args(OperatorName)

NEEDS_NO_VALUE: frozenset[OperatorName] = frozenset({"exists", "empty"})
