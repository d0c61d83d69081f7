"""Recording the results of a run: membership, state for the next run, and changes since the previous run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.model.manifest import PublishedFile
from segbatch.platform.bitmaps import WORD, Bitmaps, count_bits, empty_bitmaps, from_columns
from segbatch.platform.bounded_executor import BoundedExecutor
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.storage.bit_matrix import Memory, Words, from_words, is_in_any, to_bitmaps
from segbatch.storage.changed_contacts import ChangeCollector, Changes
from segbatch.storage.coded_pages import MOST_CONTACTS
from segbatch.storage.comparison import Comparison, PreviousRun
from segbatch.storage.complete_changes import Sizes, ensure_complete
from segbatch.storage.id_types import IdTypes, to_stored
from segbatch.storage.row_alignment import NEW, HashedIds, RowNumbers
from segbatch.storage.run_writers import Writers
from segbatch.storage.segment_bits import SegmentBits

_WRITERS = 2
"""Writing is the bottleneck; two writer threads keep evaluation from waiting for one."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The counts and files of a recorded run.

    Attributes:
        members: The number of members per segment, including segments that keep their members.
        is_compared: Whether there was a previous run.
        entered: The number of contacts that entered each segment since then.
        exited: The number of contacts that left each segment since then.
        files: The manifest records of the written files.
        is_repeated: Whether changes were missed by digests, so that the run was recorded again without them.
    """

    is_compared: bool
    members: Counter[str] = field(default_factory=Counter)
    entered: Counter[str] = field(default_factory=Counter)
    exited: Counter[str] = field(default_factory=Counter)
    files: tuple[PublishedFile, ...] = ()
    is_repeated: bool = False


class Recorder:
    """A recorder for the members of each batch of contacts. It works in threads next to the evaluation."""

    def __init__(
        self,
        segment_ids: Sequence[str],
        kept: Sequence[str],
        previous: PreviousRun | None,
        id_types: IdTypes,
        writers: Writers | None,
        bits: SegmentBits | None = None,
    ) -> None:
        """Assign the bits and open the state file.

        Args:
            segment_ids: The segments that are evaluated.
            kept: The segments that keep the members of the previous run.
            previous: The previous run; None if there is nothing to compare with.
            writers: The writers; None to count only.
            bits: The assignment of all segments to bits; None for the next one after that of the previous run.
        """
        self._segment_ids, self._id_types, self._writers = segment_ids, id_types, writers
        self._names = sorted([*segment_ids, *kept])
        before = previous.state.bitmap if previous else SegmentBits()
        self._bitmap = before.next(self._names) if bits is None else bits
        self._state = writers.state(self._bitmap) if writers else None
        self._changed_segments = self._bitmap.changed_segments(before)
        self._changes = ChangeCollector(self._write_changes)
        self._comparison = Comparison(previous, id_types, kept, self._changes.add) if previous else None
        self._previous, is_repeated = previous, previous is not None and previous.digests is None
        self._found = Recorded(is_compared=previous is not None, is_repeated=is_repeated)
        self._parts, self._memory = count(), Memory()
        self._recording, self._writing = BoundedExecutor("record", 1), BoundedExecutor("membership", _WRITERS)

    def __enter__(self) -> Self:
        """Return the recorder."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> None:
        """Stop the threads."""
        with self._writing, self._recording:  # exits in reverse order: recording submits work to writing
            pass

    def record(self, ids: pa.Array, members: Bitmaps, hashed: HashedIds | None = None) -> None:
        """Record the next batch in the order of the snapshot. Returns as soon as the batch before is recorded.

        Args:
            members: The bitmap of each evaluated segment, in the order of the segments.
            hashed: The same ids with their hashes, if they are known.
        """
        self._recording.submit(self._record, ids, members, hashed)

    def record_words(self, ids: pa.Array, words: Words) -> None:
        """Record the next batch of at most 65,536 contacts, whose bits are in the order of the assignment.

        Args:
            ids: The ids, in the stored type of the snapshot.
            words: The bits of these contacts. The bits of segments that keep their members are not set.
        """
        self._recording.submit(self._record_words, ids, words)

    def find_gone(self) -> RowNumbers:
        """Return the rows of the previous run whose contacts are not in the snapshot, after the last batch."""
        self._recording.finish()
        return np.empty(0, dtype=np.int64) if self._comparison is None else self._comparison.gone()

    def finish(self) -> Recorded:
        """Record the contacts that are gone from the snapshot, and close the files.

        Raises:
            ChangesMismatchError: The changes are not complete.
        """
        self._recording.finish()
        if self._comparison is not None and self._previous is not None:
            self._record_gone(self._comparison)
            self._comparison.finish()
            self._changes.finish()
            ensure_complete(_sizes(self._previous.members, self._found))
        self._writing.finish()
        if self._writers is None or self._state is None:
            return self._found
        files = (*self._writers.membership.finish(), self._state.finish(), self._writers.changes.finish())
        return replace(self._found, files=files)

    def _record(self, ids: pa.Array, members: Bitmaps, hashed: HashedIds | None) -> None:
        own = to_stored(ids)
        if self._comparison is None:
            members, ids = self._sorted(members, {}), self._id_types.as_kept(own)
            self._write_members(self._id_types.as_own(own), ids, members, self._pack(members, len(own)))
            return
        rows = self._comparison.find(hashed or HashedIds.of(ids_as_series(own)))
        ids = self._id_types.as_kept(own)
        members = self._sorted(members, self._comparison.kept_members(rows))
        bitmaps = self._pack(members, len(own))
        self._write_members(self._id_types.as_own(own), ids, members, bitmaps)
        self._comparison.compare(ids, rows, bitmaps)

    def _record_words(self, own: pa.Array, words: Words) -> None:
        find = None if self._comparison is None else self._comparison.find
        rows = np.full(len(own), NEW) if find is None else find(HashedIds.of(ids_as_series(own)))
        after = self._memory.array("words", *words.shape)
        np.copyto(after, words)
        for segment_id, is_kept in (self._comparison.kept_members(rows) if self._comparison else {}).items():
            group, bit = divmod(self._bitmap.bits[segment_id], WORD)
            after[group] |= is_kept.to_numpy().astype(np.uint64) << np.uint64(bit)
        bitmaps, ids = from_words(after, self._memory), self._id_types.as_kept(own)
        members = bitmaps[[self._bitmap.bits[name] for name in self._names]]
        self._write_members(self._id_types.as_own(own), ids, members, bitmaps)
        if self._comparison is not None:
            self._comparison.compare(ids, rows, bitmaps)

    def _record_gone(self, comparison: Comparison) -> None:
        """Record that gone contacts left all segments, except the segments that keep their members."""
        all_gone = comparison.gone()
        for start in range(0, len(all_gone), MOST_CONTACTS):
            gone = all_gone[start : start + MOST_CONTACTS]
            bitmaps = self._pack(self._of_gone(comparison, gone), len(gone))
            comparison.compare_gone(gone, bitmaps)
            stay = gone[is_in_any(bitmaps, len(gone))]
            if len(stay):
                members, ids = self._of_gone(comparison, stay), self._id_types.as_kept(comparison.ids_of(stay))
                self._write_members(self._id_types.as_own(ids), ids, members, self._pack(members, len(stay)))

    def _of_gone(self, comparison: Comparison, gone: RowNumbers) -> Bitmaps:
        """Return the members among contacts that are gone, who are only in segments that keep their members."""
        return self._sorted(empty_bitmaps(len(self._segment_ids), len(gone)), comparison.kept_members(gone))

    def _sorted(self, members: Bitmaps, kept: Mapping[str, pl.Series]) -> Bitmaps:
        """Add the bitmaps of the segments that keep their members, and sort all bitmaps by segment."""
        if kept:
            contacts = len(next(iter(kept.values())))
            members = np.concatenate([members, from_columns([*kept.values()], contacts)])
        names = [*self._segment_ids, *kept]
        return members if names == self._names else members[sorted(range(len(names)), key=names.__getitem__)]

    def _pack(self, members: Bitmaps, contacts: int) -> Bitmaps:
        bitmaps = dict(zip(self._names, members, strict=True))
        return to_bitmaps([bitmaps.get(name or "") for name in self._bitmap.names], contacts, self._memory)

    def _write_members(self, own: pa.Array, kept: pa.Array, members: Bitmaps, bitmaps: Bitmaps) -> None:
        self._found.members.update(dict(zip(self._names, count_bits(members).tolist(), strict=True)))
        if self._writers is not None and self._state is not None:
            is_member = is_in_any(bitmaps, len(own))
            write = self._writers.membership.write
            self._writing.submit(write, next(self._parts), own, self._names, members, is_member)
            self._state.write(kept, bitmaps)

    def _write_changes(self, found: Changes) -> None:
        for counts, bitmaps in ((self._found.entered, found.entered), (self._found.exited, found.exited)):
            numbers = count_bits(bitmaps)
            counts.update({self._changed_segments[bit]: int(numbers[bit]) for bit in np.flatnonzero(numbers)})
        if self._writers is not None:
            self._writers.changes.write(self._changed_segments, found)


def _sizes(before: Mapping[str, int], found: Recorded) -> Iterator[Sizes]:
    for name in sorted({*before, *found.members, *found.entered, *found.exited}):
        yield Sizes(name, before.get(name, 0), found.entered[name], found.exited[name], found.members[name])
