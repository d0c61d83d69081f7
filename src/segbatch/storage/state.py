"""The state of a run: the membership as bits, one row per contact, which the next run is compared with.

It is an Arrow file with two columns: the contact ids, and the bits of each contact in one value of fixed width (see
`bit_rows`). The file is memory-mapped, so looking up a row copies that row only.

Runs that an earlier version published have one column per byte of the bits instead.
"""

import errno
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.errors import PublishError
from segbatch.model.manifest import PublishedFile
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import write_id
from segbatch.storage.bit_rows import Rows, bit_of, row_length
from segbatch.storage.bitmap import SegmentBitmap
from segbatch.storage.checksum_file import DigestingFile
from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import STATE

_IDS, _BITS = "contact_id", "bits"
_BITMAP = b"segbatch.slots"


class StateWriter:
    """A writer for the bits of each batch of contacts."""

    def __init__(self, run_folder: Path, bitmap: SegmentBitmap, id_type: pa.DataType) -> None:
        """Open the file."""
        self._bits = pa.binary(row_length(len(bitmap.names)))
        columns = [(_IDS, stored_type(id_type)), (_BITS, self._bits)]
        self._schema = pa.schema(columns, metadata={_BITMAP: json.dumps(bitmap.names)})
        self._file = DigestingFile(run_folder / STATE)
        with self._file.translate_errors():
            self._writer = pa.ipc.new_file(self._file, self._schema)
        self._rows = 0

    def write(self, ids: pa.Array, rows: Rows) -> None:
        """Write the bits of a batch of contacts.

        Args:
            ids: The contact ids, in the stored type.
            rows: The bits of each contact.
        """
        bits = pa.FixedSizeBinaryArray.from_buffers(self._bits, len(ids), [None, pa.py_buffer(rows)])
        with self._file.translate_errors():
            self._writer.write_batch(pa.record_batch([ids, bits], schema=self._schema))
        self._rows += len(ids)

    def finish(self) -> PublishedFile:
        """Close the file and return its record for the manifest."""
        with self._file.translate_errors():
            self._writer.close()
            self._file.close()
        return PublishedFile(path=STATE, rows=self._rows, size=self._file.size, sha256=self._file.sha256)


class State:
    """The bits of a published run.

    Attributes:
        id_type: The stored type of the contact ids.
        rows: The number of contacts.
    """

    def __init__(self, table: pa.Table) -> None:
        """Wrap a table that a `StateWriter` wrote."""
        self.bitmap = SegmentBitmap(tuple(json.loads((table.schema.metadata or {})[_BITMAP])))
        self.id_type = table.schema.field(_IDS).type
        self.rows = table.num_rows
        self._ids = table.column(_IDS)
        self._batches = _BitColumn(table.column(_BITS)) if _BITS in table.column_names else _ByteColumns(table)
        lengths = [len(chunk) for chunk in self._ids.chunks]
        self._starts = np.cumsum([0, *lengths])

    def members(self, segment_id: str, start: int, limit: int) -> tuple[list[str | int], int | None]:
        """Return the ids of the first members of a segment from a row onwards.

        Args:
            limit: The maximum number of members; at least 1.

        Returns:
            The ids in readable form, and the row of the next member; None after the last member.
        """
        found = list[str | int]()
        bit = self.bitmap.bits.get(segment_id)
        if bit is None:
            return found, None
        for number, ids in enumerate(self._ids.chunks):
            begin, end = self._starts[number : number + 2]
            if end <= start:
                continue
            first = max(start - begin, 0)
            rows = np.flatnonzero(bit_of(self._batches[number][first:], bit)) + first
            page_ids = ids_as_series(ids.take(pl.Series(rows[: limit - len(found)]).to_arrow()))
            found += [write_id(contact_id, self.id_type) for contact_id in page_ids.to_list()]
            if len(rows) > len(page_ids):
                return found, int(begin + rows[len(page_ids)])
        return found, None

    def id_batches(self) -> Iterable[pl.Series]:
        """Return the contact ids in batches."""
        return (ids_as_series(chunk) for chunk in self._ids.chunks)

    def ids_of(self, rows: pl.Series) -> pa.Array:
        """Return the ids of the given rows."""
        found = self._ids.take(pa.array(rows.to_arrow()))
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found

    def bits_of(self, rows: pl.Series) -> Rows:
        """Return the bits of the given rows.

        Args:
            rows: Row numbers; null for contacts that are not in this run, which get empty bits.
        """
        found = np.zeros((len(rows), row_length(len(self.bitmap.names))), dtype=np.uint8)
        numbers = rows.cast(pl.Int64).fill_null(-1).to_numpy()
        batches = np.searchsorted(self._starts, numbers, side="right") - 1
        order = np.argsort(batches, kind="stable")
        wanted, begins = np.unique(batches[order], return_index=True)
        for batch, places in zip(wanted, np.split(order, begins[1:]), strict=False):  # without rows, one empty part
            if batch >= 0:
                found[places] = self._batches[batch][numbers[places] - self._starts[batch]]
        return found


class _BitColumn:
    """The bits of each batch as they are in the file, without a copy."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._chunks, self._length = column.chunks, column.type.byte_width

    def __getitem__(self, batch: int) -> Rows:
        chunk = self._chunks[batch]
        rows = np.frombuffer(chunk.buffers()[1] or b"", dtype=np.uint8)
        return rows[: len(chunk) * self._length].reshape(len(chunk), self._length)


class _ByteColumns:
    """The bits of each batch in a file of an earlier version, with one column per byte."""

    def __init__(self, table: pa.Table) -> None:
        self._bytes = table.drop_columns(_IDS).to_batches()

    def __getitem__(self, batch: int) -> Rows:
        columns = self._bytes[batch].columns
        rows = np.zeros((self._bytes[batch].num_rows, row_length(len(columns) * 8)), dtype=np.uint8)
        for number, column in enumerate(columns):
            rows[:, number] = column.to_numpy(zero_copy_only=True)
        return rows


def open_state(run_folder: Path, remedy: str = "restore it from a copy") -> State:
    """Open the bits of a published run.

    Args:
        remedy: The advice if the file is missing or damaged.

    Raises:
        PublishError: The file is missing, damaged or cannot be read.
    """
    path = run_folder / STATE
    try:
        with pa.memory_map(str(path)) as source:
            return State(pa.ipc.open_file(source).read_all())
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        number = getattr(error, "errno", None)
        known = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        reason = f"cannot be read: {os.strerror(number)}" if number and number != errno.ENOENT else known
        raise PublishError(f"{path}: {reason}; {remedy}") from None
