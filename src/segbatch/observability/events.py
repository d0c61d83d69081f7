"""What a run tells while it is at work, to whoever listens: logs, a progress bar, a scheduler."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from segbatch.errors import Problem

if TYPE_CHECKING:
    from segbatch.model.manifest import RunRecord

__all__ = [
    "ContactsDone",
    "Event",
    "Listener",
    "LockAwaited",
    "Noted",
    "PhaseEnded",
    "RunEvaluated",
    "RunPlanned",
    "RunStarted",
    "SegmentFailed",
    "SegmentHeld",
    "Teller",
    "Warned",
]

Phase = Literal["wait", "prepare", "match", "evaluate", "publish", "prune"]
"""Waiting for the lock; definitions, snapshot and plan; finding last night's contacts; evaluating and writing; putting
the run in its place; clearing away old runs."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    Attributes:
        run_id: Its id.
        contacts: The snapshot, as it was named.
        segments: Where the definitions are.
        output: Where it will be published.
        as_of: The moment that was asked for; None is when it holds the lock.
        timezone: The name of its time zone.
        project: The project whose segments alone are meant, if one was named.
        dry_run: Whether nothing will be written.
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
    """Another run is at work on the output, and this one waits for it; the message says who and since when."""

    message: str


@dataclass(frozen=True, slots=True)
class RunPlanned:
    """It is known what is to be evaluated.

    Attributes:
        as_of: The moment for which the run holds.
        contacts: How many contacts the snapshot has.
        segments: How many segments will be evaluated.
        rules: How many distinct rules they have.
        columns: How many columns of the snapshot are read for them; parts of a struct count for themselves.
        follows: The run with which this one is compared, if there is one.
    """

    as_of: datetime
    contacts: int
    segments: int
    rules: int
    columns: int
    follows: str | None


@dataclass(frozen=True, slots=True)
class SegmentFailed:
    """A segment cannot be evaluated, or a file of definitions cannot be read; there may be several reasons."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class SegmentHeld:
    """A segment would change too much, and is held back."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is legal and often is a mistake."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact about how the run reads its input, which is not in doubt."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class ContactsDone:
    """The run got further.

    Attributes:
        done: How many contacts are evaluated.
        contacts: How many there are.
    """

    done: int
    contacts: int


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A part of the work is done.

    Attributes:
        phase: Which.
        seconds: How long it took.
    """

    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEvaluated:
    """The run is published; or, if it is a dry one, would have been.

    Attributes:
        run: The run, with its totals.
        deleted: How many segments of the run before are not defined any more.
        taken_back: The ids of the runs that it took back.
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
    | PhaseEnded
    | RunEvaluated
)

Listener = Callable[[Event], None]


class Teller:
    """Tells of a run, and how long each of its phases took."""

    def __init__(self, listener: Listener | None, progress: Callable[[int, int], None] | None) -> None:
        """Begin with the first phase.

        Args:
            listener: Told everything.
            progress: Told how many contacts are done and how many there are, and nothing else.
        """
        self._listener, self._progress = listener, progress
        self._begun = time.monotonic()

    def tell(self, *events: Event) -> None:
        """Tell what happened."""
        for event in events:
            if self._listener:
                self._listener(event)
            if self._progress and isinstance(event, ContactsDone):
                self._progress(event.done, event.contacts)

    def end_phase(self, phase: Phase) -> None:
        """Tell that a phase has ended, with which the next begins."""
        now = time.monotonic()
        self.tell(PhaseEnded(phase, now - self._begun))
        self._begun = now
