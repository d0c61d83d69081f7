"""What is wrong with definitions, found without evaluating any."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import read_clock
from segbatch.compiler.prepare import Question, prepare
from segbatch.compiler.project_check import unknown_project
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import load_definitions
from segbatch.errors import Problem
from segbatch.findings.names import read_ignored
from segbatch.findings.static import look_alone, warnings_of

__all__ = ["CheckReport", "check"]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is wrong with definitions, or probably wrong.

    Attributes:
        segments: How many definitions there are, good and broken.
        problems: Errors and warnings, in the order of the segments' ids; notes at the end.
    """

    segments: int
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The errors alone."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings alone."""
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
    """Find the errors and warnings that a run would give, without evaluating anything.

    The warnings include what `segbatch.lint` finds without counting contacts.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        contacts: A snapshot, to check fields and types against its columns; without it the definitions alone are.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: Check the segments of this project alone.
        timezone: The IANA name of the run's time zone.
        strict: Whether a custom field that no contact has is an error.
        lint_ignore: The names of lint's findings that are not wanted.

    Returns:
        What was found.

    Raises:
        UsageError: There is no definition, no such time zone, or no such finding.
        SnapshotError: The snapshot cannot be opened.
    """
    ignored = read_ignored(lint_ignore)
    definitions = load_definitions(segments)
    if contacts is None:
        clock = read_clock(None, timezone, datetime.now(UTC))
        own = definitions.of_project(project)
        doubts = unknown_project(project, definitions)
        errors, findings = look_alone(own, clock, ignored)
        return CheckReport(len(own), (*doubts, *errors, *(finding.named for finding in findings)))
    question = Question(
        contacts, id_column, project, None, timezone, strict, allow_empty=True, custom_fields=custom_fields
    )
    prepared = prepare(question, definitions)
    prepared = prepared.finding(warnings_of(prepared, ignored))
    return CheckReport(len(prepared.definitions), (*prepared.errors, *prepared.warnings, *prepared.notes))
