"""The comparison of a run with the previous run, contact by contact, in memory that the batches bound.

A contact can be anywhere in the previous snapshot. Digests of the memberships of all its contacts are in memory, so a
contact whose memberships are the same is compared at once. The bits of the others wait, and are compared with those of
one batch of the previous run after the other. If too many wait, the batches with the most of them are compared earlier.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.platform.bitmaps import Bitmaps
from segbatch.platform.bounded_executor import map_ahead
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.storage.bit_matrix import (
    Differences,
    Memory,
    Words,
    digest_contacts,
    find_differences,
    in_groups,
    words_of,
)
from segbatch.storage.id_types import IdTypes
from segbatch.storage.row_alignment import NEW, ContactIndex, RowNumbers
from segbatch.storage.state import State

_MOST_WAITING = 1 << 26
"""Maximum number of bytes of bits that wait."""
_THREADS = 2


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The previous run, for comparison.

    Attributes:
        state: Its bits.
        contacts: Its contacts by id.
        digests: The digest of the bits of each contact.
    """

    state: State
    contacts: ContactIndex
    digests: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, state: State, id_types: IdTypes) -> "PreviousRun":
        """Index the contacts of a run.

        Raises:
            PublishError: A file of the state is damaged.
        """
        with ThreadPoolExecutor(1, "previous bits") as pool:
            digests = pool.submit(_digests_of, state)
            contacts = ContactIndex(id_types.comparable(state.id_batches()))
            return cls(state, contacts, digests.result())


def _digests_of(state: State) -> npt.NDArray[np.uint64]:
    digests, memory = np.empty(state.rows, dtype=np.uint64), Memory()
    for batch in range(len(state.starts) - 1):
        digests[state.starts[batch] : state.starts[batch + 1]] = state.digests(batch, memory)
        state.release_memory()
    return digests


class Comparison:
    """The comparison of the batches of one run with the previous run."""

    def __init__(
        self,
        previous: PreviousRun,
        id_types: IdTypes,
        kept: Sequence[str],
        report: Callable[[pa.Array, Differences], None],
    ) -> None:
        """Begin a comparison.

        Args:
            kept: Segments whose members in the previous run are needed.
            report: Called with the ids of some contacts, and how these contacts differ.
        """
        self._state, self._contacts, self._digests = previous.state, previous.contacts, previous.digests
        self._id_types, self._report = id_types, report
        self._kept = {segment_id: previous.state.all_members(segment_id) for segment_id in kept}
        self._is_seen = np.zeros(previous.state.rows, dtype=bool)
        self._memory = Memory()
        self._rows, self._words = list[RowNumbers](), list[Words]()

    def find(self, ids: pa.Array) -> RowNumbers:
        """Return the row of each contact in the previous run; `NEW` for new contacts.

        Args:
            ids: The ids of contacts of this run.
        """
        [comparable] = self._id_types.comparable([ids_as_series(ids)])
        return self._contacts.find(comparable)

    def gone(self) -> RowNumbers:
        """Return the rows of the contacts of the previous run that were not compared so far."""
        return np.flatnonzero(~self._is_seen)

    def ids_of(self, rows: RowNumbers) -> pa.Array:
        """Return the ids of contacts of the previous run, by their ascending rows there."""
        return pa.concat_arrays([self._ids_in(batch, rows[part]) for batch, part in self._by_batch(rows)])

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
        is_known = rows != NEW
        known = rows[is_known]
        if self._is_seen[known].any():
            return  # an id occurs twice, so the id check refuses the run once all ids are read
        self._is_seen[known] = True
        digests = digest_contacts(in_groups(after), len(ids), self._memory)
        before = np.zeros(len(ids), dtype=np.uint64)
        before[is_known] = self._digests[known]
        changed = np.flatnonzero(digests != before)
        is_new = rows[changed] == NEW
        new = changed[is_new]
        if len(new):
            words = self._words_of(after, len(ids), new)
            self._report(ids.take(pl.Series(new).to_arrow()), find_differences(np.zeros_like(words), words))
        changed = changed[~is_new]
        self._wait(rows[changed], self._words_of(after, len(ids), changed))

    def compare_gone(self, rows: RowNumbers, after: Bitmaps) -> None:
        """Compare contacts that are not in the snapshot.

        Args:
            rows: Their rows in the previous run.
            after: The bitmaps of all bits now.
        """
        changed = np.flatnonzero(digest_contacts(in_groups(after), len(rows), self._memory) != self._digests[rows])
        self._wait(rows[changed], self._words_of(after, len(rows), changed))

    def finish(self) -> None:
        """Compare the contacts that wait."""
        self._compare_waiting(0)

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
        order = np.argsort(rows)
        rows, words = rows[order], words[:, order]
        parts = self._by_batch(rows)
        chosen, left = set[int](), words.nbytes
        for batch, part in sorted(parts, key=lambda entry: entry[1].start - entry[1].stop):
            if left > limit:
                chosen.add(batch)
                left -= words[:, part].nbytes
        waiting = [part for batch, part in parts if batch not in chosen]
        self._rows, self._words = [rows[part] for part in waiting], [words[:, part] for part in waiting]
        compare = partial(self._compare_batch, rows, words)
        with ThreadPoolExecutor(_THREADS, "compare") as pool:
            for ids, found in map_ahead(pool, compare, (one for one in parts if one[0] in chosen), _THREADS):
                self._report(ids, found)

    def _compare_batch(
        self, rows: RowNumbers, words: Words, batch_and_part: tuple[int, slice]
    ) -> tuple[pa.Array, Differences]:
        """Compare the contacts of a batch of the previous run.

        Args:
            rows: The rows of contacts in the previous run.
            words: Their bits now.
            batch_and_part: The batch, and the part of the contacts that are in it.
        """
        batch, part = batch_and_part
        before = self._state.words_of(batch, rows[part] - self._state.starts[batch], Memory())
        self._state.release_memory()
        return self._id_types.as_kept(self._ids_in(batch, rows[part])), find_differences(before, words[:, part])

    def _by_batch(self, rows: RowNumbers) -> list[tuple[int, slice]]:
        """Return the batches of the previous run that ascending rows are in, each with the part of the rows."""
        ends = np.searchsorted(rows, self._state.starts)
        bounds = enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
        return [(batch, slice(start, end)) for batch, (start, end) in bounds if start < end]

    def _ids_in(self, batch: int, rows: RowNumbers) -> pa.Array:
        return self._state.ids(batch).take(pl.Series(rows - self._state.starts[batch]).to_arrow())
