"""The state of a run: the membership as bits, which the next run is compared with.

It is an Arrow file with one row per batch of contacts and two columns. `contact_ids` has the list of the contacts' ids.
`bitmaps` has one value per 64 segments: their bitmaps one after the other (see `bit_matrix`), compressed with LZ4,
because bitmaps compress to half of their size and rows of bits do not. The file is memory-mapped.

Runs that an earlier version published have one row per contact instead: the id, and the bits in one value or in one
column per byte.
"""

import errno
import json
import os
from collections.abc import Iterable
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.errors import PublishError
from segbatch.model.manifest import PublishedFile
from segbatch.platform.bitmaps import WORD, Bitmaps, word_count
from segbatch.platform.checksum_file import DigestingFile
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import write_id
from segbatch.storage.bit_matrix import Memory, Words, members_in, write_words
from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import STATE
from segbatch.storage.segment_bits import SegmentBits

_IDS, _BITMAPS = "contact_ids", "bitmaps"
_EARLIER_IDS = "contact_id"
_ORDER = b"segbatch.slots"
_CODEC = "lz4_raw"
_BITS = 8
_WORD_LENGTH = 8

_BYTES_PER_CONTACT = "bits"
"""The column of a state whose contacts have all their bits in one value of fixed width."""


class StateWriter:
    """A writer for the bits of each batch of contacts."""

    def __init__(self, run_folder: Path, bitmap: SegmentBits, id_type: pa.DataType) -> None:
        """Open the file."""
        columns = [(_IDS, pa.list_(stored_type(id_type))), (_BITMAPS, pa.list_(pa.binary()))]
        self._schema = pa.schema(columns, metadata={_ORDER: json.dumps(bitmap.names)})
        self._codec = pa.Codec(_CODEC)
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
        groups = (bitmaps[start : start + WORD] for start in range(0, len(bitmaps), WORD))
        compressed = [self._codec.compress(group.data.cast("B"), asbytes=True) for group in groups]
        row = [_in_one_row(ids), _in_one_row(pa.array(compressed, pa.binary()))]
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

    def __init__(self, table: pa.Table, mapping: mmap, file: Path, remedy: str) -> None:
        """Wrap a table that a `StateWriter` wrote, in this or an earlier version.

        Args:
            mapping: The memory of the table.
            file: The file of the table, for error messages.
            remedy: The advice if the bits are damaged.
        """
        self._mapping = mapping
        self.bitmap = SegmentBits(tuple(json.loads((table.schema.metadata or {})[_ORDER])))
        self._file, self._remedy = file, remedy
        if _IDS in table.column_names:
            self._ids = [chunk.flatten() for chunk in table.column(_IDS).chunks]
            self.id_type = table.schema.field(_IDS).type.value_type
            self._batches: _ContactBits = _CompressedBitmaps(table.column(_BITMAPS), [*map(len, self._ids)])
        else:
            self._ids = table.column(_EARLIER_IDS).chunks
            self.id_type = table.schema.field(_EARLIER_IDS).type
            is_by_row = _BYTES_PER_CONTACT in table.column_names
            columns = table.drop_columns(_EARLIER_IDS)
            self._batches = _RowColumn(columns) if is_by_row else _ByteColumns(columns)
        self.starts = np.cumsum([0, *map(len, self._ids)])
        self.rows = int(self.starts[-1])

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
        for number, ids in enumerate(self._ids):
            begin, end = self.starts[number : number + 2]
            if end <= start:
                continue
            first = max(start - begin, 0)
            rows = np.flatnonzero(self._members(number, segment_id)[first:]) + first
            page_ids = ids_as_series(ids.take(pl.Series(rows[: limit - len(found)]).to_arrow()))
            found += [write_id(contact_id, self.id_type) for contact_id in page_ids.to_list()]
            if len(rows) > len(page_ids):
                return found, int(begin + rows[len(page_ids)])
        return found, None

    def all_members(self, segment_id: str) -> npt.NDArray[np.uint8]:
        """Return the bitmap of a segment over all contacts, eight contacts per byte."""
        batches = (self._members(number, segment_id) for number in range(len(self._ids)))
        return np.packbits(np.concatenate([np.empty(0, dtype=bool), *batches]), bitorder="little")

    def id_batches(self) -> Iterable[pl.Series]:
        """Return the contact ids in batches."""
        return map(ids_as_series, self._ids)

    def ids(self, batch: int) -> pa.Array:
        """Return the contact ids of a batch, in the stored type."""
        return self._ids[batch]

    def words(self, batch: int, memory: Memory) -> Words:
        """Return the bits of the contacts of a batch.

        Raises:
            PublishError: The file is damaged.
        """
        contacts = len(self._ids[batch])
        words = memory.array("words", word_count(len(self.bitmap.names)), word_count(contacts) * WORD)
        self.write_words(batch, words, memory)
        return words[:, :contacts]

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:
        """Write the bits of the contacts of a batch to an array.

        Args:
            words: One row per group of 64 segments, and a column for each contact, rounded up to a multiple of 64.

        Raises:
            PublishError: The file is damaged.
        """
        try:
            self._batches.write_words(batch, words, memory)
        except (OSError, pa.ArrowException, ValueError):
            raise self._damage() from None

    def release_memory(self) -> None:
        """Return the pages of the file that were read to the system, where it supports that."""
        if hasattr(mmap, "madvise"):
            self._mapping.madvise(MADV_DONTNEED)

    def _members(self, batch: int, segment_id: str) -> npt.NDArray[np.bool_]:
        try:
            return self._batches.members(batch, self.bitmap.bits[segment_id])
        except (OSError, pa.ArrowException, ValueError):
            raise self._damage() from None

    def _damage(self) -> PublishError:
        return PublishError(f"{self._file}: is damaged; {self._remedy}")


def open_state(run_folder: Path, remedy: str = "restore it from a copy") -> State:
    """Open the bits of a published run.

    Args:
        remedy: The advice if the file is missing or damaged.

    Raises:
        PublishError: The file is missing, damaged or cannot be read.
    """
    path = run_folder / STATE
    try:
        with path.open("rb") as file:
            mapping = mmap(file.fileno(), 0, access=ACCESS_READ)
        return State(pa.ipc.open_file(pa.py_buffer(mapping)).read_all(), mapping, path, remedy)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        number = getattr(error, "errno", None)
        known = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        reason = f"cannot be read: {os.strerror(number)}" if number and number != errno.ENOENT else known
        raise PublishError(f"{path}: {reason}; {remedy}") from None


class _ContactBits(Protocol):
    """The bits of a run, batch by batch."""

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:
        """Write the bits of the contacts of a batch to an array, which may have more columns than contacts."""

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        """Return for each contact of a batch whether a bit is set."""


class _CompressedBitmaps:
    """The bits of each batch, uncompressed when they are asked for."""

    def __init__(self, column: pa.ChunkedArray, contacts: list[int]) -> None:
        self._groups, self._contacts = [chunk.flatten() for chunk in column.chunks], contacts
        self._codec = pa.Codec(_CODEC)

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:
        write_words((self._bitmaps(batch, group) for group in range(len(self._groups[batch]))), words, memory)

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        return members_in(self._bitmaps(batch, bit // WORD)[bit % WORD], self._contacts[batch])

    def _bitmaps(self, batch: int, group: int) -> Bitmaps:
        width = word_count(self._contacts[batch])
        compressed = self._groups[batch][group].as_buffer()
        plain = self._codec.decompress(compressed, WORD * width * 8)
        return np.frombuffer(plain, dtype=np.uint64).reshape(WORD, width)


class _RowColumn:
    """The bits of contacts in states of an earlier version, in values of fixed width, a multiple of 64 bits."""

    def __init__(self, table: pa.Table) -> None:
        column = table.column(_BYTES_PER_CONTACT)
        self._chunks, self._length = column.chunks, column.type.byte_width

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:  # noqa: ARG002 - of the protocol
        _copy_rows(self._rows(batch), words)

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        return (self._rows(batch)[:, bit // _BITS] & np.uint8(1 << bit % _BITS)).astype(bool)

    def _rows(self, batch: int) -> npt.NDArray[np.uint8]:
        chunk = self._chunks[batch]
        rows = np.frombuffer(chunk.buffers()[1] or b"", dtype=np.uint8)
        return rows[: len(chunk) * self._length].reshape(len(chunk), self._length)


class _ByteColumns:
    """The bits of contacts in states of an earlier version, in one column per byte."""

    def __init__(self, table: pa.Table) -> None:
        self._batches = table.to_batches()

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:  # noqa: ARG002 - of the protocol
        columns = self._batches[batch].columns
        length = word_count(len(columns) * _BITS) * _WORD_LENGTH
        rows = np.zeros((self._batches[batch].num_rows, length), dtype=np.uint8)
        for number, column in enumerate(columns):
            rows[:, number] = column.to_numpy(zero_copy_only=True)
        _copy_rows(rows, words)

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        values = self._batches[batch].column(bit // _BITS).to_numpy(zero_copy_only=True)
        return np.asarray(values & np.uint8(1 << bit % _BITS), dtype=bool)


def _copy_rows(rows: npt.NDArray[np.uint8], words: Words) -> None:
    words[:, : len(rows)] = rows.view(np.uint64).T
