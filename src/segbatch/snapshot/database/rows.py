"""Writing of the rows of a query as Parquet, with the query in the file's metadata."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.model.database_source import DatabaseSource
from segbatch.snapshot.database.column_types import plan_columns
from segbatch.snapshot.database.metadata import metadata_of
from segbatch.snapshot.database.query import DatabaseQuery
from segbatch.snapshot.database.stream import driver_version, open_rows

_GROUP_ROWS = 131_072
_GROUP_BYTES = 256 << 20
_COMPRESSION = "zstd"

Progress = Callable[[int], None]
"""A function that is called with the number of rows that are written so far."""


class Sink(Protocol):
    """A file to write to."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""


class _Digest(io.RawIOBase):
    """A file that computes the SHA-256 of the bytes that pass through it."""

    def __init__(self, file: Sink) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._digest.update(data)
        return self._file.write(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def write_rows(query: DatabaseQuery, file: Sink, progress: Progress | None = None) -> DatabaseSource:
    """Send a query, and write its rows as Parquet. Memory is limited to a few batches.

    Args:
        query: The query.
        file: The file to write to.
        progress: Called after each part that is written.

    Returns:
        The record of the query, which is also in the metadata of the file.

    Raises:
        DatabaseError: The database cannot be reached, rejects the query, or the connection was lost.
        SnapshotError: A column or a value cannot be stored exactly.
        UsageError: The driver is not installed.
    """
    read_at, rows = datetime.now(UTC), 0
    digest = _Digest(file)
    with open_rows(query) as stream:
        columns = plan_columns(stream.schema, str(query))
        with pq.ParquetWriter(digest, columns.stored, compression=_COMPRESSION) as writer:
            for group in _groups(map(columns.convert, stream.batches())):
                writer.write_table(group, row_group_size=_GROUP_ROWS)
                rows += group.num_rows
                if progress:
                    progress(rows)
            source = DatabaseSource(
                address=str(query.address),
                table=query.table,
                query=query.sql,
                driver=driver_version(query),
                read_at=read_at,
                rows=rows,
                data_sha256=digest.sha256,
            )
            writer.add_key_value_metadata(metadata_of(source))
    return source


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield row groups of one length, for batches of any length, so that equal rows become equal files."""
    waiting, rows, size = list[pa.RecordBatch](), 0, 0
    for batch in batches:
        start = 0
        while batch.num_rows - start:
            part = batch.slice(start, _GROUP_ROWS - rows)
            waiting.append(part)
            start, rows, size = start + part.num_rows, rows + part.num_rows, size + part.nbytes
            if rows == _GROUP_ROWS or size >= _GROUP_BYTES:
                yield pa.Table.from_batches(waiting)
                waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting)
