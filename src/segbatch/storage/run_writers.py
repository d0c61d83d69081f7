"""Writing the files of a run: membership and changes as Parquet, and the state.

Text dominates the cost of writing. Each contact id is passed to the Parquet writer as an index into the ids of the
batch, and is stored once per batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.model.manifest import PublishedFile
from segbatch.platform.arrow import as_series
from segbatch.platform.bitmaps import Bitmaps, to_array, to_columns, to_mask
from segbatch.platform.checksum_file import DigestingFile
from segbatch.platform.files import sync_file
from segbatch.storage.bit_matrix import Differences, order_of
from segbatch.storage.id_types import TEXTS, IdTypes, select_ids, stored_type, take_ids, written_type
from segbatch.storage.layout import CHANGES, MEMBERSHIP
from segbatch.storage.membership_pages import MembershipFile
from segbatch.storage.segment_bits import SegmentBits
from segbatch.storage.state import StateWriter

PUBLICATION = "publication"
"""Column with the name of the run's folder, which is unique, in the files of tables."""

_LARGE = 1 << 22
"""Size in bytes of a file that is flushed at once. The disk then writes it while the next batches are evaluated."""

_ROW_GROUP = 100_000
"""Minimum number of changes in a row group, except for the last one."""

_CHANGES = pl.Series(["exited", "entered"]).to_arrow()  # pa.array would import pandas, if it is installed


class Writers:
    """The writers for the files of a run."""

    def __init__(
        self, folder: Path, run_id: str, as_of: datetime, id_types: IdTypes, publication: str | None = None
    ) -> None:
        """Open the writers for membership and changes.

        Args:
            run_id: The run id that is written to each row.
            publication: The name of the run's folder, for each row of the files of tables; None for no such column.
        """
        self._folder = folder
        self._id_type = id_types.kept
        constants = {"run_id": run_id} | ({} if publication is None else {PUBLICATION: publication})
        self.membership = MembershipWriter(folder, id_types.own, constants)
        self.changes = ChangesWriter(folder, run_id, as_of, id_types.kept, publication)

    def state(self, bitmap: SegmentBits) -> StateWriter:
        """Open the writer for the state, once the assignment of bits is known."""
        return StateWriter(self._folder, bitmap, self._id_type)


class MembershipWriter:
    """A writer for the members of each batch of contacts: one file per batch, ordered by segment."""

    def __init__(self, run_folder: Path, id_type: pa.DataType, constants: Mapping[str, str]) -> None:
        """Create the membership folder.

        Args:
            constants: Further columns, by their name, with the text that every row has.
        """
        self._folder, self._constants = run_folder, constants
        self._id_type = stored_type(id_type)
        self._parts: list[PublishedFile] = []
        (run_folder / MEMBERSHIP).mkdir()

    def write(
        self,
        part: int,
        ids: pa.Array,
        segment_ids: Sequence[str],
        members: Bitmaps,
        is_in_any: npt.NDArray[np.bool_],
    ) -> None:
        """Write the members of a batch. Thread-safe.

        Args:
            part: The number of the batch, which is also that of its file.
            ids: The ids of all contacts of the batch, at most 65,536, in the stored type.
            segment_ids: The segments, sorted.
            members: The bitmap of each segment.
            is_in_any: Whether each contact is in a segment. The ids of other contacts are not written.
        """
        if ids.null_count or not is_in_any.any():
            return  # for an id that is null, the id check refuses the run once all ids are read
        numbers = as_series("rows", to_array((np.cumsum(is_in_any) - 1).astype(np.uint16)))
        rows = [numbers.filter(column).to_numpy() for column in to_columns(members, len(ids))]
        with self._part(part) as file:
            file.write(segment_ids, select_ids(ids, is_in_any), rows)

    def finish(self) -> tuple[PublishedFile, ...]:
        """Return the records of the files. There is at least one file, which gives readers the id type."""
        if not self._parts:
            with self._part(0):
                pass
        return tuple(sorted(self._parts, key=lambda part: part.path))

    @contextmanager
    def _part(self, number: int) -> Iterator[MembershipFile]:
        """Create a file, and record it once it is complete."""
        name = f"{MEMBERSHIP}/part-{number:05}.parquet"
        with DigestingFile(self._folder / name) as file, file.translate_errors():
            members = MembershipFile(file, self._id_type, self._constants)
            yield members
            members.finish()
        if file.size >= _LARGE:
            sync_file(self._folder / name)
        self._parts.append(PublishedFile(path=name, rows=members.rows, size=file.size, sha256=file.sha256))


@dataclass(slots=True)
class _Changes:
    """Changes that wait for their row group, in parts: the ids of some contacts, and the changes of these contacts."""

    ids: list[pa.Array] = field(default_factory=list)
    bits: list[npt.NDArray[np.int64]] = field(default_factory=list)
    rows: list[npt.NDArray[np.int64]] = field(default_factory=list)
    entered: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    contacts: int = 0
    number: int = 0

    def add(self, ids: pa.Array, found: Differences) -> None:
        is_changed = np.zeros(len(ids), dtype=bool)
        is_changed[found.contacts] = True
        numbers = np.cumsum(is_changed)
        self.ids.append(ids.filter(to_mask(is_changed)))
        self.bits.append(found.bits)
        self.rows.append(numbers[found.contacts] - 1 + self.contacts)
        self.entered.append(found.entered)
        self.contacts += int(numbers[-1])
        self.number += len(found.bits)

    def joined(self) -> tuple[pa.Array, Differences]:
        """Return the contacts and their changes, by segment and change: equal values in a row are written fast."""
        bits, entered = np.concatenate(self.bits), np.concatenate(self.entered)
        order = order_of(bits << 1 | entered)
        return pa.concat_arrays(self.ids), Differences(bits[order], np.concatenate(self.rows)[order], entered[order])


class ChangesWriter:
    """A writer for the changes of a run. Each row group has those of some contacts, by segment and change.

    Most parts of a comparison are small, so that a row group of its own would take longer than the comparison.
    """

    def __init__(
        self, run_folder: Path, run_id: str, as_of: datetime, id_type: pa.DataType, publication: str | None = None
    ) -> None:
        """Open the file.

        Args:
            run_id: The id of the run, which is repeated in each row.
            publication: The name of the run's folder, which is repeated in each row; None for no such column.
        """
        self._run_id = pa.array([run_id])
        self._publication = [] if publication is None else [pa.array([publication])]
        self._as_of = pa.scalar(as_of.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us"))
        self._schema = pa.schema(
            [
                ("run_id", TEXTS),
                ("as_of", pa.timestamp("us")),
                ("segment_id", TEXTS),
                ("contact_id", written_type(id_type)),
                ("change", TEXTS),
                *((PUBLICATION, TEXTS) for _ in self._publication),
            ]
        )
        self._file = DigestingFile(run_folder / CHANGES)
        with self._file.translate_errors():
            self._writer = pq.ParquetWriter(
                self._file,
                self._schema,
                compression="zstd",
                write_statistics=[name for name in self._schema.names if name != "contact_id"],  # slow, and of no use
                store_schema=False,
            )
        self._segment_ids: Sequence[str | None] = ()
        self._waiting = _Changes()
        self._rows = 0

    def write(self, ids: pa.Array, segment_ids: Sequence[str | None], found: Differences) -> None:
        """Write the changes of some contacts.

        Args:
            ids: The ids of all of these contacts, in the stored type.
            segment_ids: The segment of each bit, the same for all contacts of a run.
            found: The changed bits of these contacts.
        """
        if len(found.bits):
            self._segment_ids = segment_ids
            self._waiting.add(ids, found)
            if self._waiting.number >= _ROW_GROUP:
                self._write_waiting()

    def _write_waiting(self) -> None:
        (ids, found), number = self._waiting.joined(), self._waiting.number
        self._waiting = _Changes()
        columns = [
            _dictionary(np.zeros(number), self._run_id),
            pa.repeat(self._as_of, number),
            _dictionary(found.bits, pa.array(self._segment_ids, pa.string())),
            take_ids(ids, _to_arrow(found.contacts)),
            _dictionary(found.entered, _CHANGES),
            *(_dictionary(np.zeros(number), name) for name in self._publication),
        ]
        with self._file.translate_errors():
            self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows += number

    def finish(self) -> PublishedFile:
        """Close the file and return its record for the manifest."""
        if self._waiting.number:
            self._write_waiting()
        with self._file.translate_errors():
            self._writer.close()
            self._file.close()
        return PublishedFile(path=CHANGES, rows=self._rows, size=self._file.size, sha256=self._file.sha256)


def _dictionary(numbers: npt.NDArray[np.generic], words: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(_to_arrow(numbers), words, safe=False)


def _to_arrow(numbers: npt.NDArray[np.generic]) -> pa.Array:
    """Convert numbers to 32 bits."""
    return to_array(numbers.astype(np.int32))
