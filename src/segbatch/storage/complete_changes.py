"""The check that the changes of a run are complete.

In each segment, the members of the previous run and those that entered, without those that exited, are the members now.
Contacts that are not in the snapshot any more have exited. A segment that keeps its members has no changes, and keeps
the contacts that are not in the snapshot too.

Digests of memberships, which a run is compared by, are the same for different memberships in very rare cases. The check
finds the changes that are missed then, unless others of the same segments outweigh them.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from segbatch.errors import ChangesMismatchError
from segbatch.storage.comparison import PreviousRun
from segbatch.text import clipped, counted

_Result = TypeVar("_Result")


class Sizes(NamedTuple):
    """The number of members of a segment in two runs, and the number of changes between them."""

    segment_id: str
    before: int
    entered: int
    exited: int
    now: int


def ensure_complete(segments: Iterable[Sizes]) -> None:
    """Check that the changes of each segment are the difference between its sizes.

    Raises:
        ChangesMismatchError: They are not.
    """
    wrong = [one for one in segments if one.before + one.entered - one.exited != one.now]
    if wrong:
        first, others = wrong[0], f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        found = f"had {counted(first.before, 'member')}, {first.entered:,} entered and {first.exited:,} exited"
        what = f"{found}, but it has {counted(first.now, 'member')}{others}"
        advice = "check the last run with segbatch verify; if it has no errors, report this as a bug"
        raise ChangesMismatchError(f"the segment '{clipped(first.segment_id)}' {what}; {advice}")


def record_completely(record: Callable[[PreviousRun | None], _Result], previous: PreviousRun | None) -> _Result:
    """Record a run, and again without digests if its changes are not complete.

    Args:
        record: Records the run, compared with the run that it is called with.

    Raises:
        ChangesMismatchError: The changes are not complete without digests either.
    """
    try:
        return record(previous)
    except ChangesMismatchError:
        if previous is None or previous.digests is None:
            raise
    return record(previous.without_digests())
