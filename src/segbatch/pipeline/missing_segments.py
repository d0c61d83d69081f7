"""Segments of the previous run that have no definition in a run: deleted, in a file with an error, or left out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbatch.definitions.definition import Definitions
from segbatch.errors import NothingToPublishError, Problem
from segbatch.model.manifest import DeletedSegment, SegmentRecord
from segbatch.pipeline.guardrails import Guard
from segbatch.text import clipped, counted, printable, some_of

_FEWEST_DELETED = 5
"""Minimum number of deleted segments that can stop a run. Fewer are probably deleted by hand, and cause a warning."""

_MOST_GONE = 0.5
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class MissingSegments:
    """Segments of the previous run without a definition to evaluate in this run.

    Attributes:
        lost: Segments whose definition file has an error, each with that error; possibly not deleted.
        deleted: The other segments, which are deleted.
        left_out: Segments that are not evaluated because the run is limited to other segments. Whether they are still
            defined does not matter: such a run deletes no segment.
    """

    lost: Mapping[str, Problem]
    deleted: tuple[DeletedSegment, ...]
    left_out: tuple[str, ...] = ()


def check_deletions(
    definitions: Definitions, root: Path, before: Mapping[str, SegmentRecord], guard: Guard, run_id: str | None
) -> tuple[MissingSegments, Sequence[Problem]]:
    """Find the segments of the previous run that have no definition now.

    Args:
        root: The folder of the definitions.
        run_id: The run id to suggest for a repetition; None if nothing is published.

    Returns:
        The missing segments, and a warning if some are deleted.

    Raises:
        NothingToPublishError: Most of the segments are deleted.
    """
    missing = _find_missing(definitions, root, before)
    _ensure_most_segments_remain(root, before, missing.deleted, guard)
    return missing, _warn_of_deletions(root, missing.deleted, run_id)


def leave_out(definitions: Definitions, before: Mapping[str, SegmentRecord]) -> MissingSegments:
    """Return the segments of the previous run that a run which is limited to some definitions does not evaluate."""
    return MissingSegments({}, (), tuple(sorted(before.keys() - set(definitions.ids))))


def _find_missing(definitions: Definitions, root: Path, before: Mapping[str, SegmentRecord]) -> MissingSegments:
    lost = segments_in_broken_files(definitions, root, before)
    defined = {*definitions.ids, *lost}
    deleted = (
        DeletedSegment(segment_id=segment_id, exited=record.member_count)
        for segment_id, record in sorted(before.items())
        if segment_id not in defined and not record.is_guess
    )
    return MissingSegments(lost, tuple(deleted))


def segments_in_broken_files(
    definitions: Definitions, root: Path, before: Mapping[str, SegmentRecord]
) -> dict[str, Problem]:
    """Find missing segments whose definition file has an error, and which are therefore possibly not deleted.

    If a file is not valid JSON, or an id in it is mistyped, a missing id does not prove that the segment was deleted.

    Args:
        root: The folder of the definitions.

    Returns:
        For each such segment, the problem of its file, or of a folder that contains the file.
    """
    faulty: dict[str | None, Problem] = {}
    for entry in definitions.broken:
        faulty.setdefault(relative(entry.file, root), entry.problems[0])
        for problem in entry.problems:
            faulty.setdefault(relative(problem.file, root), problem)
    defined = set(definitions.ids)
    lost = {}
    for segment_id, record in before.items():
        paths = [record.file, *map(str, Path(record.file).parents)] if record.file else []
        path = next((path for path in paths if path in faulty), None)
        if segment_id not in defined and path is not None and not record.is_guess:
            lost[segment_id] = faulty[path]
    return lost


def _ensure_most_segments_remain(
    root: Path, before: Mapping[str, SegmentRecord], deleted: Sequence[DeletedSegment], guard: Guard
) -> None:
    """Check that not most of the segments are deleted at once, as after an incomplete copy of a folder.

    Args:
        root: The definitions, for the message.

    Raises:
        NothingToPublishError: More than half of the segments are deleted, and at least `_FEWEST_DELETED`.
    """
    known = sum(not record.is_guess for record in before.values())
    if len(deleted) < _FEWEST_DELETED or len(deleted) <= known * _MOST_GONE or guard.accepts_everything:
        return
    first = ", ".join(clipped(entry.segment_id) for entry in deleted[:_SHOWN])
    lost = f"{len(deleted):,} of the {counted(known, 'segment')} of the last run are gone ({first}, …)"
    advice = "check --segments; if they were deleted on purpose, pass --accept all"
    raise NothingToPublishError([Problem(f"{lost}; nothing was published; {advice}", file=printable(str(root)))])


def _warn_of_deletions(root: Path, deleted: Sequence[DeletedSegment], run_id: str | None) -> Sequence[Problem]:
    """Return a warning if segments are deleted. A wrong path or a lost file looks the same as a deletion.

    Args:
        root: The definitions, for the message.
        run_id: The run id to suggest for a repetition; None if nothing is published.
    """
    if not deleted:
        return ()
    is_one = len(deleted) == 1
    what = f"{counted(len(deleted), 'segment')} of the last run {'is' if is_one else 'are'} no longer defined"
    members = counted(sum(entry.exited for entry in deleted), "membership")
    names = some_of(entry.segment_id for entry in deleted)
    again = f" and run again with --run-id {run_id}" if run_id else ""
    fix = f"if that is a mistake, restore {'it' if is_one else 'them'}"
    message = f"{what}; {'it is' if is_one else 'they are'} deleted, with {members}: {names}; {fix}"
    return (Problem(message + again, file=printable(str(root)), severity="warning"),)


def relative(file: str | None, root: Path) -> str | None:
    """Return the path of a definition file relative to the folder of the definitions."""
    return None if file is None else os.path.relpath(file, root)
