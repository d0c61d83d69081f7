"""Preparation of an evaluation: definitions, an opened snapshot, the time, and a plan."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import Clock, read_clock
from segbatch.compiler.lifecycle import split_disabled
from segbatch.compiler.plan import Plan, PlanInputs, PlannedSegment, make_plan
from segbatch.compiler.project_check import unknown_project
from segbatch.compiler.reading_counts import with_reading_counts
from segbatch.compiler.samples import IdColumn
from segbatch.compiler.tables import open_tables, problems_of, unread_tables
from segbatch.definitions.definition import Definitions
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.definitions.value_lists import NO_LISTS, Lists, lists_of, read_lists
from segbatch.errors import DefinitionError, Problem, SnapshotError, UsageError
from segbatch.platform.urls import redact_url
from segbatch.snapshot.database.database_copy import DatabaseReader
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.snapshot.id_format import has_uuids
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.related.sources import Tables, sources_of
from segbatch.snapshot.related.tables import RelatedTable
from segbatch.snapshot.scan import LOCAL, Scanner
from segbatch.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """Options that select the contacts and control how definitions are read over them.

    The order is that of the keywords of `segbatch.explain`, `segbatch.preview` and the like.

    Attributes:
        contacts: A Parquet file, a folder of them, or a glob; on a disk or in object storage.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        tables: The related tables that rules may read, by name.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: The project that segments and contacts are restricted to, if any.
        as_of: The time that relative dates are measured from; the current time by default.
        timezone: The IANA name of the time zone.
        strict: Whether warnings are errors.
        allow_empty: Whether a snapshot without contacts is allowed.
        is_only_project: Whether all contacts belong to `project` if the snapshot has no column `project_id`.
        only: The segments to evaluate, with the segments that they reference; all by default.
        databases: Reads contacts and tables of databases; None to refuse them.
        scanner: Reads columns whose values must be known before the contacts are read.
    """

    contacts: str | Path
    id_column: str = "id"
    custom_fields: str | None = None
    tables: Tables | None = None
    lists: str | Path | None = None
    project: str | None = None
    as_of: str | datetime | None = None
    timezone: str = "UTC"
    strict: bool = False
    allow_empty: bool = False
    is_only_project: bool = True
    only: SegmentFilter = ALL_SEGMENTS
    databases: DatabaseReader | None = None
    scanner: Scanner = LOCAL

    @property
    def place(self) -> str:
        """The path or the address of the contacts for messages, without secrets."""
        return redact_url(str(self.contacts))

    def __post_init__(self) -> None:
        """Raise an error if the contacts are not a path; the message does not contain their value.

        Raises:
            UsageError: The contacts are not a path, but for example a frame.
        """
        try:
            os.fspath(self.contacts)
        except TypeError:
            found = type(self.contacts).__name__
            message = "the contacts are a path to Parquet; a frame is filtered with segbatch.compile_segment"
            raise UsageError(f"{message}; found a value of type {found}") from None


@dataclass(frozen=True, slots=True)
class PreparedEvaluation:
    """The inputs and the plan of an evaluation.

    Attributes:
        definitions: The definitions, good and broken.
        snapshot: The snapshot, opened as far as the fields of the definitions need it.
        clock: The reference time and time zone of the run.
        plan: The plan for the definitions.
        lists: The lists that rules name.
        general_warnings: Warnings and notes about probable mistakes that do not belong to a single definition.
        findings: Lint findings, as warnings; they come after the other warnings.
        tables: The related tables that rules read and that can be used, by name.
    """

    definitions: Definitions
    snapshot: Snapshot
    clock: Clock
    plan: Plan
    lists: Lists = NO_LISTS
    general_warnings: Sequence[Problem] = ()
    findings: Sequence[Problem] = ()
    tables: Mapping[str, RelatedTable] = field(default_factory=dict)

    @property
    def errors(self) -> Sequence[Problem]:
        """The reasons why segments cannot be evaluated."""
        failed = (problem for problems in self.plan.failed.values() for problem in problems)
        return (*self.definitions.problems, *failed)

    def with_warnings(self, *warnings: Problem) -> "PreparedEvaluation":
        """Return a copy with more warnings."""
        return replace(self, general_warnings=(*self.general_warnings, *warnings))

    def with_findings(self, findings: Sequence[Problem]) -> "PreparedEvaluation":
        """Return a copy with these lint findings."""
        return replace(self, findings=findings)

    def plan_of(self, segment_id: str) -> PlannedSegment:
        """Return the plan of a segment.

        Raises:
            DefinitionError: The segment cannot be evaluated.
        """
        broken = (
            problem for entry in self.definitions.broken if entry.segment_id == segment_id for problem in entry.problems
        )
        problems = (*broken, *self.plan.failed.get(segment_id, ()))
        if problems:
            raise DefinitionError(problems)
        return next(entry for entry in self.plan.segments if entry.definition.segment_id == segment_id)

    @property
    def warnings(self) -> Sequence[Problem]:
        """Problems that are allowed but often a mistake."""
        return tuple(problem for problem in self._notices if problem.severity == "warning")

    @property
    def notes(self) -> Sequence[Problem]:
        """Facts for the report, such as how a column was read."""
        return tuple(problem for problem in self._notices if problem.severity == "note")

    @property
    def _notices(self) -> Sequence[Problem]:
        return (*self.general_warnings, *self.snapshot.problems, *self.plan.warnings, *self.plan.notes, *self.findings)


def prepare(
    options: EvaluationOptions, definitions: Definitions, *, also_disabled: Collection[str] = ()
) -> PreparedEvaluation:
    """Open the snapshot and plan the definitions over it.

    Args:
        definitions: All definitions, of every project.
        also_disabled: Segments to plan even if they are not enabled or expired, with a warning.

    Raises:
        UsageError: The time zone, the time, the project or the filter is not valid.
        SnapshotError: The snapshot cannot be used. With `strict`, also if custom fields in it are not valid JSON.
    """
    clock = read_clock(options.as_of, options.timezone, datetime.now(UTC))
    own = options.only.apply(definitions.of_project(options.project))
    snapshot = open_snapshot(
        str(options.contacts),
        options.id_column,
        options.custom_fields,
        databases=options.databases,
        scanner=options.scanner,
    )
    if not snapshot.rows and not options.allow_empty:
        message = "has no contacts, which would empty every segment; check the export, or pass --allow-empty"
        raise SnapshotError(f"{options.place}: {message}")
    _, disabled = split_disabled(own.good, clock)
    snapshot = _with_fields(snapshot, own, options, disabled.keys() - set(also_disabled))
    prepared = prepare_over(snapshot, own, options, clock, also_disabled=also_disabled)
    notices = [*unknown_project(options.project, definitions, prepared.snapshot, clock)]
    notices += unread_tables(options.tables, definitions)
    return replace(prepared, general_warnings=[*notices, *prepared.general_warnings])


def _with_fields(
    snapshot: Snapshot, own: Definitions, options: EvaluationOptions, without: Collection[str]
) -> Snapshot:
    """Look up the fields of definitions, apart from some segments. With `strict`, warnings about them are errors."""
    sources = sources_of(options.tables)
    fields = own.fields(without)
    snapshot = snapshot.with_fields({*fields, PROJECT_COLUMN, *(own.tables - sources.keys())})
    warned = [problem for problem in snapshot.problems if problem.severity != "note"]
    if options.strict and warned:
        first = warned[0]
        message, hidden = (f"{options.place}: {problem} (--strict)" for problem in (first, first.hiding_ids()))
        raise SnapshotError(message, without_ids=hidden)
    return snapshot


def prepare_over(
    snapshot: Snapshot,
    own: Definitions,
    options: EvaluationOptions,
    clock: Clock,
    *,
    also_disabled: Collection[str] = (),
    id_column: IdColumn | None = None,
) -> PreparedEvaluation:
    """Plan definitions over an opened snapshot.

    Args:
        snapshot: The snapshot, with the fields of the definitions looked up.
        own: The definitions.
        options: The options; the paths and the filters in them are not used.
        also_disabled: Segments to plan even if they are not enabled or expired, with a warning.
        id_column: The ids of contacts that samples read; by default those of the snapshot.

    Raises:
        SnapshotError: The snapshot or a table cannot be read.
    """
    rules = (rule for entry in own.good for _, rule in entry.segment.rule_paths())
    snapshot = with_reading_counts(snapshot, rules, clock)
    sources = sources_of(options.tables)
    tables = open_tables(sources, own, snapshot, clock, strict=options.strict, databases=options.databases)
    lists = read_lists(own.good, lists_of(own, options.lists))
    plan = make_plan(
        own.good,
        snapshot.schema,
        clock,
        broken=own.broken,
        strict=options.strict,
        project=options.project,
        contacts_of=options.project if options.is_only_project else None,
        inputs=PlanInputs(
            snapshot.empty_frame,
            id_column or IdColumn(snapshot.id_column, has_uuids(snapshot.id_type)),
            tables,
            also_disabled,
            lists,
        ),
    )
    snapshot = replace(snapshot, queries=plan.queries)
    usable = {name: table for name, table in tables.items() if isinstance(table, RelatedTable)}
    return PreparedEvaluation(own, snapshot, clock, plan, lists, problems_of(usable), tables=usable)
