"""The outcome of a run, also of a failed one, and the notices that follow its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from segbatch.errors import Problem
from segbatch.observability.events import Event
from segbatch.platform.version import __version__

if TYPE_CHECKING:
    from segbatch.model.run_report import RunReport

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
    """Return the status for the exit status of a run."""
    return _BY_EXIT_STATUS.get(exit_status, "failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        run_id: The run id; None if the run failed before it had one.
        message: A description for people, in one or more lines; printable, and without contact ids, unless these were
            requested.
        started: The start time, in seconds since 1970.
        phases: The duration of each completed phase, in seconds.
        is_published: Whether readers see the run.
        rules: The number of distinct rules in the plan.
        columns: The number of snapshot columns that were read.
        report: The report of the run; None if it did not complete.
    """

    run_id: str | None
    exit_status: int
    message: str
    output: str
    started: float
    seconds: float
    phases: Mapping[str, float] = field(default_factory=dict)
    is_published: bool = False
    rules: int | None = None
    columns: int | None = None
    report: "RunReport | None" = None

    @property
    def status(self) -> Status:
        """The outcome in one word."""
        return status_of(self.exit_status)

    def to_json(self, *, ids: bool) -> dict[str, Any]:
        """Return the outcome as JSON data.

        Args:
            ids: Whether the data may contain contact ids, which can be in messages.
        """
        return {
            "run_id": self.run_id,
            "status": self.status,
            "exit_status": self.exit_status,
            "message": self.message,
            "is_published": self.is_published,
            "output": self.output,
            "seconds": round(self.seconds, 3),
            "phases": {phase: round(seconds, 3) for phase, seconds in self.phases.items()},
            "version": __version__,
            "report": self.report.to_json(ids=ids) if self.report else None,
        }


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run ended with an error; contains all problems."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class HookEnded:
    """A hook was run.

    Attributes:
        option: `--on-success` or `--on-failure`.
        exit_status: The exit status of the command; None if it timed out.
    """

    option: str
    exit_status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class MetricsFailed:
    """The metrics file could not be written."""

    message: str


@dataclass(frozen=True, slots=True)
class FailedAfterwards:
    """A step failed after the run was published. This does not change the exit status."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run and all steps after it have ended."""

    outcome: Outcome


Notice = Event | RunFailed | FailedAfterwards | HookEnded | MetricsFailed | RunEnded
"""An event of a run, or a notice about its end."""
