"""Which bit of a contact stands for which segment.

The membership of a contact is a row of bits, eight segments to a byte: so two nights are compared by bytes, and
putting last night's rows in tonight's order moves bytes and not single answers. A segment keeps its bit for life; the
bit of a deleted segment stays empty for at least one night, so that its members are seen to leave, and is then given to
a new one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

import polars as pl

__all__ = ["BITS", "Slots"]

BITS = 8
"""Segments to a byte."""


@dataclass(frozen=True)
class Slots:
    """The segments in the order of their bits.

    Attributes:
        names: The id of the segment of each bit; None where a bit is free.
    """

    names: Sequence[str | None] = ()

    def next(self, segment_ids: Iterable[str]) -> "Slots":
        """Return the slots of the night after: who stays keeps its place, and new ones get free places."""
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
        """The place of each segment."""
        return {name: place for place, name in enumerate(self.names) if name is not None}

    def owners(self, was: "Slots") -> list[str]:
        """Return whose bit tells of a change at each place since the night of `was`: a deleted segment's still does."""
        before = [*was.names, *[None] * (len(self.names) - len(was.names))]
        return [now or then or "" for now, then in zip(self.names, before, strict=True)]

    @property
    def octets(self) -> list[str]:
        """The names of the columns of bytes."""
        return [str(number) for number in range(-(-len(self.names) // BITS))]

    def pack(self, members: pl.DataFrame) -> pl.DataFrame:
        """Turn a column of booleans a segment into columns of bytes."""
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
        """Return whether a segment holds contacts, as an expression over the columns of bytes."""
        return self.bit(self.places[segment_id])

    @staticmethod
    def bit(place: int) -> pl.Expr:
        """Return whether the bit at a place is set, as an expression over the columns of bytes."""
        return (pl.col(str(place // BITS)) & pl.lit(1 << place % BITS, pl.UInt8)) != 0
