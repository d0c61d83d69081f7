"""Query of a segment: its condition in SQL, and the reasons why the dialect cannot express some of the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from sqlglot import exp

from segbatch.compiler.lowering import lower
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.project_rule import project_column, project_rule
from segbatch.compiler.rule_fields import find_fields
from segbatch.compiler.rule_tests import lower_rule, with_list_values
from segbatch.compiler.typed_test import AnyElement, FieldType, IsIn, TypedTest
from segbatch.definitions.definition import Definition
from segbatch.errors import DefinitionError, Problem
from segbatch.model.limits import MAX_VALUES
from segbatch.model.rule import Group, Node, Rule, TableRule
from segbatch.model.sample import SampleRange
from segbatch.snapshot.fields.resolution import resolve
from segbatch.snapshot.id_format import has_uuids
from segbatch.sql.bool_sql import BoolSql, Part, comment, where_clause
from segbatch.sql.columns import Reader, Table
from segbatch.sql.dialects import Refused, identifier, never
from segbatch.sql.names import DialectName
from segbatch.sql.predicates import null_as_false, predicate
from segbatch.sql.read_as import read_column
from segbatch.sql.related import RelatedTables
from segbatch.sql.samples import sample
from segbatch.sql.sources import named_table, read_parquet
from segbatch.text import shown


def query(
    prepared: PreparedEvaluation, segment_id: str, dialect: DialectName, table: str | None, project: str | None
) -> str:
    """Return the query of a segment.

    Args:
        prepared: The definitions, the snapshot and the time.
        table: The table to read; the snapshot's files by default.
        project: The project that contacts are restricted to, if any.

    Raises:
        DefinitionError: A rule cannot be evaluated on the snapshot, or the dialect cannot express it.
        UsageError: The table name is not valid.
    """
    definition = prepared.plan_of(segment_id).definition
    snapshot = prepared.snapshot
    named = None if table is None else named_table(table, dialect)
    writer = _Writer(prepared, dialect, project, named)
    part = writer.segment(definition, _ReferencePath(), negated=False)
    source = named or read_parquet(snapshot, dialect, writer.contacts.columns)
    if writer.problems:
        raise DefinitionError(definition.locate(problem) for problem in writer.problems)
    head = f"{definition.segment.name} ({segment_id}), as of {prepared.clock.as_of.isoformat()}"
    chosen = exp.column(identifier(snapshot.id_column)).sql(dialect=dialect)
    lines = [comment(head), f"SELECT {chosen}", f"FROM {source.sql(dialect=dialect)}"]
    joins = [line for join in writer.tables.joins for line in join.lines(snapshot.id_column, dialect)]
    return "\n".join([*lines, *joins, *where_clause(part, dialect), *_settings(joins, dialect)])


@dataclass(frozen=True, slots=True)
class _ReferencePath:
    """The path from the segment that is written through the segments that it references.

    Attributes:
        path: The rule of the first segment that references the second.
        words: The segments on the path, as a phrase for messages.
    """

    path: str | None = None
    words: str = ""

    def to(self, segment_id: str, path: str) -> "_ReferencePath":
        """Extend the path to a segment that the rule at `path` references."""
        return _ReferencePath(self.path or path, f"{self.words}in segment '{segment_id}', ")

    def problem(self, path: str, reason: str) -> Problem:
        """Return a problem of a rule at the end of the path, with its place."""
        return (
            Problem(reason, path=path)
            if self.path is None
            else Problem(f"{self.words}{path}: {reason}", path=self.path)
        )


class _Writer:
    """Writes segments as SQL, and collects the rules that the dialect cannot express.

    Attributes:
        problems: The rules that the dialect cannot express, each with the reason.
        contacts: Reads the columns of the contacts.
        tables: The joins with related tables.
    """

    def __init__(
        self, prepared: PreparedEvaluation, dialect: DialectName, project: str | None, table: exp.Table | None
    ) -> None:
        self.problems: list[Problem] = []
        self._snapshot = snapshot = prepared.snapshot
        self.contacts = Reader(Table(snapshot.schema, snapshot.forms, dialect))
        self.tables = RelatedTables(prepared, dialect, table)
        self._clock = prepared.clock
        self._lists = prepared.lists
        self._project = project
        self._by_id = {one.segment_id: one for one in prepared.definitions.good}

    def segment(self, definition: Definition, via: _ReferencePath, *, negated: bool) -> BoolSql:
        """Return the condition of a segment.

        Args:
            via: The path of references to it.
            negated: Whether an outer condition negates it.
        """
        segment = definition.segment
        inside = negated or segment.match == "none"
        parts = self._nodes(segment.rules, "$.rules", via, self.contacts, negated=inside)
        joined = BoolSql(segment.match, parts)
        owner = segment.project_id if segment.project_id is not None else self._project
        if owner is None or project_column(self.contacts.table.schema) is None:
            return joined
        own = self._rule(project_rule(owner), "$.project_id", via, self.contacts, negated=negated)
        return BoolSql("all", [own, *(parts if segment.match == "all" else [joined])])

    def _nodes(
        self, nodes: Sequence[Node], path: str, via: _ReferencePath, reader: Reader, *, negated: bool
    ) -> list[Part]:
        """Return rules and groups.

        Args:
            path: The path of the list of them.
            via: The path of references to the segment.
            reader: Reads the columns of the contacts, or of the table that the rules are about.
            negated: Whether an outer condition negates them.
        """
        return [self._node(node, f"{path}[{i}]", via, reader, negated=negated) for i, node in enumerate(nodes)]

    def _node(self, node: Node, path: str, via: _ReferencePath, reader: Reader, *, negated: bool) -> Part:
        match node:
            case Group():
                inside = negated or node.match == "none"
                return BoolSql(node.match, self._nodes(node.rules, f"{path}.rules", via, reader, negated=inside))
            case TableRule():
                return self._table_rule(node, path, via, negated=negated)
            case Rule(value=SampleRange() as value):
                return self._sample(value, path, via, negated=negated)
            case Rule(shape="segment"):
                return self._reference(node, path, via, negated=negated)
            case Rule():
                return self._rule(node, path, via, reader, negated=negated)
            case _:
                assert_never(node)

    def _reference(self, rule: Rule, path: str, via: _ReferencePath, *, negated: bool) -> Part:
        referenced, outside = self._by_id[str(rule.value)], rule.operator == "not_in_segment"
        inner = self.segment(referenced, via.to(referenced.segment_id, path), negated=negated or outside)
        note = f"segment '{referenced.segment_id}'"
        return BoolSql("none", [inner], note) if outside else replace(inner, note=note)

    def _rule(self, rule: Rule, path: str, via: _ReferencePath, reader: Reader, *, negated: bool) -> Part:
        try:
            found = find_fields(rule, reader.table.schema, self._clock)
            columns = (read_column(reader.column(one.found), one, self._clock) for one in found.sources)
            column, *others = columns
            test = lower_rule(rule, found, self._clock, self._lists)
            _ensure_short(rule, test)
            return predicate(test, column, self._clock, next(iter(others), None), negated=negated)
        except Refused as refused:
            return self._refused(refused, path, via)

    def _sample(self, value: SampleRange, path: str, via: _ReferencePath, *, negated: bool) -> Part:
        try:
            field = resolve(self._snapshot.id_column, self.contacts.table.schema)
            found = sample(value, self.contacts.column(field), has_uuids=has_uuids(self._snapshot.id_type))
        except Refused as refused:
            return self._refused(refused, path, via)
        return null_as_false(found) if negated else found

    def _table_rule(self, rule: TableRule, path: str, via: _ReferencePath, *, negated: bool) -> Part:
        try:
            reader = self.tables.join(rule.table).reader
        except Refused as refused:
            return self._refused(refused, f"{path}.table", via)
        conditions = self._nodes(rule.where or (), f"{path}.where", via, reader, negated=False)
        try:
            column = self.tables.aggregate(rule, conditions)
            compared = rule.as_rule(rule.label)
            test = lower(with_list_values(compared, self._lists), FieldType(column.kind), self._clock)
            _ensure_short(compared, test)
            return predicate(test, column, self._clock, negated=negated)
        except Refused as refused:
            return self._refused(refused, path, via)

    def _refused(self, refused: Refused, path: str, via: _ReferencePath) -> exp.Expr:
        self.problems.append(via.problem(path, str(refused)))
        return never()


def _ensure_short(rule: Rule, test: TypedTest) -> None:
    """Raise an error if a list has too many values for a query.

    Raises:
        Refused: It has more values than a rule can have.
    """
    inner = test.test.test if isinstance(test.test, AnyElement) else test.test
    if isinstance(inner, IsIn) and len(inner.literals) > MAX_VALUES:
        reason = f"the list {shown(rule.value)} has {len(inner.literals):,} values, too many for a query"
        raise Refused(reason, f"use a list with at most {MAX_VALUES:,} values")


def _settings(joins: Sequence[str], dialect: DialectName) -> Sequence[str]:
    """Return the settings that give ClickHouse null, instead of 0 or an empty text, for contacts without rows."""
    if not joins or dialect != "clickhouse":
        return ()
    return ("SETTINGS join_use_nulls = 1, aggregate_functions_null_for_empty = 1",)
