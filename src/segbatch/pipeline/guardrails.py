"""Stopping what looks like a mistake: a segment that is empty or jumps in size, a snapshot that lost most contacts."""

from collections.abc import Collection
from dataclasses import dataclass

from segbatch.errors import SnapshotError, UsageError
from segbatch.model.limits import MAX_CHANGE
from segbatch.model.share import read_share
from segbatch.text import counted, did_you_mean, shown

__all__ = ["EVERYTHING", "FLOOR", "Guard", "ensure_most_are_there", "read_share"]

EVERYTHING = "all"
"""What accepts every change of a run."""

FLOOR = 100
"""Segments of fewer members are free to change, and so are snapshots of fewer contacts."""

_MOST_LOST = 0.5


@dataclass(frozen=True, slots=True)
class Guard:
    """How much a segment may change from one run to the next.

    Attributes:
        max_change: The largest change of a segment's size, as a share of the size it had, such as 0.3 or `30%`; None
            lets everything pass.
        floor: Segments that have fewer members, before and after, are free.
        accepted: The segments whose change is meant so; `all` accepts every one.
        allow_collapse: Whether a segment that had more members than the floor may have none.
    """

    max_change: float | str | None = None
    floor: int = FLOOR
    accepted: Collection[str] = ()
    allow_collapse: bool = False

    def __post_init__(self) -> None:
        """Check the share.

        Raises:
            UsageError: It is not a valid one.
        """
        match self.max_change:
            case None:
                return
            case str() as text:
                read_share(text)
            case int() | float() as share if not isinstance(share, bool) and 0 <= share <= MAX_CHANGE:
                return
            case other:
                most = f"from 0 to {MAX_CHANGE}, such as 0.3 or '30%'"
                raise UsageError(f"max_change must be a share {most}; found {shown(other)} (--max-change)")

    @property
    def _most(self) -> float | None:
        """The largest change as a number."""
        return read_share(self.max_change) if isinstance(self.max_change, str) else self.max_change

    def reason(
        self, segment_id: str, own: float | None, before: int, after: int, *, is_edited: bool = False
    ) -> str | None:
        """Explain why a segment is held back.

        Args:
            segment_id: The segment.
            own: The share that its definition names, which is stronger than the guard's.
            before: How many members it had.
            after: How many it would have.
            is_edited: Whether its rules are not those that its members follow. Such a change was made on purpose, and
                only the share that the definition names itself can hold it back.

        Returns:
            The message, or None if it may pass.
        """
        if self.accepts(segment_id):
            return None
        most = self._most if own is None and not is_edited else own
        jump = None if most is None else self._jump(segment_id, most, before, after)
        if jump or is_edited or self.allow_collapse or after or before <= self.floor:
            return jump
        return (
            f"would go from {counted(before, 'member')} to none; if that is right, run with --accept {segment_id}, "
            "or with --allow-collapse for all segments"
        )

    def _jump(self, segment_id: str, most: float, before: int, after: int) -> str | None:
        if max(before, after) < self.floor or abs(after - before) <= most * before:
            return None
        change = f"{(after - before) / before:+.1%}" if before else "from none"
        sizes = f"from {before:,} to {counted(after, 'member')} ({change})"
        share = f"{most * 100:.6g}%"
        return f"would go {sizes}, more than {share} of its size; if that is right, run with --accept {segment_id}"

    def ensure_known(self, segment_ids: Collection[str]) -> None:
        """Check that what is accepted are segments, which a slip would not be.

        Raises:
            UsageError: Some is none.
        """
        for name in self.accepted:
            if name != EVERYTHING and name not in segment_ids:
                near = did_you_mean(name, [*segment_ids, EVERYTHING])
                raise UsageError(f"there is no segment {shown(name)}{near} (--accept)")

    def accepts(self, segment_id: str) -> bool:
        """Tell whether the change of a segment is meant so."""
        return self.accepts_everything or segment_id in self.accepted

    @property
    def accepts_everything(self) -> bool:
        """Whether every change is meant so."""
        return EVERYTHING in self.accepted


def ensure_most_are_there(path: str, before: int, gone: int, guard: Guard) -> None:
    """Check that a snapshot has most of the contacts that the last run saw.

    Args:
        path: The snapshot, for the message.
        before: How many contacts the last run saw.
        gone: How many of them are not there any more.
        guard: What is accepted.

    Raises:
        SnapshotError: More than half of them are gone.
    """
    if before >= guard.floor and gone > before * _MOST_LOST and not guard.accepts_everything:
        lost = f"{gone:,} of the {counted(before, 'contact')} of the last run are gone ({gone / before:.1%})"
        raise SnapshotError(f"{path}: {lost}; nothing was published; check the export, or say --accept all")
