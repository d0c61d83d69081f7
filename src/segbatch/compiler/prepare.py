"""Preparation of an evaluation: definitions, an opened snapshot, the time, and a plan."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import Clock, read_clock
from segbatch.compiler.plan import Plan, PlannedSegment, make_plan
from segbatch.compiler.project_check import unknown_project
from segbatch.definitions.definition import Definitions
from segbatch.errors import DefinitionError, Problem, SnapshotError, UsageError
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.snapshot.snapshot import Snapshot, open_snapshot


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """Options that select the contacts and control how definitions are read over them.

    Attributes:
        contacts: A Parquet file, a folder of them, or a glob; on a disk or in object storage.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: The project that segments and contacts are restricted to, if any.
        is_only_project: Whether all contacts belong to `project` if the snapshot has no column `project_id`.
        as_of: The time that relative dates are measured from; the current time by default.
        timezone: The IANA name of the time zone.
        strict: Whether warnings are errors.
        allow_empty: Whether a snapshot without contacts is allowed.
    """

    contacts: str | Path
    id_column: str = "id"
    project: str | None = None
    as_of: str | datetime | None = None
    timezone: str = "UTC"
    strict: bool = False
    allow_empty: bool = False
    is_only_project: bool = True
    custom_fields: str | None = None

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
        general_warnings: Warnings about probable mistakes that do not belong to a single definition.
        findings: Lint findings, as warnings; they come after the other warnings.
    """

    definitions: Definitions
    snapshot: Snapshot
    clock: Clock
    plan: Plan
    general_warnings: Sequence[Problem] = ()
    findings: Sequence[Problem] = ()

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


def prepare(options: EvaluationOptions, definitions: Definitions) -> PreparedEvaluation:
    """Open the snapshot and plan the definitions over it.

    Args:
        options: The options of the evaluation.
        definitions: All definitions, of every project.

    Raises:
        UsageError: The time zone, the time or the project is not valid.
        SnapshotError: The snapshot cannot be used. With `strict`, also if custom fields in it are not valid JSON.
    """
    clock = read_clock(options.as_of, options.timezone, datetime.now(UTC))
    own = definitions.of_project(options.project)
    snapshot = open_snapshot(str(options.contacts), options.id_column, options.custom_fields)
    if not snapshot.rows and not options.allow_empty:
        message = "has no contacts, which would empty every segment; check the export, or pass --allow-empty"
        raise SnapshotError(f"{options.contacts}: {message}")
    snapshot = snapshot.with_fields({*own.fields, PROJECT_COLUMN})
    warned = [problem for problem in snapshot.problems if problem.severity != "note"]
    if options.strict and warned:
        first = warned[0]
        message, hidden = (f"{options.contacts}: {problem} (--strict)" for problem in (first, first.hiding_ids()))
        raise SnapshotError(message, without_ids=hidden)
    plan = make_plan(
        own.good,
        snapshot.schema,
        clock,
        broken=own.broken,
        strict=options.strict,
        project=options.project,
        contacts_of=options.project if options.is_only_project else None,
        empty_frame=snapshot.empty_frame,
    )
    warnings = unknown_project(options.project, definitions, snapshot, clock)
    return PreparedEvaluation(own, snapshot, clock, plan, warnings)
