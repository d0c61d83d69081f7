"""Selection of the run that a new run follows: the last one, unless that is run again or rolled back."""

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

Rewind = Literal["none", "some", "all"]
"""The runs that may be rolled back: none, as many as leave one to follow, or all."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The run that a new run follows, and the runs that are rolled back for it.

    Attributes:
        history: The runs before the new one, and the folders of replaced and rolled-back runs.
        segments: The segments of the previous run, by id; empty for a first run.
        state: The bits of the previous run; None for a first run.
        fields: The fields that rules of the previous run read, by name.
        kept_fields: For segments that kept older members, the field records from the run that evaluated these.
        taken_back: The runs that are rolled back.
        warnings: Warnings about runs that are rolled back, and about lost files of older runs.
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
        """The previous run; None for a first run."""
        return self.history.runs[-1] if self.history.runs else None


def follow(output: Path, run_id: str, as_of: datetime, project: str | None, now: datetime, rewind: Rewind) -> Followed:
    """Find the run that a new run follows.

    Args:
        output: The output folder.
        run_id: The id of the new run. If the last run has the same id, the new run replaces it.
        as_of: The evaluation time of the new run.
        project: The project that the new run is limited to; None for all.
        now: The current time.
        rewind: Which runs may be rolled back, if they have a later `as_of` or came after the run with the same id.

    Raises:
        UsageError: Other runs would have to be rolled back, which `rewind` does not allow, or the output belongs to
            another project.
        PublishError: The published runs cannot be read, or the members of the run to follow were pruned.
    """
    published = read_history(output)
    runs, later = _split(published.runs, run_id, as_of)
    taken_back = tuple(run for run in later if run.run.run_id != run_id)
    if taken_back and rewind == "none":
        raise UsageError(_later(output, run_id, as_of, taken_back))
    if taken_back and not runs and rewind != "all":
        raise UsageError(_everything(output, taken_back))
    gone = (*published.taken_back, *(TakenBack(folder=run.folder, at=now, by_rewind=bool(taken_back)) for run in later))
    there = (run for run in gone if (output / RUNS / run.folder).exists())  # a new run may reuse a removed name
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
    """Split the runs into those that a new run follows, and those that it replaces."""
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
    """Describe that the members of the run to follow were pruned, and name the earliest run that can be run again."""
    pairs = zip(published[len(runs) - 1 :], published[len(runs) :], strict=False)
    earliest = next((run for before, run in pairs if has_members(output / RUNS / before.folder)), None)
    what = f"run {runs[-1].run.run_id}, which this one would follow, was pruned"
    back = f"rewind to {earliest.run.run_id} at the earliest" if earliest else "rewind to no run before the last"
    return f"{output}: {what}; {back}, and keep more runs from now on (--keep)"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ensure_same_project(output: Path, last: PastRun, project: str | None) -> None:
    """Check that the previous run was for the same project. Segments of others would seem to be deleted."""
    if last.run.project_id != project:
        was, now = (
            f"of project '{clipped(name)}'" if name else "of all projects" for name in (last.run.project_id, project)
        )
        raise UsageError(f"{output}: holds the segments {was}, and this run is {now}; publish elsewhere (--output)")
