"""Selection of the rows to export: the members or changes of a segment in a run, or its changes over several runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segbatch.errors import ExportError, Problem, UsageError
from segbatch.model.manifest import DeletedSegment, History, Manifest, PastRun, SegmentRecord
from segbatch.runs.history import find_run, published_history
from segbatch.storage.keep import FEWEST
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import read_manifest
from segbatch.storage.present_ids import present_ids
from segbatch.storage.remote.open_output import fetch_members
from segbatch.storage.retention import has_members
from segbatch.storage.run_files import IsWanted, is_changes, is_membership, written_files
from segbatch.text import clipped, did_you_mean, shown

_NO_MEMBERS = "its members are deleted; segbatch runs lists the runs that still have members"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that a run wrote.

    Attributes:
        size: Its size in bytes.
        segment_id: The id that the segment had in that run.
    """

    path: Path
    size: int
    segment_id: str


@dataclass(frozen=True, slots=True)
class RowSelection:
    """The rows to export.

    Attributes:
        content: `members` of a segment, its `changes` in one run, or its `net` changes over several runs.
        manifest: The manifest of the run.
        files: The files that contain the rows, those of the oldest run first. There is at least one.
        expected: The number of rows, if known in advance.
        warnings: Reasons why the rows may not be what the user expects.
    """

    content: Literal["members", "changes", "net"]
    segment_id: str
    manifest: Manifest
    files: Sequence[WrittenFile]
    expected: int | None
    warnings: Sequence[Problem]

    @property
    def run_id(self) -> str:
        """Return the id of the run."""
        return self.manifest.run.run_id


@dataclass(frozen=True, slots=True)
class _SegmentInRun:
    """A segment in a run.

    Attributes:
        segment_id: The id that it has now; or the id that it had in the run, if no other segment has it now.
        names: For each run of the history, the present ids of segments that had other ids then.
    """

    output: Path
    history: History
    index: int
    segment_id: str
    manifest: Manifest
    names: Sequence[Mapping[str, str]]

    @property
    def id_then(self) -> str:
        """The id that the segment had in the run."""
        return self.id_in(self.past)

    def id_in(self, past: PastRun) -> str:
        """Return the id that the segment had in a run of the history."""
        names = self.names[self.history.runs.index(past)]
        as_it_is = "" if self.segment_id in names else self.segment_id  # another segment had this id then
        return next((old for old, new in names.items() if new == self.segment_id), as_it_is)

    @property
    def past(self) -> PastRun:
        return self.history.runs[self.index]

    @property
    def record(self) -> SegmentRecord | None:
        return next((entry for entry in self.manifest.segments if entry.segment_id == self.id_then), None)

    @property
    def deleted(self) -> DeletedSegment | None:
        return next((entry for entry in self.manifest.deleted if entry.segment_id == self.id_then), None)

    def select(
        self,
        content: Literal["members", "changes", "net"],
        files: Iterable[WrittenFile],
        expected: int | None,
        warnings: Sequence[Problem],
    ) -> RowSelection:
        return RowSelection(content, self.segment_id, self.manifest, tuple(files), expected, warnings)

    def folder(self, past: PastRun) -> Path:
        return self.output / RUNS / past.folder

    def changes_of(self, past: PastRun) -> Iterator[WrittenFile]:
        """Return the files of changes that a run wrote; empty if it wrote none."""
        manifest = self.manifest if past is self.past else read_manifest(self.folder(past))
        return self.files(past, manifest, is_changes)

    def files(self, past: PastRun, manifest: Manifest, is_wanted: IsWanted) -> Iterator[WrittenFile]:
        folder, segment_id = self.folder(past), self.id_in(past)
        files = written_files(manifest, is_wanted)
        return (WrittenFile(folder / file.path, file.size, segment_id) for file in files)

    def unevaluated_warnings(self, consequence: str) -> tuple[Problem, ...]:
        """Return a warning if the segment was not evaluated in the run."""
        record = self.record
        if record is not None and record.segment_id in self.manifest.left_out:
            message = f"was left out of run {self.past.run.run_id}, {consequence}"
            return (Problem(message, segment_id=self.segment_id, severity="warning"),)
        if record is None or record.status in {"ok", "disabled"}:
            return ()
        reason = (record.error or "").split("\n")[0]
        status = "failed" if record.status == "failed" else "was held"
        message = f"{status} in run {self.past.run.run_id}, {consequence}: {reason}"
        return (Problem(message, segment_id=self.segment_id, severity="warning"),)

    def unknown_segment(self) -> UsageError:
        near = did_you_mean(self.segment_id, [entry.segment_id for entry in self.manifest.segments])
        hint = near or "; segbatch runs show lists its segments"
        return UsageError(f"{self.output}: run {self.past.run.run_id} has no segment {shown(self.segment_id)}{hint}")


def select_rows(output: Path, segment_id: str, run: str, *, changes: bool, since: str | None) -> RowSelection:
    """Find the rows of a segment.

    Args:
        output: The folder that runs publish in.
        segment_id: The id of the segment.
        run: The id of the run, `last` or `previous`.
        changes: Select the changes instead of the members.
        since: Select the net changes since this earlier run.

    Raises:
        UsageError: Nothing is published, or the run or segment does not exist, or its members have been deleted.
        ExportError: The segment never had members.
        PublishError: The published data cannot be read.
    """
    history = published_history(output)
    index = find_run(output, history, run)
    manifest = read_manifest(output / RUNS / history.runs[index].folder)
    names = present_ids(history.runs)
    present_id = names[index].get(segment_id, segment_id)
    segment = _SegmentInRun(output, history, index, present_id, manifest, names)
    if since is not None:
        return _select_net_changes(segment, since)
    return _select_changes(segment) if changes else _select_members(segment)


def _select_members(segment: _SegmentInRun) -> RowSelection:
    record, past = segment.record, segment.past
    if record is None and segment.deleted is not None:
        message = f"was deleted in run {past.run.run_id}; export its last changes (--changes) or an older run (--run)"
        raise UsageError(f"segment '{clipped(segment.segment_id)}' {message}")
    if record is None:
        raise segment.unknown_segment()
    if record.status == "disabled":
        return _select_nothing(segment)
    if record.run_id is None:
        reason = (record.error or "").split("\n")[0]
        message = "has no members to export, since it failed and never had any"
        raise ExportError(f"segment '{clipped(segment.segment_id)}' {message}: {reason}")
    is_spared = len(segment.history.runs) - segment.index <= FEWEST
    if not is_spared and not has_members(segment.folder(past)):
        raise UsageError(f"{segment.output}: run {past.run.run_id}: {_NO_MEMBERS}; --changes exports its changes")
    fetch_members(segment.output, past.folder)
    files = segment.files(past, segment.manifest, is_membership)
    warnings = segment.unevaluated_warnings(f"so these are the members of run {record.run_id}")
    return segment.select("members", files, record.member_count, warnings)


def _select_nothing(segment: _SegmentInRun) -> RowSelection:
    """Return the members of a disabled segment: none. The files are those of the run, which have the id type."""
    message = f"is disabled in run {segment.past.run.run_id}, so it has no members"
    warning = Problem(message, segment_id=segment.segment_id, severity="warning")
    fetch_members(segment.output, segment.past.folder)
    return segment.select("members", segment.files(segment.past, segment.manifest, is_membership), 0, (warning,))


def _select_changes(segment: _SegmentInRun) -> RowSelection:
    record, deleted, past = segment.record, segment.deleted, segment.past
    if record is None and deleted is None:
        raise segment.unknown_segment()
    warnings = segment.unevaluated_warnings("so it has no changes")
    if not segment.index:
        message = f"run {past.run.run_id} is the first run, so it has no changes; export the members"
        warnings = (*warnings, Problem(message, severity="warning"))
    number = (record.entered or 0) + (record.exited or 0) if record else 0
    number += deleted.exited if deleted else 0
    return segment.select("changes", segment.changes_of(past), number, warnings)


def _select_net_changes(segment: _SegmentInRun, since: str) -> RowSelection:
    first = find_run(segment.output, segment.history, since)
    if first > segment.index:
        names = (segment.history.runs[first].run.run_id, segment.past.run.run_id)
        raise UsageError(f"{segment.output}: run {names[0]} came after {names[1]} (--since)")
    runs = segment.history.runs[first + 1 : segment.index + 1]
    _ensure_in_any_run(segment, segment.history.runs[first : segment.index + 1])
    files = (file for past in runs or (segment.past,) for file in segment.changes_of(past))
    warnings = segment.unevaluated_warnings("so that run has no changes of it")
    return segment.select("net", files, None if runs else 0, warnings)


def _ensure_in_any_run(segment: _SegmentInRun, runs: Sequence[PastRun]) -> None:
    ids = ((segment.id_in(past), read_manifest(segment.folder(past))) for past in (segment.past, *runs))
    if not any(entry.segment_id == segment_id for segment_id, manifest in ids for entry in manifest.segments):
        raise segment.unknown_segment()
