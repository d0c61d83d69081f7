"""The state of a run: the membership as bits, one row per contact, which the next run is compared with.

It is an Arrow file with the contact ids, and one column of bytes per eight segments (see `bitmap`). The file is
memory-mapped. The bits are copied into memory as a whole only if the contacts are in a very different order in the next
run.
"""

import errno
import json
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa

from segbatch.errors import PublishError
from segbatch.model.manifest import PublishedFile
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import write_id
from segbatch.storage.bitmap import BITS, SegmentBitmap
from segbatch.storage.checksum_file import DigestingFile
from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import STATE

_IDS = "contact_id"
_BITMAP = b"segbatch.slots"
_NEAR = 4
"""Largest range of rows to look up a batch in, as a multiple of its size; for larger ranges, all rows are used."""


class StateWriter:
    """A writer for the bits of each batch of contacts."""

    def __init__(self, run_folder: Path, bitmap: SegmentBitmap, id_type: pa.DataType) -> None:
        """Open the file."""
        columns = [(_IDS, stored_type(id_type)), *((name, pa.uint8()) for name in bitmap.byte_columns)]
        self._schema = pa.schema(columns, metadata={_BITMAP: json.dumps(bitmap.names)})
        self._file = DigestingFile(run_folder / STATE)
        with self._file.translate_errors():
            self._writer = pa.ipc.new_file(self._file, self._schema)
        self._rows = 0

    def write(self, ids: pa.Array, bytes_: pl.DataFrame) -> None:
        """Write the bits of a batch of contacts.

        Args:
            ids: The contact ids, in the stored type.
            bytes_: The bits, one column per byte.
        """
        columns = [column.rechunk().to_arrow() for column in bytes_.iter_columns()]
        with self._file.translate_errors():
            self._writer.write_batch(pa.record_batch([ids, *columns], schema=self._schema))
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
        self._bytes = table.select(self.bitmap.byte_columns)

    @cached_property
    def _byte_frame(self) -> pl.DataFrame:
        """The bits, memory-mapped from the file.

        Replaced by a copy in memory once rows from all over the file are requested.
        """
        return cast("pl.DataFrame", pl.from_arrow(self._bytes, rechunk=False))

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
        row = 0
        chunks = self._bytes.column(self.bitmap.byte_columns[bit // BITS]).chunks
        for ids, chunk in zip(self._ids.chunks, chunks, strict=True):
            begin, row = row, row + len(ids)
            if row <= start:
                continue
            rows = ((pl.Series(chunk) & (1 << bit % BITS)) != 0).arg_true()
            rows = rows.filter(rows >= start - begin) if start > begin else rows
            page_ids = ids_as_series(ids.take(rows.head(limit - len(found)).to_arrow()))
            found += [write_id(contact_id, self.id_type) for contact_id in page_ids.to_list()]
            if len(rows) > len(page_ids):
                return found, begin + int(rows[len(page_ids)])
        return found, None

    def id_batches(self) -> Iterable[pl.Series]:
        """Return the contact ids in batches."""
        return (ids_as_series(chunk) for chunk in self._ids.chunks)

    def ids_of(self, rows: pl.Series) -> pa.Array:
        """Return the ids of the given rows."""
        found = self._ids.take(pa.array(rows.to_arrow()))
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found

    def bytes_of(self, rows: pl.Series) -> pl.DataFrame:
        """Return the bits of the given rows.

        Args:
            rows: Row numbers; null for contacts that are not in this run, which get empty bits.
        """
        bounds = rows.to_frame("row").select(first=pl.col("row").min(), end=pl.col("row").max() + 1)
        first, end = bounds.row(0)
        if first is None:
            empty = pl.repeat(0, len(rows), dtype=pl.UInt8, eager=True)
            return pl.DataFrame(dict.fromkeys(self.bitmap.byte_columns, empty))
        if end - first > _NEAR * len(rows):
            self._byte_frame = self._byte_frame.rechunk()
            first, end = 0, self.rows
        near = self._byte_frame.slice(first, end - first).rechunk()
        found = near.select(pl.all().gather(rows.fill_null(first) - first))
        if not rows.null_count():
            return found
        return found.select(pl.when(rows.is_not_null()).then(pl.all()).otherwise(pl.lit(0, pl.UInt8)))


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
