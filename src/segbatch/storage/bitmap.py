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
class SegmentBitmap:
    """The assignment of segments to bits.

    Attributes:
        names: The segment id of each bit; None for a free bit.
    """

    names: Sequence[str | None] = ()

    def next(self, segment_ids: Iterable[str]) -> "SegmentBitmap":
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
        return SegmentBitmap(tuple(names))

    @cached_property
    def bits(self) -> Mapping[str, int]:
        """The bit index of each segment."""
        return {name: bit for bit, name in enumerate(self.names) if name is not None}

    def changed_segments(self, before: "SegmentBitmap") -> list[str]:
        """Return the segment that a change of each bit belongs to, compared with the run of `before`.

        A bit that was freed since then still belongs to the deleted segment.
        """
        old_names = [*before.names, *[None] * (len(self.names) - len(before.names))]
        return [new or old or "" for new, old in zip(self.names, old_names, strict=True)]

    @property
    def byte_columns(self) -> list[str]:
        """The names of the byte columns."""
        return [str(number) for number in range(-(-len(self.names) // BITS))]

    def pack(self, members: pl.DataFrame) -> pl.DataFrame:
        """Convert one boolean column per segment to byte columns."""
        return members.select(self._byte(number).alias(str(number)) for number in range(len(self.byte_columns)))

    def _byte(self, number: int) -> pl.Expr:
        names = self.names[number * BITS : (number + 1) * BITS]
        none = pl.lit(0, pl.UInt8)
        bits = [
            pl.when(pl.col(name)).then(pl.lit(1 << bit, pl.UInt8)).otherwise(none)
            for bit, name in enumerate(names)
            if name is not None
        ]
        return reduce(or_, bits) if bits else none

    def is_member(self, segment_id: str) -> pl.Expr:
        """Return whether a contact is in a segment, as an expression over the byte columns."""
        return self.is_set(self.bits[segment_id])

    @staticmethod
    def is_set(bit: int) -> pl.Expr:
        """Return whether the bit at an index is set, as an expression over the byte columns."""
        return (pl.col(str(bit // BITS)) & pl.lit(1 << bit % BITS, pl.UInt8)) != 0


def diff_bits(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Compare the bits of the same contacts in two runs.

    Args:
        before: The bits in the previous run, one column per byte.
        after: The bits in this run, with at least as many columns.

    Returns:
        One row per changed bit, ordered by bit and contact. `bit` is its index, `contact` is the row number,
        and `entered` is true if it is now set.
    """
    changed = [_changed(column, before, int(column.name)) for column in after.iter_columns()]
    bytes_ = pl.concat(changed)
    bits = [
        bytes_.filter(pl.col("change") & pl.lit(1 << bit, pl.UInt8) != 0).select(
            pl.col("byte") * BITS + bit,
            pl.col("contact"),
            entered=pl.col("now") & pl.lit(1 << bit, pl.UInt8) != 0,
        )
        for bit in range(BITS)
    ]
    return pl.concat(bits).rename({"byte": "bit"}).sort("bit", "contact")


def _changed(now: pl.Series, before: pl.DataFrame, byte: int) -> pl.DataFrame:
    """Return the bytes of a column that differ. A column that is missing in `before` counts as empty there."""
    change = now ^ before.get_column(now.name) if now.name in before.columns else now
    rows = (change != 0).arg_true()
    return pl.DataFrame(
        {
            "byte": pl.repeat(byte, len(rows), dtype=pl.UInt32, eager=True),
            "contact": rows,
            "change": change.gather(rows),
            "now": now.gather(rows),
        }
    )
