"""Checks of segment definitions that evaluate no contacts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import read_clock
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.compiler.project_check import unknown_project
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import load_definitions
from segbatch.errors import Problem
from segbatch.findings.definition_checks import check_without_snapshot, finding_warnings
from segbatch.findings.finding import read_ignored


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Errors and warnings found in segment definitions.

    Attributes:
        segments: The number of definitions, valid and invalid.
        problems: Errors and warnings in the order of the segment ids, then the notes.
    """

    segments: int
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the problems that are errors."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Return the problems that are warnings."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def check(
    segments: str | Path | Source = "segments",
    contacts: str | Path | None = None,
    *,
    id_column: str = "id",
    custom_fields: str | None = None,
    project: str | None = None,
    timezone: str = "UTC",
    strict: bool = False,
    lint_ignore: Iterable[str] = (),
) -> CheckReport:
    """Return the errors and warnings that a run would report, without evaluating contacts.

    The warnings include the findings of `segbatch.lint` that do not need to count contacts.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        contacts: A snapshot; fields and types are checked against its columns. Without it, only the definitions are
            checked.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        project: Check only the segments of this project.
        timezone: The IANA name of the run's time zone.
        strict: Report a custom field that no contact has as an error.
        lint_ignore: The names of lint findings to leave out.

    Returns:
        The problems that were found.

    Raises:
        UsageError: No definitions exist, or the time zone or a lint finding is unknown.
        SnapshotError: The snapshot cannot be opened.
    """
    ignored = read_ignored(lint_ignore)
    definitions = load_definitions(segments)
    if contacts is None:
        clock = read_clock(None, timezone, datetime.now(UTC))
        own = definitions.of_project(project)
        warnings = unknown_project(project, definitions)
        errors, findings = check_without_snapshot(own, clock, ignored)
        return CheckReport(len(own), (*warnings, *errors, *(finding.named for finding in findings)))
    options = EvaluationOptions(
        contacts, id_column, project, None, timezone, strict, allow_empty=True, custom_fields=custom_fields
    )
    prepared = prepare(options, definitions)
    prepared = prepared.with_findings(finding_warnings(prepared, ignored))
    return CheckReport(len(prepared.definitions), (*prepared.errors, *prepared.warnings, *prepared.notes))
