"""What comes before every evaluation: definitions, an opened snapshot, the time, and a plan for all of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import Clock, read_clock
from segbatch.compiler.plan import Plan, PlannedSegment, make_plan
from segbatch.compiler.project_check import unknown_project
from segbatch.definitions.loader import Definitions
from segbatch.errors import DefinitionError, Problem, SnapshotError, UsageError
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.snapshot.snapshot import Snapshot, open_snapshot

__all__ = ["Prepared", "Question", "prepare"]


@dataclass(frozen=True, slots=True)
class Question:
    """Which contacts are meant, and how definitions are read over them.

    Attributes:
        contacts: A Parquet file, a folder of them, or a glob; on a disk or in object storage.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: A project whose segments and contacts alone are looked at, if any.
        is_only_project: Whether all contacts belong to `project` if the snapshot has no column `project_id`.
        as_of: The moment from which relative dates are measured; now, if not given.
        timezone: The IANA name of the time zone.
        strict: Whether what is legal and often a mistake is an error.
        allow_empty: Whether a snapshot without contacts is meant so.
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
        """Refuse contacts that are no path, without showing them.

        Raises:
            UsageError: They are a frame, say.
        """
        try:
            os.fspath(self.contacts)
        except TypeError:
            found = type(self.contacts).__name__
            message = "the contacts are a path to Parquet; a frame is filtered with segbatch.compile_segment"
            raise UsageError(f"{message}; found a value of type {found}") from None


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that an evaluation needs.

    Attributes:
        definitions: The definitions, good and broken.
        snapshot: The snapshot, opened as far as the definitions' fields need it.
        clock: What time is in the run.
        plan: What of the definitions can be evaluated.
        doubts: What is probably a slip, and is not in one definition.
        findings: Findings of lint, as warnings; they come after the other warnings.
    """

    definitions: Definitions
    snapshot: Snapshot
    clock: Clock
    plan: Plan
    doubts: Sequence[Problem] = ()
    findings: Sequence[Problem] = ()

    @property
    def errors(self) -> Sequence[Problem]:
        """Why segments cannot be evaluated."""
        failed = (problem for problems in self.plan.failed.values() for problem in problems)
        return (*self.definitions.problems, *failed)

    def doubting(self, *doubts: Problem) -> "Prepared":
        """Return the same with more warnings."""
        return replace(self, doubts=(*self.doubts, *doubts))

    def finding(self, findings: Sequence[Problem]) -> "Prepared":
        """Return the same with findings of lint."""
        return replace(self, findings=findings)

    def planned(self, segment_id: str) -> PlannedSegment:
        """Return a segment that can be evaluated.

        Raises:
            DefinitionError: It cannot.
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
        """What is legal and often a mistake."""
        return tuple(problem for problem in self._notices if problem.severity == "warning")

    @property
    def notes(self) -> Sequence[Problem]:
        """Facts for the report that are not in doubt, such as how a column was read."""
        return tuple(problem for problem in self._notices if problem.severity == "note")

    @property
    def _notices(self) -> Sequence[Problem]:
        return (*self.doubts, *self.snapshot.problems, *self.plan.warnings, *self.plan.notes, *self.findings)


def prepare(question: Question, definitions: Definitions) -> Prepared:
    """Open the snapshot and plan the definitions over it.

    Args:
        question: Which contacts are meant.
        definitions: All definitions, of whatever project.

    Raises:
        UsageError: There is no such time zone, time or project.
        SnapshotError: The snapshot cannot be used; with `strict` also because custom fields in it are no JSON.
    """
    clock = read_clock(question.as_of, question.timezone, datetime.now(UTC))
    own = definitions.of_project(question.project)
    snapshot = open_snapshot(str(question.contacts), question.id_column, question.custom_fields)
    if not snapshot.rows and not question.allow_empty:
        message = "has no contacts, which would empty every segment; check the export, or say --allow-empty"
        raise SnapshotError(f"{question.contacts}: {message}")
    snapshot = snapshot.with_fields({*own.fields, PROJECT_COLUMN})
    doubtful = [problem for problem in snapshot.problems if problem.severity != "note"]
    if question.strict and doubtful:
        first = doubtful[0]
        named, hidden = (f"{question.contacts}: {problem} (--strict)" for problem in (first, first.hiding_ids()))
        raise SnapshotError(named, without_ids=hidden)
    plan = make_plan(
        own.good,
        snapshot.schema,
        clock,
        broken=own.broken,
        strict=question.strict,
        project=question.project,
        contacts_of=question.project if question.is_only_project else None,
        nobody=snapshot.nobody,
    )
    doubts = unknown_project(question.project, definitions, snapshot, clock)
    return Prepared(own, snapshot, clock, plan, doubts)
