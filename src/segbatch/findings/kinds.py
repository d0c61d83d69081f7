"""Kinds of the fields in rules, as far as they are known, and the rules of a segment with the kinds they compare."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from segbatch.compiler.read_as import kind_as
from segbatch.model.operators import AggregateName
from segbatch.model.rule import Rule, TableRule, walk_rules
from segbatch.model.segment import Segment
from segbatch.snapshot.fields.types import Kind

COUNTS: frozenset[AggregateName] = frozenset({"count", "count_distinct"})
"""The aggregates that are zero or above, and never missing."""

_NUMBERS = {*COUNTS, "sum", "avg"}


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds of the fields that rules read.

    Attributes:
        fields: The kinds of the fields of contacts, by name.
        tables: For each related table, the kinds of its columns, by name.
    """

    fields: Mapping[str, Kind] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)

    def of_column(self, table: str, name: str | None) -> Kind | None:
        """Return the kind of a column of a related table; None if it is unknown."""
        return self.tables.get(table, {}).get(name or "")

    def of_aggregate(self, rule: TableRule) -> Kind | None:
        """Return the kind of the value that a rule on a table compares; None if it is unknown."""
        return Kind.NUMBER if rule.aggregate in _NUMBERS else self.of_column(rule.table, rule.field)


def kind_of_rule(rule: Rule, kinds: Kinds, table: str | None = None) -> Kind | None:
    """Return the kind that a rule reads its field as; None if it is unknown.

    Args:
        rule: A rule on a field of a contact, or of a row of a table.
        table: The table of the row.
    """
    if rule.read_as is not None:
        return kind_as(rule.read_as)
    return kinds.fields.get(rule.field or "") if table is None else kinds.of_column(table, rule.field)


def rules_with_kinds(segment: Segment, kinds: Kinds) -> Iterator[tuple[str, Rule, Kind | None]]:
    """Yield every comparison of a segment, also those of aggregates and of the rows of tables, with its path.

    The comparison of an aggregate is a rule whose field is the label of the aggregate.
    """
    for path, rule in walk_rules(segment.rules):
        if isinstance(rule, Rule):
            yield path, rule, kind_of_rule(rule, kinds)
            continue
        yield path, rule.as_rule(rule.label), kinds.of_aggregate(rule)
        for place, of_row in rule.row_rules():
            yield path + place, of_row, kind_of_rule(of_row, kinds, rule.table)
