"""Query of a segment as text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

from segbatch.compiler.lowering import lower, type_of
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.project_rule import project_column, project_rule
from segbatch.definitions.definition import Definition
from segbatch.errors import DefinitionError, Problem, UsageError
from segbatch.model.operators import MatchName
from segbatch.model.segment import Group, Node, Rule
from segbatch.snapshot.fields.resolution import resolve
from segbatch.sql.columns import Table
from segbatch.sql.dialects import Refused, identifier
from segbatch.sql.names import DialectName
from segbatch.sql.predicates import predicate
from segbatch.sql.sources import read_parquet

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


def query(
    prepared: PreparedEvaluation, segment_id: str, dialect: DialectName, table: str | None, project: str | None
) -> str:
    """Return the query of a segment.

    Args:
        prepared: The definitions, the snapshot and the time.
        segment_id: The id of the segment to write.
        dialect: The dialect of the SQL.
        table: The table to read; the snapshot's files by default.
        project: The project that contacts are restricted to, if any.

    Raises:
        DefinitionError: A rule cannot be evaluated on the snapshot, or the dialect cannot express it.
        UsageError: The table name is not valid.
    """
    definition = prepared.plan_of(segment_id).definition
    snapshot = prepared.snapshot
    writer = _Writer(prepared, dialect, project)
    part = writer.segment(definition, _ReferencePath(), negated=False)
    if table is None:
        byte_texts = bool(snapshot.byte_texts)
        source = read_parquet(snapshot.files, dialect, writer.columns, byte_texts=byte_texts)
    else:
        source = _table(table, dialect)
    if writer.problems:
        raise DefinitionError(definition.locate(problem) for problem in writer.problems)
    head = f"{definition.segment.name} ({segment_id}), as of {prepared.clock.as_of.isoformat()}"
    chosen = exp.column(identifier(snapshot.id_column)).sql(dialect=dialect)
    lines = [_comment(head), f"SELECT {chosen}", f"FROM {source.sql(dialect=dialect)}", *_where(part, dialect)]
    return "\n".join(lines)


def _table(name: str, dialect: DialectName) -> exp.Expr:
    try:
        table = parse_one(name, into=exp.Table, dialect=dialect)
    except ParseError:
        table = None
    if not isinstance(table, exp.Table) or not all(isinstance(part, exp.Identifier) for part in table.parts):
        raise UsageError(f"'{name}' is not a valid table name in {dialect} (--table)")
    return table


def _where(part: Part, dialect: DialectName) -> Iterator[str]:
    """Yield the lines of the WHERE clause; a conjunction has no parentheses around it."""
    parts = part.parts if isinstance(part, BoolSql) and part.match == "all" else [part]
    for index, one in enumerate(parts):
        first, *others = _lines_of(exp.Paren(this=one) if isinstance(one, exp.Or) else one, dialect)
        yield ("  AND " if index else "WHERE ") + first
        yield from ("  " + line for line in others)


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
    """Writes segments as SQL, and collects the rules that the dialect cannot express."""

    def __init__(self, prepared: PreparedEvaluation, dialect: DialectName, project: str | None) -> None:
        self.problems: list[Problem] = []
        self.columns = set[str]()
        self._clock = prepared.clock
        self._project = project
        self._by_id: Mapping[str, Definition] = {one.segment_id: one for one in prepared.definitions.good}
        snapshot = prepared.snapshot
        self._table = Table(snapshot.schema, snapshot.forms, dialect)

    def segment(self, definition: Definition, via: _ReferencePath, *, negated: bool) -> BoolSql:
        """Return the condition of a segment.

        Args:
            definition: The segment to write.
            via: The path of references to it.
            negated: Whether an outer condition negates it.
        """
        segment = definition.segment
        inside = negated or segment.match == "none"
        parts = [self._node(node, f"$.rules[{i}]", via, negated=inside) for i, node in enumerate(segment.rules)]
        joined = BoolSql(segment.match, parts)
        owner = segment.project_id if segment.project_id is not None else self._project
        if owner is None or project_column(self._table.schema) is None:
            return joined
        others = parts if segment.match == "all" else [joined]
        return BoolSql("all", [self._rule(project_rule(owner), "$.project_id", via, negated=negated), *others])

    def _node(self, node: Node, path: str, via: _ReferencePath, *, negated: bool) -> Part:
        if isinstance(node, Group):
            inside = negated or node.match == "none"
            parts = [self._node(child, f"{path}.rules[{i}]", via, negated=inside) for i, child in enumerate(node.rules)]
            return BoolSql(node.match, parts)
        if node.shape != "segment":
            return self._rule(node, path, via, negated=negated)
        referenced, outside = self._by_id[str(node.value)], node.operator == "not_in_segment"
        inner = self.segment(referenced, via.to(referenced.segment_id, path), negated=negated or outside)
        note = f"segment '{referenced.segment_id}'"
        return BoolSql("none", [inner], note) if outside else replace(inner, note=note)

    def _rule(self, rule: Rule, path: str, via: _ReferencePath, *, negated: bool) -> Part:
        try:
            field = resolve(str(rule.field), self._table.schema)
            self.columns.add(field.column)
            column = self._table.column(field)
            return predicate(lower(rule, type_of(field), self._clock), column, self._clock, negated=negated)
        except Refused as refused:
            self.problems.append(via.problem(path, str(refused)))
            return exp.Boolean(this=False)


def _comment(words: str) -> str:
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
    yield opening + (f" {_comment(combined.note)}" if combined.note else "")
    for index, part in enumerate(combined.parts):
        first, *others = _lines_of(_in_parentheses(part), dialect)
        yield _INDENT + (f"{word} " if index else "") + first
        yield from (_INDENT + line for line in others)
    yield ")"


def _in_parentheses(part: Part) -> Part:
    """Put a rule that contains AND or OR in parentheses."""
    return exp.Paren(this=part) if isinstance(part, exp.And | exp.Or) else part
