"""Names, literals and calls in SQL, and the error for rules that a dialect cannot express with the same meaning."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from segbatch.sql.names import DialectName

_RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
        all analyse analyze and any array as asc asymmetric between both by case cast check collate column constraint
        create cross current current_date current_time current_timestamp current_user date default deferrable desc
        describe distinct do else end escape except exists extract false fetch final for foreign format from full global
        grant group grouping groups having if ignore ilike in initially inner intersect interval into is join lambda
        lateral leading left like limit localtime localtimestamp merge natural new no not null nulls of offset on only
        or order outer over partition pivot pivot_longer pivot_wider placing prewhere primary proto qualify range
        recursive references respect returning right rlike rollup row rows sample select session_user set settings show
        similar some start struct summarize symmetric table tablesample then time timestamp to trailing treat true
        unbounded union unique unnest unpivot update user using values variadic view when where window with within
        """,
    )
)
"""Names that need quotes in some dialect."""

_LONGEST_ALIAS = 40
"""Characters of a table's name in an alias; Postgres cuts names after 63."""


@dataclass
class Refused(Exception):  # noqa: N818 - caught where the rule's place is known; users never see it
    """A rule that a dialect cannot express with the same meaning.

    Attributes:
        reason: The reason, to append to the rule's place.
        advice: The fix; by default, to use DuckDB's dialect or to change the rule.
    """

    reason: str
    advice: str = "use --dialect duckdb, or change the rule"

    def __str__(self) -> str:
        """Return the reason and the fix."""
        return f"{self.reason}; {self.advice}"


def identifier(name: str) -> exp.Identifier:
    """Return an identifier, with quotes if it needs them."""
    plain = name.isascii() and name.isidentifier() and name == name.lower() and name not in _RESERVED
    return exp.to_identifier(name, quoted=not plain)


def free_alias(name: str, taken: Iterable[str]) -> str:
    """Return an alias for a table that differs, with the columns of its subquery, from all other names.

    Args:
        name: The name of the table in rules.
        taken: The columns of all tables, and the other aliases.
    """
    lower = {other.lower() for other in taken}
    base = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII)[:_LONGEST_ALIAS].strip("_") or "rows"
    base = f"rows_{base}" if base[0].isdigit() else base
    number, alias = 1, base
    while any(re.fullmatch(rf"{alias}(_contact|_[0-9]+)?", other) for other in lower):
        number += 1
        alias = f"{base}{number}"
    return alias


def text(value: str) -> exp.Literal:
    """Return a text literal."""
    return exp.Literal.string(value)


def key_text(key: str, dialect: DialectName) -> exp.Literal:
    """Return a key as a text literal.

    Raises:
        Refused: The dialect may interpret some of its characters.
    """
    if dialect not in {"duckdb", "postgres"} and ("\\" in key or not key.isprintable()):
        raise Refused(f"a key with a backslash or a control character may mean something else in {dialect}")
    return text(key)


def whole(value: int) -> exp.Expr:
    """Return an integer literal."""
    number = exp.Literal.number(str(abs(value)))
    return exp.Neg(this=number) if value < 0 else number


def is_null(operand: exp.Expr) -> exp.Is:
    """Test whether an expression is null."""
    return exp.Is(this=operand.copy(), expression=exp.Null())


def never() -> exp.Boolean:
    """Return an expression that is always false."""
    return exp.Boolean(this=False)


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call of a function with copies of the arguments."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])
