"""Statistics of the values of a field, in bounded memory for any number of contacts."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

_HASHES = 1024
"""Number of hashes that are kept. Up to as many distinct values are counted exactly; beyond, within a few percent."""

_FREQUENT = 256
"""Number of values whose contacts are counted. Each batch may add as many before the rarest are dropped."""

LEAST_CONTACTS = 5
"""Values that fewer contacts have are only counted: they could be e-mail addresses that two contacts share."""

_MOST_CHARACTERS = 100
"""Longer texts are only counted."""

_HASH_RANGE = 1 << 64


@dataclass(slots=True)
class ValueSketch:
    """Statistics of values that are added batch by batch.

    Attributes:
        present: The number of values that were added.
        low: The smallest number or date, if any.
        high: The largest one.
    """

    present: int = 0
    low: Any = None
    high: Any = None
    _hashes: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.UInt64))
    _counts: dict[Any, int] = field(default_factory=dict)
    _owners: dict[Any, set[int]] = field(default_factory=dict)

    def add(self, counted: pl.DataFrame, *, is_ordered: bool = False) -> None:
        """Add the distinct values of a batch.

        Args:
            counted: The column `v` with the values, none of them null, and the column `n` with their numbers. If one
                contact may have a value more than once, the column `o` with lists of some of its contacts too.
            is_ordered: Whether the range of the values is recorded.
        """
        values = counted.get_column("v")
        if not len(values):
            return
        self.present += int(counted.get_column("n").sum())
        self._hashes = pl.concat([self._hashes, values.hash()]).unique().sort().head(_HASHES)
        if is_ordered:
            found = (values.min(), values.max(), self.low, self.high)
            known = [value for value in found if value is not None]
            self.low, self.high = min(known), max(known)
        if isinstance(values.dtype, pl.String):
            counted = counted.filter(pl.col("v").str.len_chars() <= _MOST_CHARACTERS)
        top = counted.top_k(_FREQUENT, by="n")
        for value, number in top.select("v", "n").rows():
            self._counts[value] = self._counts.get(value, 0) + number
        for value, some in top.select("v", "o").rows() if "o" in top.columns else ():
            owners = self._owners.setdefault(value, set())
            if len(owners) < LEAST_CONTACTS:
                owners.update(some)
        if len(self._counts) > 2 * _FREQUENT:
            self._counts = dict(self._most(_FREQUENT))
            self._owners = {value: self._owners[value] for value in self._counts if value in self._owners}

    @property
    def is_exact(self) -> bool:
        """Whether the number of distinct values is exact."""
        return len(self._hashes) < _HASHES

    @property
    def distinct(self) -> int:
        """The number of distinct values; an estimate if there are many."""
        if self.is_exact:
            return len(self._hashes)
        return min(round((_HASHES - 1) / (int(self._hashes[-1]) / _HASH_RANGE)), self.present)

    def frequent(self, number: int) -> list[tuple[Any, int]]:
        """Return the most frequent values that at least `LEAST_CONTACTS` contacts have, each with its number."""
        shared = [(value, count) for value, count in self._most(_FREQUENT) if self._is_shared(value, count)]
        return shared[:number]

    def _is_shared(self, value: Any, count: int) -> bool:
        return len(self._owners.get(value, range(count))) >= LEAST_CONTACTS

    def _most(self, number: int) -> list[tuple[Any, int]]:
        return sorted(self._counts.items(), key=lambda entry: (-entry[1], str(entry[0])))[:number]
