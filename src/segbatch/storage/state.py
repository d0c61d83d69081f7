"""The state of a run: the membership as bits, which the next run is compared with.

It is an Arrow file with one row per batch of contacts and two columns. `contact_ids` has the list of the contacts' ids.
`bitmaps` has one value per 64 segments: their bitmaps one after the other (see `bit_matrix`), compressed with LZ4,
because bitmaps compress to half of their size and rows of bits do not. The file is memory-mapped.

A run on a cluster writes one such file per bucket of contacts. In the order of the buckets, they are one state.

Runs that an earlier version published have one row per contact instead: the id, and the bits in one value or in one
column per byte.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.errors import PublishError
from segbatch.model.manifest import PublishedFile
from segbatch.platform.arrow_arrays import to_binary
from segbatch.platform.bitmaps import Bitmaps, empty_bitmaps, word_count
from segbatch.platform.checksum_file import DigestingFile
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import write_id
from segbatch.storage.bit_matrix import Memory, Words, in_groups, transpose, words_of
from segbatch.storage.contact_bits import CODEC
from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import STATE
from segbatch.storage.manifest_io import read_manifest
from segbatch.storage.run_files import is_state, written_files
from segbatch.storage.segment_bits import SegmentBits
from segbatch.storage.state_file import BITMAPS, IDS, ORDER, OpenFiles, StateFile


class StateWriter:
    """A writer for the bits of each batch of contacts."""

    def __init__(self, run_folder: Path, bitmap: SegmentBits, id_type: pa.DataType) -> None:
        """Open the file."""
        columns = [(IDS, pa.list_(stored_type(id_type))), (BITMAPS, pa.list_(pa.binary()))]
        self._schema = pa.schema(columns, metadata={ORDER: json.dumps(bitmap.names)})
        self._codec = pa.Codec(CODEC)
        self._file = DigestingFile(run_folder / STATE)
        with self._file.translate_errors():
            self._writer = pa.ipc.new_file(self._file, self._schema)
        self._rows = 0

    def write(self, ids: pa.Array, bitmaps: Bitmaps) -> None:
        """Write the bits of a batch of contacts.

        Args:
            ids: The contact ids, in the stored type.
            bitmaps: The members of each segment.
        """
        compressed = [self._codec.compress(group.data.cast("B"), asbytes=True) for group in in_groups(bitmaps)]
        row = [_in_one_row(ids), _in_one_row(to_binary(compressed))]
        with self._file.translate_errors():
            self._writer.write_batch(pa.record_batch(row, schema=self._schema))
        self._rows += len(ids)

    def finish(self) -> PublishedFile:
        """Close the file and return its record for the manifest."""
        with self._file.translate_errors():
            self._writer.close()
            self._file.close()
        return PublishedFile(path=STATE, rows=self._rows, size=self._file.size, sha256=self._file.sha256)


def _in_one_row(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pl.Series([0, len(values)], dtype=pl.Int32).to_arrow(), values)


class State:
    """The bits of a published run.

    Attributes:
        id_type: The stored type of the contact ids.
        rows: The number of contacts.
        starts: The row of the first contact of each batch, and the number of contacts.
    """

    def __init__(
        self, files: OpenFiles | Sequence[StateFile], remedy: str, contacts: Sequence[int] | None = None
    ) -> None:
        """Read the lengths of the batches.

        Args:
            files: The files, in the order of the buckets; or parts of a state in memory. At least one.
            remedy: The advice if a file is damaged.
            contacts: The number of contacts of each file that were in the snapshot of the run; None if it is not known.

        Raises:
            PublishError: A file is missing, damaged or cannot be read.
        """
        self._files, self._remedy, self._contacts = files, remedy, contacts
        first, sizes, counts = files[0], list[int](), list[int]()
        for number in range(len(files)):
            file = files[number]
            if (file.names, file.id_type) != (first.names, first.id_type):
                raise self._damage_error(file)
            counts.append(len(file.ids))
            sizes += map(len, file.ids)
        self.bitmap, self.id_type = SegmentBits(first.names), first.id_type
        self._first_batches = np.cumsum([0, *counts])
        self.starts = np.cumsum([0, *sizes])
        self.rows = int(self.starts[-1])

    @property
    def paths(self) -> Sequence[Path]:
        """The paths of the files, in the order of the buckets."""
        return self._files.paths if isinstance(self._files, OpenFiles) else ()

    def members(self, segment_id: str, start: int, limit: int) -> tuple[list[str | int], int | None]:
        """Return the ids of the first members of a segment from a row onwards.

        Args:
            limit: The maximum number of members; at least 1.

        Returns:
            The ids in readable form, and the row of the next member; None after the last member.
        """
        found = list[str | int]()
        if segment_id not in self.bitmap.bits:
            return found, None
        for number in range(len(self.starts) - 1):
            begin, end = self.starts[number : number + 2]
            if end <= start:
                continue
            first = max(start - begin, 0)
            rows = np.flatnonzero(self._members(number, segment_id)[first:]) + first
            page_ids = ids_as_series(self.ids(number).take(pl.Series(rows[: limit - len(found)]).to_arrow()))
            found += [write_id(contact_id, self.id_type) for contact_id in page_ids.to_list()]
            if len(rows) > len(page_ids):
                return found, int(begin + rows[len(page_ids)])
        return found, None

    def all_members(self, segment_id: str) -> npt.NDArray[np.uint8]:
        """Return the bitmap of a segment over all contacts, eight contacts per byte."""
        batches = (self._members(number, segment_id) for number in range(len(self.starts) - 1))
        return np.packbits(np.concatenate([np.empty(0, dtype=bool), *batches]), bitorder="little")

    def were_present(self, rows: npt.NDArray[np.int64], contacts: int) -> npt.NDArray[np.bool_]:
        """Return for each row whether its contact was in the snapshot of the run.

        The others were gone then, but failed segments keep them. They are the last rows of each file.

        Args:
            rows: Rows of this state.
            contacts: The number of contacts of that snapshot.
        """
        present = [contacts] if self._contacts is None else self._contacts
        starts = self.starts[self._first_batches]
        files = np.searchsorted(starts, rows, side="right") - 1
        is_present: npt.NDArray[np.bool_] = rows - starts[files] < np.asarray(present, dtype=np.int64)[files]
        return is_present

    def id_batches(self) -> Iterator[pl.Series]:
        """Return the contact ids in batches."""
        return (ids_as_series(self.ids(batch)) for batch in range(len(self.starts) - 1))

    def ids(self, batch: int) -> pa.Array:
        """Return the contact ids of a batch, in the stored type."""
        file, number = self._find(batch)
        return file.ids[number]

    def words(self, batch: int, memory: Memory) -> Words:
        """Return the bits of the contacts of a batch.

        Raises:
            PublishError: The file is damaged.
        """
        return transpose(self.groups(batch), self._size(batch), memory)

    def bitmaps(self, batch: int) -> Bitmaps:
        """Return the bitmaps of a batch: one row per bit, with the contacts of the batch.

        Raises:
            PublishError: The file is damaged.
        """
        return np.concatenate([empty_bitmaps(0, self._size(batch)), *self.groups(batch)])

    def groups(self, batch: int) -> list[Bitmaps]:
        """Uncompress the bitmaps of a batch, in groups of 64 segments.

        Raises:
            PublishError: The file is damaged.
        """
        file, number = self._find(batch)
        with self._translate_errors(file):
            return [file.bits.bitmaps(number, group) for group in range(word_count(len(self.bitmap.names)))]

    def words_of(self, batch: int, places: npt.NDArray[np.int64], memory: Memory) -> Words:
        """Return the bits of some contacts of a batch.

        Args:
            places: Their rows, counted from the first contact of the batch.

        Raises:
            PublishError: The file is damaged.
        """
        return words_of(self.groups(batch), self._size(batch), places, memory)

    def _size(self, batch: int) -> int:
        return int(self.starts[batch + 1] - self.starts[batch])

    def release_memory(self) -> None:
        """Return the pages of the files that were read to the system, where it supports that."""
        if isinstance(self._files, OpenFiles):
            self._files.release_memory()

    def _members(self, batch: int, segment_id: str) -> npt.NDArray[np.bool_]:
        file, number = self._find(batch)
        with self._translate_errors(file):
            return file.bits.members(number, self.bitmap.bits[segment_id])

    def _find(self, batch: int) -> tuple[StateFile, int]:
        """Return the open file that has a batch, and the number of the batch in it."""
        number = int(np.searchsorted(self._first_batches, batch, side="right")) - 1
        return self._files[number], int(batch - self._first_batches[number])

    @contextmanager
    def _translate_errors(self, file: StateFile) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, ValueError):
            raise self._damage_error(file) from None

    def _damage_error(self, file: StateFile) -> PublishError:
        return PublishError(f"{file.place}: is damaged; {self._remedy}")


def open_state(run_folder: Path, remedy: str = "restore it from a copy") -> State:
    """Open the bits of a published run.

    Args:
        remedy: The advice if a file is missing or damaged.

    Raises:
        PublishError: A file is missing, damaged or cannot be read.
    """
    manifest = None
    if not (run_folder / STATE).exists():
        with suppress(PublishError):
            manifest = read_manifest(run_folder)
    if manifest is None or manifest.buckets is None:
        return open_files([run_folder / STATE], remedy)
    files = [run_folder / file.path for file in written_files(manifest, is_state)]
    return open_files(files, remedy, manifest.buckets.contacts)


def open_files(paths: Sequence[Path], remedy: str, contacts: Sequence[int] | None = None) -> State:
    """Open files of a state. For the arguments, see `State`.

    Raises:
        PublishError: A file is missing, damaged or cannot be read.
    """
    return State(OpenFiles(paths, remedy), remedy, contacts)
