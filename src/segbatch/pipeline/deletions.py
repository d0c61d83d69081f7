"""Segments of the last run that are defined no more: deleted, or lost in a file in which something is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbatch.definitions.loader import Definitions
from segbatch.errors import NothingToPublishError, Problem
from segbatch.model.manifest import DeletedSegment, SegmentRecord
from segbatch.pipeline.carry_over import lost_segments
from segbatch.pipeline.guardrails import Guard
from segbatch.text import clipped, counted, printable, some_of

__all__ = ["FEWEST_DELETED", "Gone", "ensure_most_stay", "find_gone", "tell_deleted"]

FEWEST_DELETED = 5
"""So many segments have to be gone for a run to be stopped: fewer are deleted by hand, and are told of."""

_MOST_GONE = 0.5
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Gone:
    """What of the last run's segments is not defined tonight.

    Attributes:
        lost: For each segment that may stand in a file that cannot be read, what is wrong with that.
        deleted: The others.
    """

    lost: Mapping[str, Problem]
    deleted: tuple[DeletedSegment, ...]


def find_gone(definitions: Definitions, root: Path, before: Mapping[str, SegmentRecord]) -> Gone:
    """Find the segments of the last run that are not defined tonight.

    Args:
        definitions: Tonight's.
        root: Where they are.
        before: The segments of the last run.
    """
    lost = lost_segments(definitions, root, before)
    there = {*definitions.ids, *lost}
    deleted = (
        DeletedSegment(segment_id=segment_id, exited=record.member_count)
        for segment_id, record in sorted(before.items())
        if segment_id not in there and not record.is_guess
    )
    return Gone(lost, tuple(deleted))


def ensure_most_stay(
    root: Path, before: Mapping[str, SegmentRecord], deleted: Sequence[DeletedSegment], guard: Guard
) -> None:
    """Check that not most of the segments are gone at once, as where half of a folder was copied.

    Args:
        root: Where the definitions are.
        before: The segments of the last run.
        deleted: Those that are gone.
        guard: What is accepted.

    Raises:
        NothingToPublishError: More than half of them are gone, and no fewer than `FEWEST_DELETED`.
    """
    known = sum(not record.is_guess for record in before.values())
    if len(deleted) < FEWEST_DELETED or len(deleted) <= known * _MOST_GONE or guard.accepts_everything:
        return
    first = ", ".join(clipped(entry.segment_id) for entry in deleted[:_SHOWN])
    lost = f"{len(deleted):,} of the {counted(known, 'segment')} of the last run are gone ({first}, …)"
    advice = "check --segments, or say --accept all if they are to be deleted"
    raise NothingToPublishError([Problem(f"{lost}; nothing was published; {advice}", file=printable(str(root)))])


def tell_deleted(root: Path, deleted: Sequence[DeletedSegment], run_id: str | None) -> Problem:
    """Warn of segments that are deleted, which a wrong path or a lost file would do too.

    Args:
        root: Where the definitions are.
        deleted: The segments, at least one.
        run_id: The run that can be run again; None where nothing is published.
    """
    is_one = len(deleted) == 1
    what = f"{counted(len(deleted), 'segment')} of the last run {'is' if is_one else 'are'} not defined any more"
    members = counted(sum(entry.exited for entry in deleted), "membership")
    names = some_of(entry.segment_id for entry in deleted)
    again = f" and run again with --run-id {run_id}" if run_id else ""
    message = f"{what} and so deleted, with {members}: {names}; if that is a slip, restore {'it' if is_one else 'them'}"
    return Problem(message + again, file=printable(str(root)), severity="warning")
