"""Public function that writes one segment as SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.definitions.selection import select_definitions
from segbatch.definitions.source import Source
from segbatch.definitions.suggestions import read_choice
from segbatch.errors import Problem, UsageError
from segbatch.model.operators import MatchName
from segbatch.model.segment import Segment
from segbatch.snapshot.related.sources import Tables
from segbatch.sql.names import DIALECTS


def write_sql(
    definition: str | Path | Segment | None,
    contacts: str | Path,
    segments: str | Path | Source = "segments",
    *,
    rules: Sequence[str] = (),
    match: MatchName | None = None,
    dialect: str = "duckdb",
    table: str | None = None,
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
    warn: Callable[[Sequence[Problem]], None] | None = None,
) -> str:
    """Write a segment as one SELECT of the ids of its contacts, with exactly the contacts that a run finds.

    Args:
        definition: The id of a segment of `segments`, a JSON file with one, `-` for standard input, or a segment.
        contacts: The snapshot that the types of the fields come from: a Parquet file, a folder of them, or a glob.
        segments: The location of the saved segments.
        rules: Rules in place of a definition, such as `status eq active`.
        match: How the rules are combined; `all` by default.
        dialect: `duckdb`, `postgres`, `snowflake`, `bigquery`, `clickhouse` or `spark`.
        table: The table to select from; without it DuckDB reads the snapshot's files.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        tables: The related tables that rules may read, by name: each a path, or a `segbatch.TableSource`.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: The project that contacts are restricted to, if any.
        as_of: The time that relative dates are measured from; the current time by default.
        timezone: The IANA name of the zone of calendar days and of times without an offset.
        strict: Whether a custom field that no contact has is an error.
        warn: Called with the notes and warnings.

    Returns:
        The query, without a semicolon.

    Raises:
        UsageError: The segment, dialect, time or time zone is not valid, or sqlglot is not installed.
        DefinitionError: A rule cannot be evaluated on the snapshot, or the dialect cannot express it with the same
            meaning.
        SnapshotError: The snapshot cannot be used.
    """
    if find_spec("sqlglot") is None:
        raise UsageError("SQL is written with sqlglot, which is not installed; run: pip install 'segbatch[sql]'")
    dialect = read_choice(dialect, DIALECTS, "a dialect", "--dialect")
    from segbatch.sql.query import query  # noqa: PLC0415 - loads sqlglot, which is optional

    options = EvaluationOptions(
        contacts, id_column, custom_fields, tables, lists, project, as_of, timezone, strict, allow_empty=True
    )
    selection = select_definitions(definition, segments, rules=rules, match=match, project=project)
    segment_id = selection.only(definition)
    prepared = prepare(options, selection.definitions, also_disabled=selection.ids)
    written = query(prepared, segment_id, dialect, table, project)
    if warn is not None:
        warn((*prepared.notes, *prepared.warnings))
    return written
