"""Combinations of conditions in SQL: as one expression, or as lines for readers of a query."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from sqlglot import exp

from segbatch.model.operators import MatchName
from segbatch.sql.names import DialectName

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class BoolSql:
    """Parts that are combined, like the rules of a group.

    Attributes:
        match: How they are combined.
        parts: The parts; at least one.
        note: A comment for readers of the query.
    """

    match: MatchName
    parts: Sequence["Part"]
    note: str = ""


Part = exp.Expr | BoolSql
"""A rule, or a combination of rules."""


def as_expression(part: Part) -> exp.Expr:
    """Return a condition as one expression."""
    match part:
        case BoolSql(match="all"):
            return exp.and_(*map(as_expression, part.parts))
        case BoolSql(match="any"):
            return exp.or_(*map(as_expression, part.parts))
        case BoolSql():
            return exp.Not(this=exp.paren(exp.or_(*map(as_expression, part.parts))))
        case exp.Expr():
            return part
        case _:
            assert_never(part)


def where_clause(part: Part, dialect: DialectName) -> Iterator[str]:
    """Yield the lines of the WHERE clause; a conjunction has no parentheses around it."""
    parts = part.parts if isinstance(part, BoolSql) and part.match == "all" else [part]
    for index, one in enumerate(parts):
        first, *others = _lines_of(exp.Paren(this=one) if isinstance(one, exp.Or) else one, dialect)
        yield ("  AND " if index else "WHERE ") + first
        yield from ("  " + line for line in others)


def comment(words: str) -> str:
    """Return a comment that ends with its line."""
    return "-- " + "".join(letter if letter.isprintable() else " " for letter in words)


def _lines_of(part: Part, dialect: DialectName) -> list[str]:
    """Return the lines of a condition."""
    match part:
        case BoolSql():
            return list(_bool_lines(part, dialect))
        case exp.Expr():
            return [part.sql(dialect=dialect)]
        case _:
            assert_never(part)


def _bool_lines(combined: BoolSql, dialect: DialectName) -> Iterator[str]:
    word = "AND" if combined.match == "all" else "OR"
    opening = "NOT (" if combined.match == "none" else "("
    yield opening + (f" {comment(combined.note)}" if combined.note else "")
    for index, part in enumerate(combined.parts):
        first, *others = _lines_of(_in_parentheses(part), dialect)
        yield _INDENT + (f"{word} " if index else "") + first
        yield from (_INDENT + line for line in others)
    yield ")"


def _in_parentheses(part: Part) -> Part:
    """Put a rule that contains AND or OR in parentheses."""
    return exp.Paren(this=part) if isinstance(part, exp.And | exp.Or) else part
