"""The comparison of a run with the previous run, contact by contact, in memory that the batches bound.

Most contacts are about where they were in the previous snapshot, so a batch is compared with the few batches of the
previous run that have most of its contacts. The others are far from where they were. Those whose batch of the previous
run was uncompressed before are compared with what was set aside of it. The rest waits until the batch is uncompressed.
If too much waits or is set aside, batches are uncompressed again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.platform.bitmaps import word_count
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.storage.bit_matrix import Differences, Memory, Words, find_differences
from segbatch.storage.id_types import IdTypes
from segbatch.storage.open_batches import MOST_OPEN, OpenBatches
from segbatch.storage.row_alignment import NEW, ContactIndex, RowNumbers
from segbatch.storage.state import State

_SHARE_OF_NEAR = 16
"""A batch of the previous run is worth uncompressing for one in this number of contacts of a batch."""
_MOST_ASIDE = 1 << 26
"""Maximum number of bytes of bits that wait, and of those that are set aside."""


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The previous run, for comparison.

    Attributes:
        state: Its bits.
        contacts: Its contacts by id.
    """

    state: State
    contacts: ContactIndex

    @classmethod
    def of(cls, state: State, id_types: IdTypes) -> "PreviousRun":
        """Index the contacts of a run."""
        contacts = ContactIndex(id_types.comparable(state.id_batches()))
        state.release_memory()
        return cls(state, contacts)


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
        self._state, self._contacts = previous.state, previous.contacts
        self._id_types, self._report = id_types, report
        self._kept = {segment_id: previous.state.all_members(segment_id) for segment_id in kept}
        self._is_seen = np.zeros(previous.state.rows, dtype=bool)
        self._groups = word_count(len(previous.state.bitmap.names))
        self._memory = Memory()
        self._open = OpenBatches(previous.state)
        self._aside = _Contacts()
        self._waiting = _Contacts()

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
        batches = self._batches_of(rows)
        parts = [self._ids_in(batch, rows[batches == batch]) for batch in _numbers_in(batches)]
        return pa.concat_arrays(parts)

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

    def compare(self, ids: pa.Array, rows: RowNumbers, after: Words) -> None:
        """Compare a batch of contacts of this run.

        Args:
            ids: Their ids, in the type of the state.
            rows: Their rows in the previous run.
            after: Their bits now.
        """
        known = rows[rows != NEW]
        if self._is_seen[known].any():
            return  # an id occurs twice, so the id check refuses the run once all ids are read
        batches = self._batches_of(rows)
        near = self._near(batches[rows != NEW])
        self._open.keep(near)
        for batch in near:
            self._ensure_open(batch)
        before = self._memory.array("before", self._groups, len(rows))
        batches[self._open.find(batches, rows, before)] = NEW
        for batch in _numbers_in(batches[batches != NEW]):
            places = np.flatnonzero(batches == batch)
            found = self._find_words(batch, rows[places])
            if found is None:
                self._wait(batch, rows[places], after[:, places])
                found, after[self._groups :, places] = after[: self._groups, places], 0
            before[:, places] = found
        self._is_seen[known] = True
        self._report(ids, find_differences(before, after))

    def compare_gone(self, rows: RowNumbers, after: Words) -> None:
        """Compare contacts that are not in the snapshot, now or later.

        Args:
            rows: Their rows in the previous run.
            after: Their bits now.
        """
        batches = self._batches_of(rows)
        for batch in _numbers_in(batches):
            places = np.flatnonzero(batches == batch)
            found = self._find_words(batch, rows[places])
            if found is None:
                self._wait(batch, rows[places], after[:, places])
            else:
                self._compare_in(batch, rows[places], found, after[:, places])

    def finish(self) -> None:
        """Compare the contacts that wait."""
        for batch in sorted(self._waiting.words):
            self._compare_waiting(batch, self._state.words(batch, self._memory))

    def _batches_of(self, rows: RowNumbers) -> npt.NDArray[np.int64]:
        """Return the batches of the previous run that rows are in; `NEW` for new contacts."""
        return np.searchsorted(self._state.starts, rows, side="right") - 1

    def _near(self, batches: npt.NDArray[np.int64]) -> list[int]:
        """Return the batches of the previous run that have most of the contacts of a batch."""
        counts = np.bincount(batches, minlength=1)
        most = np.argsort(-counts, kind="stable")[:MOST_OPEN]
        return [int(batch) for batch in most if counts[batch] * _SHARE_OF_NEAR > len(batches)]

    def _ensure_open(self, batch: int) -> None:
        """Uncompress a batch of the previous run. It stays so for a while."""
        if batch in self._open:
            return
        if self._open.is_full:
            self._set_aside()
        if batch in self._aside.words:
            self._aside.drop(batch)
        self._open.add(batch, self._memory)
        self._state.release_memory()
        self._compare_waiting(batch, self._open.words(batch))

    def _find_words(self, batch: int, rows: RowNumbers) -> Words | None:
        """Return the bits of contacts of a batch that was uncompressed before; None if it was not."""
        if batch in self._open:
            return self._open.words(batch)[:, rows - self._state.starts[batch]]
        return self._aside.find(batch, rows) if batch in self._aside.words else None

    def _set_aside(self) -> None:
        """Close a batch, and set aside the bits of its contacts that were not compared so far."""
        batch, words = self._open.pop()
        start, end = self._state.starts[batch : batch + 2]
        rows = np.flatnonzero(~self._is_seen[start:end])
        if self._aside.size + rows.size * self._groups * words.itemsize <= _MOST_ASIDE:
            self._aside.add(batch, rows + start, words[:, rows])

    def _wait(self, batch: int, rows: RowNumbers, after: Words) -> None:
        self._waiting.add(batch, rows, after)
        if self._waiting.size > _MOST_ASIDE:
            self.finish()

    def _compare_waiting(self, batch: int, words: Words) -> None:
        """Compare the contacts that wait for a batch of the previous run."""
        if batch in self._waiting.words:
            rows, after = self._waiting.drop(batch)
            self._compare_in(batch, rows, words[:, rows - self._state.starts[batch]], after)

    def _compare_in(self, batch: int, rows: RowNumbers, before: Words, after: Words) -> None:
        """Compare contacts of one batch of the previous run."""
        self._report(self._id_types.as_kept(self._ids_in(batch, rows)), find_differences(before, after))

    def _ids_in(self, batch: int, rows: RowNumbers) -> pa.Array:
        return self._state.ids(batch).take(pl.Series(rows - self._state.starts[batch]).to_arrow())


def _numbers_in(batches: npt.NDArray[np.int64]) -> list[int]:
    """Return the batches that occur, ascending. `np.unique` would load NumPy's masked arrays, and sort."""
    return [int(batch) for batch in np.flatnonzero(np.bincount(batches))]


@dataclass(slots=True)
class _Contacts:
    """Some contacts of batches of the previous run, by batch, with bits of them.

    Attributes:
        size: The number of bytes of all bits.
    """

    rows: dict[int, list[RowNumbers]] = field(default_factory=dict)
    words: dict[int, list[Words]] = field(default_factory=dict)
    size: int = 0

    def add(self, batch: int, rows: RowNumbers, words: Words) -> None:
        """Add contacts of a batch."""
        self.rows.setdefault(batch, []).append(rows)
        self.words.setdefault(batch, []).append(words)
        self.size += words.nbytes

    def find(self, batch: int, rows: RowNumbers) -> Words:
        """Return the bits of contacts that were added at once, with ascending rows."""
        [added], [words] = self.rows[batch], self.words[batch]
        return words[:, np.searchsorted(added, rows)]

    def drop(self, batch: int) -> tuple[RowNumbers, Words]:
        """Remove the contacts of a batch, and return them."""
        rows, words = self.rows.pop(batch), self.words.pop(batch)
        self.size -= sum(part.nbytes for part in words)
        return np.concatenate(rows), np.concatenate(words, axis=1)
