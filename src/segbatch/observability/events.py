"""The events of a run, for logs, progress bars and schedulers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from segbatch.errors import Problem

if TYPE_CHECKING:
    from segbatch.model.manifest import RunRecord

Phase = Literal["wait", "prepare", "match", "evaluate", "publish", "prune"]
"""The phases of a run.

`wait` for the lock; `prepare` definitions, snapshot and plan; `match` contacts with those of the previous run;
`evaluate` segments and write files; `publish` the run; `prune` old runs.
"""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    Attributes:
        contacts: The path or URL of the snapshot, as the user gave it.
        as_of: The requested evaluation time; None for the time when the run gets the lock.
        project: The project that the run is limited to; None for all.
    """

    run_id: str
    contacts: str
    segments: str
    output: str
    as_of: str | None
    timezone: str
    project: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class LockAwaited:
    """The run waits for another run on the same output. The message names that run and since when it is at work."""

    message: str


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A related table that rules read.

    Attributes:
        aggregates: The number of distinct aggregates that rules compare.
    """

    name: str
    rows: int
    aggregates: int


@dataclass(frozen=True, slots=True)
class RunPlanned:
    """The plan of the run is complete.

    Attributes:
        contacts: The number of contacts in the snapshot.
        segments: The number of segments to evaluate.
        rules: The number of distinct rules in these.
        columns: The number of snapshot columns to read; parts of a struct are counted separately.
        follows: The id of the run that this one is compared with; None for a first run.
        tables: The related tables that rules read.
    """

    as_of: datetime
    contacts: int
    segments: int
    rules: int
    columns: int
    follows: str | None
    tables: tuple[PlannedTable, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentFailed:
    """A segment cannot be evaluated, or a definition file cannot be read; one event per reason."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class SegmentHeld:
    """A segment would change too much, and is held back."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning: the input is valid, but often a mistake."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Noted:
    """A note about how the run reads its input, which is not a warning."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class ContactsDone:
    """Progress of the evaluation.

    Attributes:
        done: The number of evaluated contacts.
        contacts: The total number of contacts.
    """

    done: int
    contacts: int


@dataclass(frozen=True, slots=True)
class RowsFetched:
    """Progress of reading a database.

    Attributes:
        address: The address of the database with the table, without secrets.
        rows: The number of rows that were read so far.
    """

    address: str
    rows: int


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A phase of the run has ended."""

    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEvaluated:
    """The run is published; a dry run is only evaluated.

    Attributes:
        run: The record of the run, with its totals.
        deleted: The number of deleted segments since the previous run.
        taken_back: The ids of the runs that were rolled back.
        dry_run: Whether nothing was written.
    """

    run: "RunRecord"
    deleted: int
    taken_back: tuple[str, ...]
    dry_run: bool


Event = (
    RunStarted
    | LockAwaited
    | RunPlanned
    | SegmentFailed
    | SegmentHeld
    | Warned
    | Noted
    | ContactsDone
    | RowsFetched
    | PhaseEnded
    | RunEvaluated
)

EventHandler = Callable[[Event], None]


class EventEmitter:
    """An emitter of the events of a run, which also measures the duration of phases."""

    def __init__(self, handler: EventHandler | None, progress: Callable[[int, int], None] | None) -> None:
        """Start the first phase.

        Args:
            progress: Called only with the number of evaluated contacts and the total.
        """
        self._handler, self._progress = handler, progress
        self._begun = time.monotonic()

    def emit(self, *events: Event) -> None:
        """Emit events."""
        for event in events:
            if self._handler:
                self._handler(event)
            if self._progress and isinstance(event, ContactsDone):
                self._progress(event.done, event.contacts)

    def end_phase(self, phase: Phase) -> None:
        """Emit the end of a phase, and start the next one."""
        now = time.monotonic()
        self.emit(PhaseEnded(phase, now - self._begun))
        self._begun = now
