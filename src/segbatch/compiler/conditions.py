"""Conditions of segments: predicates and other segments, combined by all, any or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never, cast

import polars as pl

from segbatch.model.operators import MatchName


@dataclass(frozen=True, slots=True)
class BoolExpr:
    """Conditions that are combined by all, any or none, like the rules of a group."""

    op: MatchName
    args: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """Membership in another segment."""

    segment_id: str


Condition = int | SegmentRef | BoolExpr
"""The number of a predicate, another segment, or a combination of conditions."""


def combine(op: MatchName, args: Sequence[Condition]) -> Condition:
    """Combine conditions; a single one is returned as it is, except with `none`."""
    return args[0] if len(args) == 1 and op != "none" else BoolExpr(op, tuple(args))


def args_of(op: MatchName, condition: Condition, number: int) -> tuple[Condition, ...]:
    """Return the conditions that `combine` joined; `number` is how many there were."""
    return (condition,) if number == 1 and op != "none" else cast("BoolExpr", condition).args


def to_expression(condition: Condition, predicates: Sequence[pl.Expr], members: Mapping[str, pl.Expr]) -> pl.Expr:
    """Build the expression of a condition.

    Args:
        predicates: The predicates, by their numbers in the condition, or columns that contain their results.
        members: For each segment that the condition references, an expression that is true for its members.

    Returns:
        A boolean expression that is never null, since the predicates are never null.
    """
    match condition:
        case int():
            return predicates[condition]
        case SegmentRef():
            return members[condition.segment_id]
        case BoolExpr():
            return _join([to_expression(arg, predicates, members) for arg in condition.args], condition.op)
        case _:
            assert_never(condition)


def _join(parts: list[pl.Expr], match: MatchName) -> pl.Expr:
    match match:
        case "all":
            return pl.all_horizontal(parts)
        case "any":
            return pl.any_horizontal(parts)
        case "none":
            return ~(parts[0] if len(parts) == 1 else pl.any_horizontal(parts))
        case _:
            assert_never(match)


def numbers_in(condition: Condition) -> set[int]:
    """Return the numbers of the predicates in a condition."""
    match condition:
        case int():
            return {condition}
        case BoolExpr():
            return set[int]().union(*map(numbers_in, condition.args))
        case _:
            return set()


def references_in(condition: Condition) -> set[str]:
    """Return the segments that a condition references."""
    match condition:
        case SegmentRef():
            return {condition.segment_id}
        case BoolExpr():
            return set[str]().union(*map(references_in, condition.args))
        case _:
            return set()
