"""What a contact has to meet to be in a segment: predicates and other segments, joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never, cast

import polars as pl

from segbatch.model.operators import MatchName

__all__ = ["Condition", "Joined", "Member", "join", "numbers_in", "split", "to_expression"]


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions that are joined, as the rules of a group are."""

    match: MatchName
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Member:
    """To be in another segment."""

    segment_id: str


Condition = int | Member | Joined
"""The number of a predicate, another segment, or conditions joined."""


def join(match: MatchName, parts: Sequence[Condition]) -> Condition:
    """Join conditions; one alone needs no joining."""
    return parts[0] if len(parts) == 1 and match != "none" else Joined(match, tuple(parts))


def split(match: MatchName, condition: Condition, number: int) -> tuple[Condition, ...]:
    """Return the conditions, so many, that `join` joined."""
    return (condition,) if number == 1 and match != "none" else cast("Joined", condition).parts


def to_expression(condition: Condition, predicates: Sequence[pl.Expr], members: Mapping[str, pl.Expr]) -> pl.Expr:
    """Join predicates as a condition says.

    Args:
        condition: What a contact has to meet.
        predicates: The predicates that the condition numbers, or columns that hold their answers.
        members: For each segment that the condition names, who is in it.

    Returns:
        A boolean expression that is never null, as the predicates are not.
    """
    match condition:
        case int():
            return predicates[condition]
        case Member():
            return members[condition.segment_id]
        case Joined():
            return _join([to_expression(part, predicates, members) for part in condition.parts], condition.match)
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
    """Return the numbers of the predicates that a condition joins."""
    match condition:
        case int():
            return {condition}
        case Joined():
            return set[int]().union(*map(numbers_in, condition.parts))
        case _:
            return set()
