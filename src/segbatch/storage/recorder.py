"""Recording the results of a run: membership, state for the next run, and changes since the previous run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.model.manifest import PublishedFile
from segbatch.platform.bounded_executor import BoundedExecutor
from segbatch.storage.bit_rows import Rows, bit_of, bitmap_of, find_differences, is_in_any, to_rows
from segbatch.storage.bitmap import SegmentBitmap
from segbatch.storage.id_types import IdTypes, to_stored
from segbatch.storage.membership_pages import MOST_CONTACTS
from segbatch.storage.row_alignment import ContactAlignment, align_contacts
from segbatch.storage.run_writers import Writers
from segbatch.storage.state import State

_WRITERS = 2
"""Writing is the bottleneck; two writer threads keep evaluation from waiting for one."""


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The previous run, for comparison.

    Attributes:
        alignment: The row of each current contact in the previous run.
    """

    state: State
    alignment: ContactAlignment

    @classmethod
    def of(cls, state: State, current: Iterable[pl.Series], id_types: IdTypes) -> "PreviousRun":
        """Find the current contacts, given by their ids in batches, in the previous run."""
        return cls(state, align_contacts(*map(id_types.comparable, (state.id_batches(), current))))


@dataclass(frozen=True, slots=True)
class Recorded:
    """The counts and files of a recorded run.

    Attributes:
        members: The number of members per segment, including segments that keep their members.
        is_compared: Whether there was a previous run.
        entered: The number of contacts that entered each segment since then.
        exited: The number of contacts that left each segment since then.
        files: The manifest records of the written files.
    """

    is_compared: bool
    members: Counter[str] = field(default_factory=Counter)
    entered: Counter[str] = field(default_factory=Counter)
    exited: Counter[str] = field(default_factory=Counter)
    files: tuple[PublishedFile, ...] = ()


class Recorder:
    """A recorder for the members of each batch of contacts. It works in threads next to the evaluation."""

    def __init__(
        self,
        segment_ids: Sequence[str],
        kept: Sequence[str],
        previous: PreviousRun | None,
        id_types: IdTypes,
        writers: Writers | None,
    ) -> None:
        """Assign the bits and open the state file.

        Args:
            segment_ids: The segments that are evaluated.
            kept: The segments that keep the members of the previous run.
            previous: The previous run; None if there is nothing to compare with.
            writers: The writers; None to count only.
        """
        self._segment_ids, self._kept, self._previous, self._id_types = segment_ids, kept, previous, id_types
        self._bitmap_before = previous.state.bitmap if previous else SegmentBitmap()
        self._bitmap = self._bitmap_before.next(sorted([*segment_ids, *kept]))
        self._writers, self._state = writers, writers.state(self._bitmap) if writers else None
        self._changed_segments = self._bitmap.changed_segments(self._bitmap_before)
        self._found = Recorded(is_compared=previous is not None)
        self._contacts = 0
        self._parts = count()
        self._recording, self._writing = BoundedExecutor("record", 1), BoundedExecutor("membership", _WRITERS)

    def __enter__(self) -> Self:
        """Return the recorder."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> None:
        """Stop the threads."""
        with self._writing, self._recording:  # exits in reverse order: recording submits work to writing
            pass

    def record(self, ids: pa.Array, members: pl.DataFrame) -> None:
        """Record the next batch in the order of the snapshot. Returns as soon as the batch before is recorded.

        Args:
            members: One boolean column per evaluated segment.
        """
        self._recording.submit(self._record, ids, members)

    def finish(self) -> Recorded:
        """Record the contacts that are gone from the snapshot, and close the files."""
        self._recording.finish()
        if self._previous is not None and len(self._previous.alignment.gone):
            self._record_gone(self._previous)
        self._writing.finish()
        if self._writers is None or self._state is None:
            return self._found
        files = (*self._writers.membership.finish(), self._state.finish(), self._writers.changes.finish())
        return replace(self._found, files=files)

    def _record(self, ids: pa.Array, members: pl.DataFrame) -> None:
        own, ids = to_stored(ids), self._id_types.as_kept(ids)
        if self._previous is None:
            self._write_members(own, ids, members, self._pack(members))
            return
        rows = self._previous.alignment.rows.slice(self._contacts, len(ids))
        self._contacts += len(ids)
        before = self._previous.state.bits_of(rows)
        members = self._with_kept(members, before)
        after = self._pack(members)
        self._write_members(own, ids, members, after)
        self._write_changes(ids, before, after)

    def _record_gone(self, previous: PreviousRun) -> None:
        """Record that gone contacts left all segments, except the segments that keep their members."""
        for start in range(0, len(previous.alignment.gone), MOST_CONTACTS):
            gone = previous.alignment.gone.slice(start, MOST_CONTACTS)
            ids, before = self._id_types.as_kept(previous.state.ids_of(gone)), previous.state.bits_of(gone)
            empty = pl.repeat(value=False, n=len(gone), dtype=pl.Boolean, eager=True)
            members = self._with_kept(pl.DataFrame(dict.fromkeys(self._segment_ids, empty)), before)
            after = self._pack(members)
            self._write_changes(ids, before, after)
            stay = pl.Series(is_in_any(after))
            if stay.any():
                ids = ids.filter(stay.to_arrow())
                self._write_members(self._id_types.as_own(ids), ids, members.filter(stay), after[stay.to_numpy()])

    def _with_kept(self, members: pl.DataFrame, before: Rows) -> pl.DataFrame:
        """Add the columns of the segments that keep their members, and sort all columns by segment."""
        kept = {name: pl.Series(bit_of(before, self._bitmap_before.bits[name])) for name in self._kept}
        columns = {column.name: column for column in members.iter_columns()} | kept
        return pl.DataFrame({name: columns[name] for name in sorted(columns)})

    def _pack(self, members: pl.DataFrame) -> Rows:
        bitmaps = {column.name: bitmap_of(column) for column in members.iter_columns()}
        return to_rows([bitmaps.get(name or "") for name in self._bitmap.names], len(members))

    def _write_members(self, own: pa.Array, kept: pa.Array, members: pl.DataFrame, rows: Rows) -> None:
        self._found.members.update(members.sum().row(0, named=True))
        if self._writers is not None and self._state is not None:
            self._writing.submit(self._writers.membership.write, next(self._parts), own, members, is_in_any(rows))
            self._state.write(kept, rows)

    def _write_changes(self, ids: pa.Array, before: Rows, after: Rows) -> None:
        found = find_differences(before, after)
        for counts, is_wanted in ((self._found.entered, found.entered), (self._found.exited, ~found.entered)):
            bits, numbers = np.unique(found.bits[is_wanted], return_counts=True)
            segment_ids = [self._changed_segments[bit] for bit in bits]
            counts.update(dict(zip(segment_ids, numbers.tolist(), strict=True)))
        if self._writers is not None:
            self._writers.changes.write(ids, self._changed_segments, found)
