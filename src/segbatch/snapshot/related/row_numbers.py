"""Row numbers of contacts by their ids, for the rows of related tables.

This is a hash table in NumPy arrays, because a join would build its own table again for each batch of rows. It takes 20
bytes per slot, and at most three quarters of the slots are used.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

_FULL = 4 / 3
_FREE = np.uint32(0xFFFFFFFF)
ORPHAN = -1
"""The row number of a row whose contact is null or not in the snapshot."""

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


class ContactRows:
    """The row numbers of the contacts of a snapshot, counted from 0.

    Ids are compared by a 128-bit hash. A collision is less likely than a memory error, even with a billion ids.
    """

    def __init__(self, ids: Iterable[pl.Series]) -> None:
        """Number the contacts.

        Args:
            ids: The ids of all contacts, in batches, in the type that rows of tables are looked up with.
        """
        hashes = [_hashes(batch) for batch in ids]
        first = np.concatenate([one for one, _ in hashes]) if hashes else np.empty(0, np.uint64)
        second = np.concatenate([two for _, two in hashes]) if hashes else np.empty(0, np.uint64)
        self.contacts = len(first)
        self._mask = np.uint64((1 << max(4, int(self.contacts * _FULL).bit_length())) - 1)
        self._rows = np.full(int(self._mask) + 1, _FREE, np.uint32)
        self._first = np.zeros(int(self._mask) + 1, np.uint64)
        self._second = np.zeros(int(self._mask) + 1, np.uint64)
        self._fill(first, second)

    def _fill(self, first: Hashes, second: Hashes) -> None:
        """Put each contact into the first free slot; if several want one slot, one of them gets it."""
        waiting, slots = np.arange(self.contacts, dtype=np.uint32), first & self._mask
        while len(waiting):
            free = self._rows[slots] == _FREE
            self._rows[slots[free]] = waiting[free]
            placed = self._rows[slots] == waiting
            self._first[slots[placed]], self._second[slots[placed]] = first[waiting[placed]], second[waiting[placed]]
            waiting = waiting[~placed]
            slots = (slots[~placed] + np.uint64(1)) & self._mask

    def find(self, ids: pl.Series) -> Numbers:
        """Return the row number of each id; `ORPHAN` if it is null or of no contact."""
        first, second = _hashes(ids)
        found = np.full(len(first), ORPHAN, np.int64)
        slots, waiting = first & self._mask, np.arange(len(first))
        if ids.null_count():
            present = ids.is_not_null().to_numpy()
            slots, waiting = slots[present], waiting[present]
        while len(waiting):
            rows = self._rows[slots]
            taken = rows != _FREE
            same = taken & (self._first[slots] == first[waiting]) & (self._second[slots] == second[waiting])
            found[waiting[same]] = rows[same]
            more = taken & ~same
            waiting, slots = waiting[more], (slots[more] + np.uint64(1)) & self._mask
        return found


def _hashes(ids: pl.Series) -> tuple[Hashes, Hashes]:
    return ids.hash(0).to_numpy(), ids.hash(1).to_numpy()
