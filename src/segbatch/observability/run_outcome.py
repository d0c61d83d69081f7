"""What came of a run, also of one that failed, and what is told of it when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from segbatch.errors import Problem
from segbatch.observability.events import Event
from segbatch.version import __version__

if TYPE_CHECKING:
    from segbatch.model.run_report import RunReport

__all__ = [
    "STATUSES",
    "FailedAfterwards",
    "HookEnded",
    "MetricsFailed",
    "Notice",
    "Outcome",
    "RunEnded",
    "RunFailed",
    "Status",
    "status_of",
]

Status = Literal["published", "partial", "failed", "locked", "interrupted", "terminated", "killed"]

STATUSES: tuple[Status, ...] = get_args(Status)

_BY_EXIT_STATUS: Mapping[int, Status] = {
    0: "published",
    3: "partial",
    75: "locked",
    130: "interrupted",
    137: "killed",
    143: "terminated",
}


def status_of(exit_status: int) -> Status:
    """Say in a word what an exit status of a run means."""
    return _BY_EXIT_STATUS.get(exit_status, "failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        run_id: Its id; None where it failed before it had one.
        exit_status: What the program ends with.
        message: What happened, for people, in one line or in several; printable, and without ids of contacts, unless
            these were asked for.
        output: Where it publishes.
        started: When it began, in seconds since 1970.
        seconds: How long it took.
        phases: How long each phase took that came to its end.
        is_published: Whether readers see it.
        rules: How many distinct rules were planned.
        columns: How many columns of the snapshot were read.
        report: What it did; None where it did not come to its end.
    """

    run_id: str | None
    exit_status: int
    message: str
    output: Path
    started: float
    seconds: float
    phases: Mapping[str, float] = field(default_factory=dict)
    is_published: bool = False
    rules: int | None = None
    columns: int | None = None
    report: "RunReport | None" = None

    @property
    def status(self) -> Status:
        """What happened, in a word."""
        return status_of(self.exit_status)

    def to_json(self, *, ids: bool) -> dict[str, Any]:
        """Return it as JSON data.

        Args:
            ids: Whether the ids of contacts may be in it, which messages name.
        """
        return {
            "run_id": self.run_id,
            "status": self.status,
            "exit_status": self.exit_status,
            "message": self.message,
            "is_published": self.is_published,
            "output": str(self.output),
            "seconds": round(self.seconds, 3),
            "phases": {phase: round(seconds, 3) for phase, seconds in self.phases.items()},
            "version": __version__,
            "report": self.report.to_json(ids=ids) if self.report else None,
        }


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run ends with an error; all that is wrong."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class HookEnded:
    """A hook was run.

    Attributes:
        option: `--on-success` or `--on-failure`.
        exit_status: What it ended with; None where it was not done in time.
        seconds: How long it took.
    """

    option: str
    exit_status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class MetricsFailed:
    """The file of metrics could not be written."""

    message: str


@dataclass(frozen=True, slots=True)
class FailedAfterwards:
    """Something failed after the run was published, and changes no exit status."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class RunEnded:
    """All is done."""

    outcome: Outcome


Notice = Event | RunFailed | FailedAfterwards | HookEnded | MetricsFailed | RunEnded
"""What is told of a run: what happens in it, and what comes after it."""
