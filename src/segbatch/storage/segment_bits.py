"""The assignment of segments to the bits of a contact (see `bit_matrix`).

A segment keeps its bit while it exists. The bit of a deleted segment stays empty for at least one run, so that its
members are recorded as having left. It is then free for a new segment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class SegmentBits:
    """The assignment of segments to bits.

    Attributes:
        names: The segment id of each bit; None for a free bit.
    """

    names: Sequence[str | None] = ()

    def next(self, segment_ids: Iterable[str]) -> "SegmentBits":
        """Return the assignment of the next run: known segments keep their bit, new ones get free bits."""
        wanted = list(segment_ids)
        kept = set(wanted)
        names = [name if name in kept else None for name in self.names]
        free = [bit for bit, name in enumerate(self.names) if name is None]
        known = set(self.names)
        for name in wanted:
            if name in known:
                continue
            if free:
                names[free.pop(0)] = name
            else:
                names.append(name)
        return SegmentBits(tuple(names))

    def renamed(self, new_ids: Mapping[str, str]) -> "SegmentBits":
        """Return the same assignment with other ids for some segments."""
        return SegmentBits(tuple(None if name is None else new_ids.get(name, name) for name in self.names))

    @cached_property
    def bits(self) -> Mapping[str, int]:
        """The bit index of each segment."""
        return {name: bit for bit, name in enumerate(self.names) if name is not None}

    def changed_segments(self, before: "SegmentBits") -> list[str]:
        """Return the segment that a change of each bit belongs to, compared with the run of `before`.

        A bit that was freed since then still belongs to the deleted segment.
        """
        old_names = [*before.names, *[None] * (len(self.names) - len(before.names))]
        return [new or old or "" for new, old in zip(self.names, old_names, strict=True)]
