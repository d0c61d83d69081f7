"""Matching the rows of this run with the rows of the previous run by contact id, in any order."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

NEW = -1
"""The row of a contact that is not in the previous run."""

RowNumbers = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]


class ContactIndex:
    """The contacts of a run by their ids.

    Ids are compared by a 128-bit hash, so a contact takes 16 bytes and its row number. A collision is less likely than
    a memory error, even with a billion ids.
    """

    def __init__(self, ids: Iterable[pl.Series]) -> None:
        """Sort the contacts of a run, given by their ids in batches, by half of the hash."""
        batches = [_hashes(batch) for batch in ids]
        first, second = (np.concatenate(parts) for parts in zip(*batches, strict=True)) if batches else (_none, _none)
        self._rows = np.argsort(first).astype(np.uint32 if len(first) < 1 << 32 else np.uint64)
        self._first, self._second = first[self._rows], second[self._rows]

    def __len__(self) -> int:
        """Return the number of contacts."""
        return len(self._rows)

    def find(self, ids: pl.Series) -> RowNumbers:
        """Return the row of each contact in the run; `NEW` for contacts that are not in it."""
        first, second = _hashes(ids)
        order = np.argsort(first)  # neighbours in memory are then looked up together
        first, second = first[order], second[order]
        places = np.searchsorted(self._first, first)
        rows = np.full(len(ids), NEW)
        waiting = np.arange(len(ids))
        while len(waiting):  # once, unless two ids share half of their hash
            waiting = waiting[places[waiting] < len(self)]
            waiting = waiting[self._first[places[waiting]] == first[waiting]]
            is_found = self._second[places[waiting]] == second[waiting]
            found, waiting = waiting[is_found], waiting[~is_found]
            rows[order[found]] = self._rows[places[found]]
            places[waiting] += 1
        return rows


_none: _Hashes = np.empty(0, dtype=np.uint64)


def find_rows(ids: Iterable[pl.Series], contacts: Iterable[pl.Series]) -> pl.Series:
    """Return the row of each id among contacts; null for ids that are not among them. Both are given in batches."""
    index = ContactIndex(contacts)
    found = [pl.Series(index.find(batch)) for batch in ids]
    rows = pl.concat(found) if found else pl.Series(dtype=pl.Int64)
    return rows.set(rows == NEW, None).cast(pl.UInt32)


def _hashes(ids: pl.Series) -> tuple[_Hashes, _Hashes]:
    return ids.hash(0).to_numpy(), ids.hash(1).to_numpy()
