"""The comparison of a run with the previous run, contact by contact, in memory that the batches bound.

A contact can be anywhere in the previous snapshot. Digests of the memberships of all its contacts are in memory, so a
contact whose memberships are the same is compared at once. The bits of the others wait, and are compared with those of
one batch of the previous run after the other. If too many wait, the batches with the most of them are compared earlier.

Two memberships can have the same digest. Then the changes do not match the numbers of members, and the run is compared
again without digests: the bits of all contacts wait.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.platform.bitmaps import Bitmaps, count_bits, to_array
from segbatch.platform.bounded_executor import map_ahead
from segbatch.storage.bit_matrix import (
    Memory,
    Words,
    changed_bits,
    digest_contacts,
    in_groups,
    slices_of,
    words_of,
)
from segbatch.storage.changed_contacts import ChangedContacts
from segbatch.storage.id_types import IdTypes
from segbatch.storage.row_alignment import NEW, ContactIndex, HashedIds, RowNumbers
from segbatch.storage.state import State

_MOST_WAITING = 1 << 26
"""Maximum number of bytes of bits that wait."""
_THREADS = 2
_NO_COUNTS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The previous run, for comparison.

    Attributes:
        state: Its bits.
        contacts: Its contacts by id.
        members: The number of members of each segment.
        digests: The digest of the bits of each contact; None to compare all bits.
    """

    state: State
    contacts: ContactIndex
    members: Mapping[str, int]
    digests: npt.NDArray[np.uint64] | None

    @classmethod
    def of(cls, state: State, id_types: IdTypes) -> "PreviousRun":
        """Index the contacts of a run.

        Raises:
            PublishError: A file of the state is damaged.
        """
        with ThreadPoolExecutor(1, "previous bits") as pool:
            bits = pool.submit(_read_bits, state)
            contacts = ContactIndex(id_types.comparable(state.id_batches()))
            return cls(state, contacts, *bits.result())

    def without_digests(self) -> "PreviousRun":
        """Return the same run for a comparison of all bits."""
        return replace(self, digests=None)


def _read_bits(state: State) -> tuple[Mapping[str, int], npt.NDArray[np.uint64]]:
    """Return the number of members of each segment, and the digest of each contact."""
    digests, memory = np.empty(state.rows, dtype=np.uint64), Memory()
    names, members = state.bitmap.names, np.zeros(len(state.bitmap.names), dtype=np.int64)
    for batch in range(len(state.starts) - 1):
        groups = state.groups(batch)
        rows = slice(*state.starts[batch : batch + 2])
        digests[rows] = digest_contacts(groups, rows.stop - rows.start, memory)
        members += np.concatenate([*map(count_bits, groups), _NO_COUNTS])[: len(names)]
        state.release_memory()
    return {name: count for name, count in zip(names, members.tolist(), strict=True) if name is not None}, digests


class _Waiting(NamedTuple):
    """The contacts that wait for a batch of the previous run.

    Attributes:
        rows: Their rows in the previous run, ascending.
        places: Their places among all contacts that wait.
    """

    batch: int
    rows: RowNumbers
    places: npt.NDArray[np.int64]


class Comparison:
    """The comparison of the batches of one run with the previous run."""

    def __init__(
        self,
        previous: PreviousRun,
        id_types: IdTypes,
        kept: Sequence[str],
        report: Callable[[ChangedContacts], None],
    ) -> None:
        """Begin a comparison.

        Args:
            kept: Segments whose members in the previous run are needed.
            report: Called with contacts that changed, as many as a slice of `slices_of` has.
        """
        self._previous, self._state = previous, previous.state
        self._id_types, self._report = id_types, report
        self._kept = {segment_id: previous.state.all_members(segment_id) for segment_id in kept}
        self._is_seen = np.zeros(previous.state.rows, dtype=bool)
        self._memory = Memory()
        self._rows, self._words = list[RowNumbers](), list[Words]()

    def find(self, contacts: HashedIds) -> RowNumbers:
        """Return the row of each contact of this run in the previous run; `NEW` for new contacts."""
        [comparable] = self._id_types.comparable([contacts.ids])
        is_hashed = comparable is contacts.ids
        return self._previous.contacts.find(contacts if is_hashed else HashedIds.of(comparable))

    def gone(self) -> RowNumbers:
        """Return the rows of the contacts of the previous run that were not compared so far."""
        return np.flatnonzero(~self._is_seen)

    def ids_of(self, rows: RowNumbers) -> pa.Array:
        """Return the ids of contacts of the previous run, by their ascending rows there."""
        return pa.concat_arrays([self._ids_in(one.batch, one.rows) for one in self._by_batch(rows)])

    def kept_members(self, rows: RowNumbers) -> dict[str, pl.Series]:
        """Return the members of the kept segments in the previous run, for contacts by their row there."""
        is_known = rows != NEW
        known = rows[is_known]
        byte, bit = known >> 3, (known & 7).astype(np.uint8)
        found = {}
        for segment_id, bitmap in self._kept.items():
            members = np.zeros(len(rows), dtype=bool)
            members[is_known] = bitmap[byte] >> bit & 1
            found[segment_id] = pl.Series(members)
        return found

    def compare(self, ids: pa.Array, rows: RowNumbers, after: Bitmaps) -> None:
        """Compare a batch of contacts of this run.

        Args:
            ids: Their ids, in the type of the state.
            rows: Their rows in the previous run.
            after: The bitmaps of all bits now.
        """
        known = rows[rows != NEW]
        if self._is_seen[known].any():
            return  # an id occurs twice, so the id check refuses the run once all ids are read
        self._is_seen[known] = True
        changed = self._may_differ(rows, after)
        is_new = rows[changed] == NEW
        new = changed[is_new]
        if len(new):
            words = self._words_of(after, len(ids), new)
            self._report_slices(ChangedContacts(ids.take(to_array(new)), words, words))
        changed = changed[~is_new]
        self._wait(rows[changed], self._words_of(after, len(ids), changed))

    def compare_gone(self, rows: RowNumbers, after: Bitmaps) -> None:
        """Compare contacts that are not in the snapshot.

        Args:
            rows: Their rows in the previous run.
            after: The bitmaps of all bits now.
        """
        changed = self._may_differ(rows, after)
        self._wait(rows[changed], self._words_of(after, len(rows), changed))

    def finish(self) -> None:
        """Compare the contacts that wait."""
        self._compare_waiting(0)

    def _may_differ(self, rows: RowNumbers, after: Bitmaps) -> npt.NDArray[np.int64]:
        """Return the places of contacts whose digests differ from those before; of all contacts without digests."""
        if self._previous.digests is None:
            return np.arange(len(rows))
        before, is_known = np.zeros(len(rows), dtype=np.uint64), rows != NEW
        before[is_known] = self._previous.digests[rows[is_known]]
        return np.flatnonzero(digest_contacts(in_groups(after), len(rows), self._memory) != before)

    def _words_of(self, bitmaps: Bitmaps, contacts: int, places: npt.NDArray[np.int64]) -> Words:
        return words_of(in_groups(bitmaps), contacts, places, self._memory)

    def _wait(self, rows: RowNumbers, after: Words) -> None:
        self._rows.append(rows)
        self._words.append(after)
        if sum(words.nbytes for words in self._words) > _MOST_WAITING:
            self._compare_waiting(_MOST_WAITING // 2)

    def _compare_waiting(self, limit: int) -> None:
        """Compare contacts that wait, until the bits of the others take at most a number of bytes.

        Two batches of the previous run are uncompressed at a time, and their changes are reported in order.
        """
        if not self._rows:
            return
        rows, words = np.concatenate(self._rows), np.concatenate(self._words, axis=1)
        self._rows, self._words = [], []
        waiting, left = self._by_batch(rows), words.nbytes
        chosen = list[_Waiting]()
        for one in sorted(waiting, key=lambda one: -len(one.rows)):
            if left > limit:
                chosen.append(one)
                left -= len(words) * words.itemsize * len(one.rows)
            else:
                self._rows.append(one.rows)
                self._words.append(np.take(words, one.places, axis=1))
        compare = partial(self._compare_batch, words)
        with ThreadPoolExecutor(_THREADS, "compare") as pool:
            for found in map_ahead(pool, compare, sorted(chosen, key=lambda one: one.batch), _THREADS):
                self._report_slices(found)

    def _compare_batch(self, words: Words, one: _Waiting) -> ChangedContacts:
        """Compare the contacts of a batch of the previous run.

        Args:
            words: The bits of all contacts that wait.
            one: The contacts that wait for this batch.
        """
        before = self._state.words_of(one.batch, one.rows - self._state.starts[one.batch], Memory())
        self._state.release_memory()
        ids, after = self._id_types.as_kept(self._ids_in(one.batch, one.rows)), np.take(words, one.places, axis=1)
        return ChangedContacts(ids, changed_bits(before, after), after)

    def _by_batch(self, rows: RowNumbers) -> list[_Waiting]:
        """Return the batches of the previous run that rows are in, each with these rows."""
        order = np.argsort(rows)
        rows = rows[order]
        ends = np.searchsorted(rows, self._state.starts)
        bounds = enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
        return [_Waiting(batch, rows[start:end], order[start:end]) for batch, (start, end) in bounds if start < end]

    def _ids_in(self, batch: int, rows: RowNumbers) -> pa.Array:
        return self._state.ids(batch).take(to_array(rows - self._state.starts[batch]))

    def _report_slices(self, found: ChangedContacts) -> None:
        """Report contacts in slices with a bounded number of changes."""
        for part in slices_of(found.changed):
            ids = found.ids.slice(part.start, part.stop - part.start)
            self._report(ChangedContacts(ids, found.changed[:, part], found.after[:, part]))
