"""Query of a segment as text."""

from collections.abc import Sequence

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.errors import DefinitionError, UsageError
from segbatch.sql.bool_sql import comment, where_clause
from segbatch.sql.dialects import identifier
from segbatch.sql.names import DialectName
from segbatch.sql.sources import read_parquet
from segbatch.sql.writer import ReferencePath, Writer


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
    named = None if table is None else _table(table, dialect)
    writer = Writer(prepared, dialect, project, named)
    part = writer.segment(definition, ReferencePath(), negated=False)
    source = named or read_parquet(snapshot, dialect, writer.contacts.columns)
    if writer.problems:
        raise DefinitionError(definition.locate(problem) for problem in writer.problems)
    head = f"{definition.segment.name} ({segment_id}), as of {prepared.clock.as_of.isoformat()}"
    chosen = exp.column(identifier(snapshot.id_column)).sql(dialect=dialect)
    lines = [comment(head), f"SELECT {chosen}", f"FROM {source.sql(dialect=dialect)}"]
    joins = [line for join in writer.tables.joins for line in join.lines(snapshot.id_column, dialect)]
    return "\n".join([*lines, *joins, *where_clause(part, dialect), *_settings(joins, dialect)])


def _settings(joins: Sequence[str], dialect: DialectName) -> Sequence[str]:
    """Return the settings that give ClickHouse null, instead of 0 or an empty text, for contacts without rows."""
    if not joins or dialect != "clickhouse":
        return ()
    return ("SETTINGS join_use_nulls = 1, aggregate_functions_null_for_empty = 1",)


def _table(name: str, dialect: DialectName) -> exp.Table:
    try:
        table = parse_one(name, into=exp.Table, dialect=dialect)
    except ParseError:
        table = None
    if not isinstance(table, exp.Table) or not all(isinstance(part, exp.Identifier) for part in table.parts):
        raise UsageError(f"'{name}' is not a valid table name in {dialect} (--table)")
    return table
