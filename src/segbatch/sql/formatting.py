"""Text of a query: one rule per line, indented groups, and comments at references to other segments."""

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

Lines = list[str]


def comment(words: str) -> str:
    """Return a comment that ends with its line."""
    return "-- " + "".join(letter if letter.isprintable() else " " for letter in words)


def lines_of(part: Part, dialect: DialectName) -> Lines:
    """Return the lines of a condition."""
    match part:
        case BoolSql():
            return list(_joined(part, dialect))
        case exp.Expr():
            return [part.sql(dialect=dialect)]
        case _:
            assert_never(part)


def _joined(joined: BoolSql, dialect: DialectName) -> Iterator[str]:
    word = "AND" if joined.match == "all" else "OR"
    opening = "NOT (" if joined.match == "none" else "("
    yield opening + (f" {comment(joined.note)}" if joined.note else "")
    for index, part in enumerate(joined.parts):
        first, *others = lines_of(_in_parentheses(part), dialect)
        yield _INDENT + (f"{word} " if index else "") + first
        yield from (_INDENT + line for line in others)
    yield ")"


def _in_parentheses(part: Part) -> Part:
    """Put a rule that contains AND or OR in parentheses."""
    return exp.Paren(this=part) if isinstance(part, exp.And | exp.Or) else part
