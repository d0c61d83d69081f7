"""Selection of the rows to export: the members or changes of a segment in a run, or its changes over several runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segbatch.errors import ExportError, Problem, UsageError
from segbatch.model.manifest import DeletedSegment, History, Manifest, PastRun, SegmentRecord
from segbatch.runs.history import find_run, published_history
from segbatch.storage.layout import CHANGES, MEMBERSHIP, RUNS
from segbatch.storage.manifest_io import read_manifest
from segbatch.storage.retention import FEWEST, has_members
from segbatch.text import clipped, did_you_mean, shown

_NO_MEMBERS = "its members are not kept any more; segbatch runs lists the runs that keep theirs"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that a run wrote.

    Attributes:
        size: The size in bytes.
    """

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Picked:
    """The rows to export.

    Attributes:
        what: `members` of a segment, its `changes` in one run, or its `net` changes over several runs.
        manifest: The manifest of the run.
        record: The segment's result in the run; None if it was deleted.
        files: The files that contain the rows, those of the oldest run first. There is at least one.
        expected: The number of rows, if known in advance.
        warnings: Reasons why the rows may not be what the user expects.
    """

    what: Literal["members", "changes", "net"]
    segment_id: str
    manifest: Manifest
    record: SegmentRecord | None
    files: Sequence[WrittenFile]
    expected: int | None
    warnings: Sequence[Problem]

    @property
    def run_id(self) -> str:
        """Return the id of the run."""
        return self.manifest.run.run_id


@dataclass(frozen=True, slots=True)
class _Found:
    """A segment in a run."""

    output: Path
    history: History
    place: int
    segment_id: str
    manifest: Manifest

    @property
    def past(self) -> PastRun:
        return self.history.runs[self.place]

    @property
    def record(self) -> SegmentRecord | None:
        return next((entry for entry in self.manifest.segments if entry.segment_id == self.segment_id), None)

    @property
    def deleted(self) -> DeletedSegment | None:
        return next((entry for entry in self.manifest.deleted if entry.segment_id == self.segment_id), None)

    def folder(self, past: PastRun) -> Path:
        return self.output / RUNS / past.folder

    def changes_of(self, past: PastRun) -> Iterator[WrittenFile]:
        """Return the files of changes that a run wrote; empty if it wrote none."""
        manifest = self.manifest if past is self.past else read_manifest(self.folder(past))
        return self.files(past, manifest, CHANGES)

    def files(self, past: PastRun, manifest: Manifest, prefix: str) -> Iterator[WrittenFile]:
        folder = self.folder(past)
        return (WrittenFile(folder / file.path, file.size) for file in manifest.files if file.path.startswith(prefix))

    def doubts(self, consequence: str) -> tuple[Problem, ...]:
        """Return a warning if the segment was not evaluated in the run."""
        record = self.record
        if record is None or record.status == "ok":
            return ()
        reason = (record.error or "").split("\n")[0]
        status = "failed" if record.status == "failed" else "was held"
        message = f"{status} in run {self.past.run.run_id}, {consequence}: {reason}"
        return (Problem(message, segment_id=self.segment_id, severity="warning"),)

    def unknown(self) -> UsageError:
        near = did_you_mean(self.segment_id, [entry.segment_id for entry in self.manifest.segments])
        hint = near or "; segbatch runs show lists its segments"
        return UsageError(f"{self.output}: run {self.past.run.run_id} has no segment {shown(self.segment_id)}{hint}")


def pick(output: Path, segment_id: str, run: str, *, changes: bool, since: str | None) -> Picked:
    """Find the rows of a segment.

    Args:
        output: The folder that runs publish in.
        segment_id: The segment to export.
        run: The run: its id, `last` or `previous`.
        changes: Select the changes instead of the members.
        since: Select the net changes since this earlier run.

    Raises:
        UsageError: Nothing is published, or the run or segment does not exist, or its members have been deleted.
        ExportError: The segment never had members.
        PublishError: The published data cannot be read.
    """
    history = published_history(output)
    place = find_run(output, history, run)
    manifest = read_manifest(output / RUNS / history.runs[place].folder)
    found = _Found(output, history, place, segment_id, manifest)
    if since is not None:
        return _net(found, since)
    return _changes(found) if changes else _members(found)


def _members(found: _Found) -> Picked:
    record, past = found.record, found.past
    if record is None and found.deleted is not None:
        message = f"was deleted with run {past.run.run_id}; --changes exports who left it, and --run an older run"
        raise UsageError(f"segment '{clipped(found.segment_id)}' {message}")
    if record is None:
        raise found.unknown()
    if record.run_id is None:
        reason = (record.error or "").split("\n")[0]
        message = "has no members to export, since it failed and never had any"
        raise ExportError(f"segment '{clipped(found.segment_id)}' {message}: {reason}")
    is_spared = len(found.history.runs) - found.place <= FEWEST
    if not is_spared and not has_members(found.folder(past)):
        raise UsageError(f"{found.output}: run {past.run.run_id}: {_NO_MEMBERS}; --changes exports what it changed")
    files = tuple(found.files(past, found.manifest, MEMBERSHIP))
    warnings = found.doubts(f"so these are the members of run {record.run_id}")
    return Picked("members", found.segment_id, found.manifest, record, files, record.member_count, warnings)


def _changes(found: _Found) -> Picked:
    record, deleted, past = found.record, found.deleted, found.past
    if record is None and deleted is None:
        raise found.unknown()
    warnings = found.doubts("so nobody entered or left it")
    if not found.place:
        message = f"run {past.run.run_id} is the first, with nothing before it to differ from; export the members"
        warnings = (*warnings, Problem(message, severity="warning"))
    number = (record.entered or 0) + (record.exited or 0) if record else 0
    number += deleted.exited if deleted else 0
    files = tuple(found.changes_of(past))
    return Picked("changes", found.segment_id, found.manifest, record, files, number, warnings)


def _net(found: _Found, since: str) -> Picked:
    first = find_run(found.output, found.history, since)
    if first > found.place:
        names = (found.history.runs[first].run.run_id, found.past.run.run_id)
        raise UsageError(f"{found.output}: run {names[0]} came after {names[1]} (--since)")
    runs = found.history.runs[first + 1 : found.place + 1]
    _ensure_in_one_of(found, found.history.runs[first : found.place + 1])
    files = tuple(file for past in runs or (found.past,) for file in found.changes_of(past))
    expected = None if runs else 0
    warnings = found.doubts("so nobody entered or left it with that run")
    return Picked("net", found.segment_id, found.manifest, found.record, files, expected, warnings)


def _ensure_in_one_of(found: _Found, runs: Sequence[PastRun]) -> None:
    manifests = (found.manifest, *(read_manifest(found.folder(past)) for past in runs))
    if not any(entry.segment_id == found.segment_id for manifest in manifests for entry in manifest.segments):
        raise found.unknown()
