"""What is wrong with definitions, found without evaluating any."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import read_clock
from segbatch.compiler.references import wrong_references
from segbatch.definitions.excluding import Source
from segbatch.definitions.loading import load_definitions
from segbatch.errors import Problem
from segbatch.preparing import Question, prepare
from segbatch.projects import unknown_project

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
) -> CheckReport:
    """Find the errors and warnings that a run would give, without evaluating anything.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        contacts: A snapshot, to check fields and types against its columns; without it the definitions alone are.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: Check the segments of this project alone.
        timezone: The IANA name of the run's time zone.
        strict: Whether a custom field that no contact has is an error.

    Returns:
        What was found.

    Raises:
        UsageError: There is no definition, or no such time zone.
        SnapshotError: The snapshot cannot be opened.
    """
    definitions = load_definitions(segments)
    if contacts is None:
        read_clock(None, timezone, datetime.now(UTC))
        own = definitions.of_project(project)
        doubts = unknown_project(project, definitions)
        return CheckReport(len(own), (*doubts, *own.problems, *wrong_references(own)))
    question = Question(
        contacts, id_column, project, None, timezone, strict, allow_empty=True, custom_fields=custom_fields
    )
    prepared = prepare(question, definitions)
    return CheckReport(len(prepared.definitions), (*prepared.errors, *prepared.warnings, *prepared.notes))
