"""What is wrong with definitions, found without evaluating any."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.compiler.clock import read_clock
from segbatch.compiler.plan import make_plan
from segbatch.contacts.snapshot import open_snapshot
from segbatch.definitions.loading import load_definitions
from segbatch.errors import Problem

__all__ = ["CheckReport", "check"]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is wrong with definitions, or probably wrong.

    Attributes:
        segments: How many definitions there are, good and broken.
        problems: Errors and warnings, in the order of the segments' ids.
    """

    segments: int
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The errors alone."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def check(
    segments: str | Path = "segments",
    contacts: str | Path | None = None,
    *,
    id_column: str = "id",
    project: str | None = None,
    timezone: str = "UTC",
    strict: bool = False,
) -> CheckReport:
    """Find the errors and warnings that a run would give, without evaluating anything.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        contacts: A snapshot, to check fields and types against its columns; without it the definitions alone are.
        id_column: The column with the contacts' ids.
        project: Check the segments of this project alone.
        timezone: The IANA name of the run's time zone.
        strict: Whether a custom field that no contact has is an error.

    Returns:
        What was found.

    Raises:
        UsageError: There is no definition, or no such time zone.
        SnapshotError: The snapshot cannot be opened.
    """
    clock = read_clock(None, timezone, datetime.now(UTC))
    definitions = load_definitions(Path(segments)).of_project(project)
    problems = definitions.problems
    if contacts is not None:
        snapshot = open_snapshot(str(contacts), id_column)
        plan = make_plan(definitions.good, snapshot.schema, clock, strict=strict, project=project)
        problems += [problem for failed in plan.failed.values() for problem in failed]
        problems += plan.warnings
    return CheckReport(len(definitions.good) + len(definitions.broken), tuple(problems))
