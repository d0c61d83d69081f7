"""The bitmap of segment memberships, and the assignment of segments to bits.

The memberships of a contact are a row of bits, eight segments to a byte. Two runs are compared byte by byte, and
reordering the rows of the previous run moves bytes, not single answers. A segment keeps its bit as long as it exists.
The bit of a deleted segment stays empty for at least one run, so that its members are recorded as having left. It is
then free for a new segment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

import polars as pl

BITS = 8
"""Segments per byte."""


@dataclass(frozen=True)
class Slots:
    """The assignment of segments to bits.

    Attributes:
        names: The segment id of each bit; None for a free bit.
    """

    names: Sequence[str | None] = ()

    def next(self, segment_ids: Iterable[str]) -> "Slots":
        """Return the slots of the next run: known segments keep their bit, new ones get free bits."""
        wanted = list(segment_ids)
        staying = set(wanted)
        names = [name if name in staying else None for name in self.names]
        free = [place for place, name in enumerate(self.names) if name is None]
        known = set(self.names)
        for name in wanted:
            if name in known:
                continue
            if free:
                names[free.pop(0)] = name
            else:
                names.append(name)
        return Slots(tuple(names))

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The bit index of each segment."""
        return {name: place for place, name in enumerate(self.names) if name is not None}

    def owners(self, was: "Slots") -> list[str]:
        """Return the segment that a change of each bit belongs to, compared with the run of `was`.

        A bit that was freed since then still belongs to the deleted segment.
        """
        before = [*was.names, *[None] * (len(self.names) - len(was.names))]
        return [now or then or "" for now, then in zip(self.names, before, strict=True)]

    @property
    def octets(self) -> list[str]:
        """The names of the byte columns."""
        return [str(number) for number in range(-(-len(self.names) // BITS))]

    def pack(self, members: pl.DataFrame) -> pl.DataFrame:
        """Convert one boolean column per segment to byte columns."""
        return members.select(self._byte(number).alias(str(number)) for number in range(len(self.octets)))

    def _byte(self, number: int) -> pl.Expr:
        names = self.names[number * BITS : (number + 1) * BITS]
        none = pl.lit(0, pl.UInt8)
        bits = [
            pl.when(pl.col(name)).then(pl.lit(1 << bit, pl.UInt8)).otherwise(none)
            for bit, name in enumerate(names)
            if name is not None
        ]
        return reduce(or_, bits) if bits else none

    def holds(self, segment_id: str) -> pl.Expr:
        """Return whether a contact is in a segment, as an expression over the byte columns."""
        return self.bit(self.places[segment_id])

    @staticmethod
    def bit(place: int) -> pl.Expr:
        """Return whether the bit at an index is set, as an expression over the byte columns."""
        return (pl.col(str(place // BITS)) & pl.lit(1 << place % BITS, pl.UInt8)) != 0
