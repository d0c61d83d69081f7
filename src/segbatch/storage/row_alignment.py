"""Matching the rows of this run with the rows of the previous run by contact id, in any order."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

NEW = -1
"""The row of a contact that is not in the previous run."""

RowNumbers = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]
_Table = npt.NDArray[np.unsignedinteger]

_SLOTS = 2
"""Slots of a table per contact. With two, a fifth of the contacts need the next table."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Multiplied with the hashes for the next table, so that contacts that share a slot are divided. It is odd, so that
different hashes stay different."""
_HALF = np.uint64(32)


class HashedIds(NamedTuple):
    """The ids of some contacts, and their hashes by `Series.hash()`."""

    ids: pl.Series
    hashes: _Hashes

    @classmethod
    def of(cls, ids: pl.Series) -> Self:
        """Hash ids."""
        return cls(ids, ids.hash().to_numpy())


class ContactIndex:
    """The contacts of a run by their ids.

    It is a hash table that NumPy fills and reads for many contacts at once. A hash of an id selects a slot, which has
    the row of one contact. Contacts that find their slot taken are in a second table, and so on. Another hash of 64
    bits tells whether the contact in a slot has the id. A contact takes about 18 bytes. That a wrong contact is found
    is less likely than a memory error, even with a billion ids.
    """

    def __init__(self, ids: Iterable[pl.Series]) -> None:
        """Index the contacts of a run, given by their ids in batches."""
        hashes, checks, rows = list[_Hashes](), [_NONE], 0
        for batch in ids:
            hashes.append(_slot_hashes(batch))
            checks.append(batch.hash().to_numpy())
            rows += len(batch)
        self._checks = np.concatenate(checks)
        del checks
        data_type: type[np.unsignedinteger] = np.uint32 if rows < 1 << 32 else np.uint64
        ends = np.cumsum([0, *map(len, hashes)]).tolist()
        parts = [
            _Part(np.arange(start, end, dtype=data_type), part)
            for (start, end), part in zip(pairwise(ends), hashes, strict=True)
        ]
        del hashes
        self._tables = list[_Table]()
        while number := sum(len(part.rows) for part in parts):
            self._tables.append(np.zeros(min(_SLOTS * number, 1 << 32), dtype=data_type))
            parts = _fill(self._tables[-1], parts)

    def __len__(self) -> int:
        """Return the number of contacts."""
        return len(self._checks)

    def find(self, contacts: HashedIds) -> RowNumbers:
        """Return the row of each contact in the run; `NEW` for contacts that are not in it."""
        hashes, checks = _slot_hashes(contacts.ids), contacts.hashes
        rows, waiting = np.full(len(checks), NEW), np.arange(len(checks))
        for table in self._tables:
            found = np.take(table, _slots(hashes, table), mode="wrap").astype(np.int64)
            is_found = np.take(self._checks, found, mode="wrap") == checks
            rows[waiting] = np.where(is_found, found, NEW)
            others = np.flatnonzero(~is_found)
            waiting, hashes, checks = waiting[others], hashes[others] * _FACTOR, checks[others]
        return rows


_NONE: _Hashes = np.empty(0, dtype=np.uint64)


class _Part(NamedTuple):
    """Some contacts: their rows, and the hashes of their ids. Parts of small arrays reuse the same memory."""

    rows: _Table
    hashes: _Hashes


def _fill(table: _Table, parts: Sequence[_Part]) -> list[_Part]:
    """Put contacts into a table, and return those that do not have their slot, for the next table."""
    for rows, hashes in parts:
        table[_slots(hashes, table)] = rows
    others = list[_Part]()
    for rows, hashes in parts:
        without = np.flatnonzero(np.take(table, _slots(hashes, table), mode="wrap") != rows)
        others.append(_Part(rows[without], hashes[without] * _FACTOR))
    return others


def find_rows(ids: Iterable[pl.Series], contacts: Iterable[pl.Series]) -> pl.Series:
    """Return the row of each id among contacts; null for ids that are not among them. Both are given in batches."""
    index = ContactIndex(contacts)
    found = [pl.Series(index.find(HashedIds.of(batch))) for batch in ids]
    rows = pl.concat(found) if found else pl.Series(dtype=pl.Int64)
    return rows.set(rows == NEW, None).cast(pl.UInt32)


def _slot_hashes(ids: pl.Series) -> _Hashes:
    """Return the hashes that select the slots. They are independent of `Series.hash()`."""
    return ids.hash(1).to_numpy()


def _slots(hashes: _Hashes, table: _Table) -> npt.NDArray[np.int64]:
    """Return the slot of each hash in a table: the upper half of the hash, as a fraction of the table."""
    return ((hashes >> _HALF) * np.uint64(len(table)) >> _HALF).view(np.int64)
