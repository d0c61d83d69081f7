"""Joins of the contacts with related tables: one subquery per table, with one row per contact that has rows."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from segbatch.sql.columns import Reader
from segbatch.sql.dialects import identifier
from segbatch.sql.names import DialectName

_INDENT = "  "
_LONGEST = 40
"""Characters of a table's name in an alias; Postgres cuts names after 63."""


@dataclass(slots=True)
class Join:
    """A subquery of a related table, grouped by contact.

    Attributes:
        alias: The name of the subquery; the names of its columns begin with it.
        reader: Reads the columns of the table.
        contact: The id of the contact of a row.
        source: Returns the rows for the FROM clause, given the columns that are read.
        exists: The condition of the rows that existed at the time of the run; None for all rows.
    """

    alias: str
    reader: Reader
    contact: exp.Expr
    source: Callable[[Iterable[str]], exp.Expr]
    exists: exp.Expr | None = None
    _aggregates: dict[str, exp.Expr] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The column with the id of the contact."""
        return f"{self.alias}_contact"

    def add(self, aggregate: exp.Expr) -> exp.Column:
        """Add an aggregate, unless the subquery has it already, and return its column."""
        name = next((name for name, known in self._aggregates.items() if known == aggregate), None)
        if name is None:
            name = f"{self.alias}_{len(self._aggregates) + 1}"
            self._aggregates[name] = aggregate
        return exp.column(identifier(name))

    def lines(self, contact_id: str, dialect: DialectName) -> Iterator[str]:
        """Yield the lines of the join.

        Args:
            contact_id: The column with the ids of the contacts.
            dialect: The dialect of the SQL.
        """
        contact = self.contact.sql(dialect=dialect)
        parts = [f"{contact} AS {_name(self.key, dialect)}"]
        parts += [f"{sql.sql(dialect=dialect)} AS {_name(name, dialect)}" for name, sql in self._aggregates.items()]
        yield "LEFT JOIN ("
        yield f"{_INDENT}SELECT"
        yield from (f"{_INDENT * 2}{part}{',' if index < len(parts) - 1 else ''}" for index, part in enumerate(parts))
        yield f"{_INDENT}FROM {self.source(self.reader.columns).sql(dialect=dialect)}"
        if self.exists is not None:
            yield f"{_INDENT}WHERE {self.exists.sql(dialect=dialect)}"
        yield f"{_INDENT}GROUP BY {contact}"
        on = exp.EQ(this=exp.column(identifier(self.key)), expression=exp.column(identifier(contact_id)))
        yield f") AS {_name(self.alias, dialect)} ON {on.sql(dialect=dialect)}"


def free_alias(name: str, taken: Iterable[str]) -> str:
    """Return an alias for a table that differs, with the columns of its subquery, from all other names.

    Args:
        name: The name of the table in rules.
        taken: The columns of all tables, and the other aliases.
    """
    lower = {other.lower() for other in taken}
    base = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII)[:_LONGEST].strip("_") or "rows"
    base = f"rows_{base}" if base[0].isdigit() else base
    number, alias = 1, base
    while any(re.fullmatch(rf"{alias}(_contact|_[0-9]+)?", other) for other in lower):
        number += 1
        alias = f"{base}{number}"
    return alias


def _name(name: str, dialect: DialectName) -> str:
    return identifier(name).sql(dialect=dialect)
