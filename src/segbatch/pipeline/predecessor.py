"""On which run a new one follows: always the last, unless that is run again or taken back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from segbatch.errors import Problem, PublishError, UsageError
from segbatch.model.manifest import FieldRecord, History, PastRun, SegmentRecord, TakenBack, again_with
from segbatch.storage.changes_files import find_changes
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import read_history, read_manifest
from segbatch.storage.retention import has_members
from segbatch.storage.state import State, open_state
from segbatch.text import clipped, counted, some_of

__all__ = ["Followed", "Rewind", "follow"]

Rewind = Literal["none", "some", "all"]
"""How many runs may be taken back: none, as many as leave one to follow on, or every one."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What a new run follows on.

    Attributes:
        history: The runs before it, and the folders that are taken back with it.
        segments: The segments of the run before, by id; empty where there is none.
        state: The bits of the run before; None where there is none.
        fields: The fields that its rules read, by name.
        kept_fields: The fields of its segments that keep older members, as they were when these got them.
        taken_back: The runs that are taken back.
        warnings: What is taken back, and what of older runs is lost.
    """

    history: History
    segments: dict[str, SegmentRecord]
    state: State | None
    taken_back: tuple[PastRun, ...] = ()
    warnings: tuple[Problem, ...] = ()
    fields: Mapping[str, FieldRecord] = field(default_factory=dict)
    kept_fields: Mapping[str, Sequence[FieldRecord]] = field(default_factory=dict)

    @property
    def last(self) -> PastRun | None:
        """The run before; None for the first."""
        return self.history.runs[-1] if self.history.runs else None


def follow(output: Path, run_id: str, as_of: datetime, project: str | None, now: datetime, rewind: Rewind) -> Followed:
    """Find what a new run follows on.

    Args:
        output: The output folder.
        run_id: The id of the new run. If the last run has the same, the new one takes its place.
        as_of: The moment for which the new run holds.
        project: The project whose segments alone it evaluates, if any.
        now: What time it is.
        rewind: How many of the runs may be taken back that hold for a later moment, or came after the run of the same
            id.

    Raises:
        UsageError: The run would have to go before others and `rewind` does not allow that, or the output is another
            project's.
        PublishError: What was published cannot be read.
    """
    published = read_history(output)
    runs, later = _split(published.runs, run_id, as_of)
    taken_back = tuple(run for run in later if run.run.run_id != run_id)
    if taken_back and rewind == "none":
        raise UsageError(_later(output, run_id, as_of, taken_back))
    if taken_back and not runs and rewind != "all":
        raise UsageError(_everything(output, taken_back))
    gone = (*published.taken_back, *(TakenBack(folder=run.folder, at=now, by_rewind=bool(taken_back)) for run in later))
    there = (run for run in gone if (output / RUNS / run.folder).exists())  # a new run may get a free name
    history = History(runs=runs, taken_back=tuple(there))
    warnings = (*_told(output, taken_back), *find_changes(output, history).lost)
    if not runs:
        return Followed(history, {}, None, taken_back, warnings)
    folder = output / RUNS / runs[-1].folder
    _ensure_same_project(output, runs[-1], project)
    manifest = read_manifest(folder)
    segments = {segment.segment_id: segment for segment in manifest.segments}
    if later and not has_members(folder):
        raise PublishError(_pruned(output, runs, published.runs))
    again = again_with(runs[-1].run) + (" --rewind" if later else "")
    state = open_state(folder, f"restore it, or first run that night's snapshot again with {again}")
    fields = {field.field: field for field in manifest.fields or ()}
    return Followed(history, segments, state, taken_back, warnings, fields, manifest.kept_fields)


def _split(runs: Sequence[PastRun], run_id: str, as_of: datetime) -> tuple[tuple[PastRun, ...], tuple[PastRun, ...]]:
    """Return the runs that a new one follows on, and those in whose place it comes."""
    first = next((i for i, run in enumerate(runs) if run.run.run_id == run_id or run.run.as_of > as_of), len(runs))
    return tuple(runs[:first]), tuple(runs[first:])


def _later(output: Path, run_id: str, as_of: datetime, taken_back: Sequence[PastRun]) -> str:
    last = taken_back[-1].run
    if last.as_of > as_of:
        what = f"run {last.run_id} holds for {_utc(last.as_of)}, and this one for {_utc(as_of)}"
    else:
        what = f"run {run_id} was published before run {last.run_id}"
    return f"{output}: {what}; --rewind takes back {_named(taken_back)}, to be run again in order"


def _everything(output: Path, taken_back: Sequence[PastRun]) -> str:
    what = f"--rewind would take back all there is, {_named(taken_back)}, and begin anew"
    return f"{output}: {what}; if that is meant, add --accept all"


def _told(output: Path, taken_back: Sequence[PastRun]) -> Iterator[Problem]:
    if taken_back:
        message = f"--rewind takes back {_named(taken_back)}, with the changes; run again in order what is to stay"
        yield Problem(message, file=str(output), severity="warning")


def _named(runs: Sequence[PastRun]) -> str:
    return f"{counted(len(runs), 'run')} ({some_of(run.run.run_id for run in runs)})"


def _pruned(output: Path, runs: Sequence[PastRun], published: Sequence[PastRun]) -> str:
    """Say that a run has no members any more to be followed on, and which run can be made again in its place."""
    pairs = zip(published[len(runs) - 1 :], published[len(runs) :], strict=False)
    earliest = next((run for before, run in pairs if has_members(output / RUNS / before.folder)), None)
    what = f"run {runs[-1].run.run_id}, which this one would follow, was pruned"
    back = f"rewind to {earliest.run.run_id} at the earliest" if earliest else "rewind to no run before the last"
    return f"{output}: {what}; {back}, and keep more runs from now on (--keep)"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ensure_same_project(output: Path, last: PastRun, project: str | None) -> None:
    """Check that a run evaluates the segments that the last one did; the others would seem to be deleted."""
    if last.run.project_id != project:
        was, now = (
            f"of project '{clipped(name)}'" if name else "of all projects" for name in (last.run.project_id, project)
        )
        raise UsageError(f"{output}: holds the segments {was}, and this run is {now}; publish elsewhere (--output)")
