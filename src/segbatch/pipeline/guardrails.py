"""Guards against probable mistakes: segments that become empty or change a lot, snapshots that lose most contacts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segbatch.errors import SnapshotError, UsageError
from segbatch.model.limits import MAX_CHANGE
from segbatch.model.share import read_share
from segbatch.text import clipped, counted, did_you_mean, shown

if TYPE_CHECKING:
    from segbatch.compiler.plan import Plan
    from segbatch.model.manifest import SegmentRecord
    from segbatch.model.segment import Segment
    from segbatch.pipeline.tables import EmptyTables
    from segbatch.storage.recorder import Recorded

_EVERYTHING = "all"
"""The value that accepts every change of a run."""

FLOOR = 100
"""Segments with fewer members, and snapshots with fewer contacts, may change freely."""

_MOST_LOST = 0.5

MEANING = ("project_id", "match", "rules")
"""The keys of a definition that decide which contacts are in the segment.

The definitions of referenced segments are not included: these have rules of their own.
"""

_DEFAULTS: Mapping[str, Any] = {"match": "all", "ignore_case": False}


@dataclass(frozen=True, slots=True)
class Guard:
    """The limits of how much a segment may change from one run to the next.

    Attributes:
        max_change: The largest change of a segment's size, as a share of its previous size, such as 0.3 or `30%`; None
            for no limit.
        floor: Segments with fewer members, before and after, are not checked.
        accepted: The segments whose change is intended; `all` accepts all segments.
        allow_collapse: Whether a segment may become empty that had more members than the floor.
    """

    max_change: float | str | None = None
    floor: int = FLOOR
    accepted: Collection[str] = ()
    allow_collapse: bool = False

    def __post_init__(self) -> None:
        """Check the value of `max_change`.

        Raises:
            UsageError: It is not a valid share.
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
        """The largest change as a number; None for no limit."""
        return read_share(self.max_change) if isinstance(self.max_change, str) else self.max_change

    def reason(
        self, segment_id: str, own: float | None, before: int, after: int, *, is_edited: bool = False
    ) -> str | None:
        """Return the reason why a segment is held back.

        Args:
            segment_id: The segment.
            own: The share from the definition of the segment, which overrides that of the guard.
            before: The previous number of members.
            after: The new number of members.
            is_edited: Whether the rules have changed since the members were evaluated. The change is then intentional,
                and only the share in the definition itself can hold it back.

        Returns:
            The message; None if the segment is not held back.
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

    def reason_of_tables(self, segment_id: str, empty: Collection[str]) -> str | None:
        """Return the reason why a segment is held back that reads tables without rows.

        Args:
            segment_id: The segment.
            empty: The tables that it reads, and that have no rows unexpectedly.

        Returns:
            The message; None if the segment is not held back.
        """
        if not empty or self.allow_collapse or self.accepts(segment_id):
            return None
        return (
            f"the table '{min(empty)}' has no rows of the contacts, unlike before; if that is right, "
            f"run with --accept {segment_id}, or with --allow-collapse for all segments"
        )

    def _jump(self, segment_id: str, most: float, before: int, after: int) -> str | None:
        if max(before, after) < self.floor or abs(after - before) <= most * before:
            return None
        change = f"{(after - before) / before:+.1%}" if before else "from none"
        sizes = f"from {before:,} to {counted(after, 'member')} ({change})"
        share = f"{most * 100:.6g}%"
        return f"would go {sizes}, more than {share} of its size; if that is right, run with --accept {segment_id}"

    def ensure_known(self, segment_ids: Collection[str]) -> None:
        """Check that accepted names are segments, to catch typing errors.

        Raises:
            UsageError: A name is not a segment.
        """
        for name in self.accepted:
            if name != _EVERYTHING and name not in segment_ids:
                near = did_you_mean(name, [*segment_ids, _EVERYTHING])
                raise UsageError(f"there is no segment {shown(name)}{near} (--accept)")

    def accepts(self, segment_id: str) -> bool:
        """Return whether the change of a segment is accepted."""
        return self.accepts_everything or segment_id in self.accepted

    @property
    def accepts_everything(self) -> bool:
        """Whether every change is accepted."""
        return _EVERYTHING in self.accepted


def ensure_most_contacts_remain(path: str, before: int, gone: int, guard: Guard) -> None:
    """Check that a snapshot has at least half of the contacts of the previous run.

    Args:
        path: The snapshot, for the message.
        before: The number of contacts in the previous run.
        gone: The number of these that no longer exist.
        guard: The floor, and the accepted changes.

    Raises:
        SnapshotError: More than half of the contacts are gone.
    """
    if before >= guard.floor and gone > before * _MOST_LOST and not guard.accepts_everything:
        lost = f"{gone:,} of the {counted(before, 'contact')} of the last run are gone ({gone / before:.1%})"
        raise SnapshotError(f"{path}: {lost}; nothing was published; check the export, or pass --accept all")


def find_excessive_changes(
    plan: "Plan",
    before: Mapping[str, "SegmentRecord"],
    recorded: "Recorded",
    guard: Guard,
    tables: "EmptyTables | None" = None,
) -> dict[str, str]:
    """Find the segments that change more than the guard allows, and the segments that refer to them.

    Args:
        recorded: The current numbers of members.
        tables: The related tables without rows.

    Returns:
        For each segment that is held back, the reason.
    """
    held: dict[str, str] = {}
    for entry in plan.segments:
        segment = entry.definition.segment
        last = before.get(segment.id)
        if last is not None and last.run_id is not None:
            sizes = last.member_count, recorded.members[segment.id]
            missing = tables.unexpected(_tables_of(segment), last.status) if tables else ()
            reason = guard.reason_of_tables(segment.id, missing)
            reason = reason or guard.reason(segment.id, segment.max_change, *sizes, is_edited=is_edited(segment, last))
            if reason:
                held[segment.id] = reason
    because = plan.dependents(held).items()
    return held | {one: f"refers to the segment '{clipped(target)}', which is held" for one, target in because}


def _tables_of(segment: "Segment") -> set[str]:
    return {rule.table for _, rule in segment.table_rules()}


def is_edited(segment: "Segment", before: "SegmentRecord") -> bool:
    """Return whether the rules of a segment differ from those that its members were evaluated with.

    Changes of names, and defaults that are written out, do not count.

    Args:
        before: Its record in the previous run.

    Returns:
        Whether the rules differ; False if the previous definition is unknown.
    """
    return isinstance(before.definition, dict) and _meaning(segment.to_json()) != _meaning(before.definition)


def _meaning(definition: Mapping[str, Any]) -> Any:
    return _without_defaults({key: definition.get(key, _DEFAULTS.get(key)) for key in MEANING})


def _without_defaults(data: Any) -> Any:
    """Remove the keys that a definition may omit."""
    if isinstance(data, Mapping):
        return {
            key: _without_defaults(value)
            for key, value in data.items()
            if value is not None and (key not in _DEFAULTS or value != _DEFAULTS[key])
        }
    return [_without_defaults(item) for item in data] if isinstance(data, list | tuple) else data
