"""On which run a new one follows: always the last, unless that is run again or taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from segbatch.contacts.columns import kind_words
from segbatch.errors import UsageError, clipped, counted
from segbatch.publishing.places import RUNS
from segbatch.publishing.reading import read_history, read_manifest
from segbatch.publishing.records import History, PastRun, SegmentRecord, TakenBack
from segbatch.publishing.state import State, open_state
from segbatch.publishing.stored_ids import stored_type

__all__ = ["Followed", "follow"]


@dataclass(frozen=True, slots=True)
class Followed:
    """What a new run follows on.

    Attributes:
        history: The runs before it, and the folders that are taken back with it.
        segments: The segments of the run before, by id; empty where there is none.
        state: The bits of the run before; None where there is none.
    """

    history: History
    segments: dict[str, SegmentRecord]
    state: State | None

    @property
    def last(self) -> PastRun | None:
        """The run before; None for the first."""
        return self.history.runs[-1] if self.history.runs else None


def follow(output: Path, run_id: str, as_of: datetime, project: str | None, now: datetime, *, rewind: bool) -> Followed:
    """Find what a new run follows on.

    Args:
        output: The output folder.
        run_id: The id of the new run. If the last run has the same, the new one takes its place.
        as_of: The moment for which the new run holds.
        project: The project whose segments alone it evaluates, if any.
        now: What time it is.
        rewind: Whether runs that hold for a later moment, or came after the run of the same id, are taken back.

    Raises:
        UsageError: The run would have to go before others and `rewind` is not said, or the output is another project's.
        PublishError: What was published cannot be read.
    """
    history = read_history(output)
    runs, later = _split(history.runs, run_id, as_of)
    if any(run.run.run_id != run_id for run in later) and not rewind:
        raise UsageError(_later(output, run_id, as_of, later))
    taken_back = (*history.taken_back, *(TakenBack(folder=run.folder, at=now) for run in later))
    there = (gone for gone in taken_back if (output / RUNS / gone.folder).exists())  # a new run may get a free name
    history = History(runs=runs, taken_back=tuple(there))
    if not runs:
        return Followed(history, {}, None)
    folder = output / RUNS / runs[-1].folder
    _ensure_same_project(output, runs[-1], project)
    segments = {segment.segment_id: segment for segment in read_manifest(folder).segments}
    return Followed(history, segments, open_state(folder))


def _split(runs: Sequence[PastRun], run_id: str, as_of: datetime) -> tuple[tuple[PastRun, ...], tuple[PastRun, ...]]:
    """Return the runs that a new one follows on, and those in whose place it comes."""
    first = next((i for i, run in enumerate(runs) if run.run.run_id == run_id or run.run.as_of > as_of), len(runs))
    return tuple(runs[:first]), tuple(runs[first:])


def _later(output: Path, run_id: str, as_of: datetime, later: Sequence[PastRun]) -> str:
    last = later[-1].run
    if any(run.run.run_id == run_id for run in later):
        what = f"run {run_id} was published before run {last.run_id}"
    else:
        what = f"the last run, {last.run_id}, holds for {_utc(last.as_of)}, and this one for {_utc(as_of)}"
    taken = counted(sum(run.run.run_id != run_id for run in later), "run")
    return f"{output}: {what}; --rewind takes back {taken}, which then have to be run again in order"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ensure_same_project(output: Path, last: PastRun, project: str | None) -> None:
    """Check that a run evaluates the segments that the last one did; the others would seem to be deleted."""
    if last.run.project_id != project:
        was, now = (
            f"of project '{clipped(name)}'" if name else "of all projects" for name in (last.run.project_id, project)
        )
        raise UsageError(f"{output}: holds the segments {was}, and this run is {now}; publish elsewhere (--output)")


def ensure_same_ids(output: Path, state: State, id_type: pa.DataType) -> None:
    """Check that the contacts' ids are still of the type that they had; others would never be found again.

    Raises:
        UsageError: They are not.
    """
    if state.id_type != stored_type(id_type):
        was, now = kind_words(state.id_type), kind_words(stored_type(id_type))
        message = f"the ids of its contacts are {was}, and those of the snapshot {now}"
        raise UsageError(f"{output}: {message}; export them as before, or publish elsewhere (--output)")
