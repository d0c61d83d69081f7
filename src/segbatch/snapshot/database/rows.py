"""The rows of a query: fetched as a stream, and written as Parquet with the query in the file's metadata.

While this thread converts and compresses a batch, another one fetches the next. The driver works in that thread only:
in the main thread it would replace the handler of Ctrl-C.
"""

import hashlib
import importlib.metadata
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError
from segbatch.model.input_records import DatabaseSource
from segbatch.platform.adbc import PACKAGES, Connection, open_connection, translate_errors
from segbatch.snapshot.database.column_types import plan_columns
from segbatch.snapshot.database.dictionaries import dictionary_columns
from segbatch.snapshot.database.metadata import metadata_of
from segbatch.snapshot.database.postgres_query import check_query
from segbatch.snapshot.database.query import DatabaseQuery
from segbatch.snapshot.database.sqlite_types import type_query
from segbatch.text import some_of

_GROUP_ROWS = 131_072
_GROUP_BYTES = 256 << 20
_COMPRESSION = "zstd"
_BATCHES_AHEAD = 2
_POSTGRES_BATCHES_AHEAD = 16
"""As many rows as a row group usually has: the driver goes on while one is compressed."""

_CHECK_SECONDS = 0.2
_SQLITE_ROWS = 65_536
"""The number of rows in a batch of SQLite's driver."""

_POSTGRES_OPTIONS = {"adbc.postgresql.batch_size_hint_bytes": str(2 << 20)}
"""The operating system takes longer to provide memory for the usual batches of 16 MB."""

Progress = Callable[[int], None]
"""A function that is called with the number of rows that are written so far."""

_Cursor = Any
"""A cursor of `adbc_driver_manager.dbapi`."""

_Item = Any
"""The columns, then batches, then None; or an exception in place of the next of them."""


class Sink(Protocol):
    """A file to write to."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""


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
    with _open_rows(query) as stream:
        columns = plan_columns(stream.schema, str(query))
        groups = _groups(map(columns.convert, stream.batches()))
        first = next(groups, columns.stored.empty_table())
        dictionaries = dictionary_columns(first)
        with pq.ParquetWriter(digest, first.schema, compression=_COMPRESSION, use_dictionary=dictionaries) as writer:
            for group in chain([first], groups):
                writer.write_table(group, row_group_size=_GROUP_ROWS)
                rows += group.num_rows
                if progress:
                    progress(rows)
            source = DatabaseSource(
                address=str(query.address),
                table=query.table,
                query=query.sql,
                driver=_driver_version(query),
                read_at=read_at,
                rows=rows,
                data_sha256=digest.sha256,
            )
            writer.add_key_value_metadata(metadata_of(source))
    return source


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


def _driver_version(query: DatabaseQuery) -> str:
    """Return the name and the version of the driver of a query."""
    package = PACKAGES[query.address.driver]
    return f"{package.replace('_', '-')} {importlib.metadata.version(package)}"


@contextmanager
def _open_rows(query: DatabaseQuery) -> "Iterator[_RowStream]":
    """Send a query and read its rows in a block.

    Raises:
        DatabaseError: The database cannot be reached, or rejects the query.
        UsageError: The driver is not installed.
    """
    stream = _RowStream(query)
    try:
        stream.start()
        yield stream
    finally:
        stream.abandon()


class _RowStream:
    """The columns and the rows of a query.

    Attributes:
        schema: The columns, as the driver returns them.
    """

    def __init__(self, query: DatabaseQuery) -> None:
        self._query = query
        ahead = _POSTGRES_BATCHES_AHEAD if query.address.driver == "postgres" else _BATCHES_AHEAD
        self._items = Queue[_Item](ahead)
        self._is_abandoned = Event()
        self.schema = pa.schema([])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows.

        Raises:
            DatabaseError: The connection was lost, or the database reports an error.
            SnapshotError: A column of SQLite has values of several types.
        """
        while (batch := self._next()) is not None:
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        item = self._items.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def start(self) -> None:
        """Send the query, and wait for the columns.

        Raises:
            DatabaseError: The database cannot be reached, or rejects the query.
            UsageError: The driver is not installed.
        """
        Thread(target=self._work, name="database", daemon=True).start()
        self.schema = self._next()

    def abandon(self) -> None:
        """Let the other thread close the connection, although rows are left."""
        self._is_abandoned.set()

    def _work(self) -> None:
        try:
            self._fetch()
        except BaseException as error:  # noqa: BLE001 - the thread that reads raises it
            self._put(error)
        else:
            self._put(None)

    def _fetch(self) -> None:
        address = self._query.address
        with (
            open_connection(address, read_only=True) as connection,
            translate_errors(address, self._query.table),
            connection.cursor() as cursor,
        ):
            match address.driver:
                case "sqlite":
                    self._fetch_typed(connection, cursor)
                case "postgres":
                    self._fetch_checked(cursor)
                case _:
                    cursor.execute(f"{self._query.sql}\n")  # a comment at the end must not hide what the driver adds
                    with cursor.fetch_record_batch() as reader:
                        self._put(reader.schema)
                        self._pass_on(reader)

    def _fetch_checked(self, cursor: _Cursor) -> None:
        checked = check_query(cursor, self._query)
        cursor.adbc_statement.set_options(**_POSTGRES_OPTIONS)
        cursor.execute(checked.sql)
        with cursor.fetch_record_batch() as reader:
            self._put(checked.columns)
            with _name_columns(self._query, checked.columns):
                self._pass_on(checked.result(reader))

    def _fetch_typed(self, connection: Connection, cursor: _Cursor) -> None:
        typed = type_query(connection, self._query)
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_SQLITE_ROWS)})
        cursor.execute(typed.sql)
        with cursor.fetch_record_batch() as reader:
            self._put(typed.schema(reader.schema))
            self._pass_on(typed.result(reader))

    def _pass_on(self, batches: Iterable[pa.RecordBatch]) -> None:
        for batch in batches:
            if not self._put(batch):
                return

    def _put(self, item: _Item) -> bool:
        """Pass an item on. Return false if the rows are not needed any more."""
        while not self._is_abandoned.is_set():
            try:
                self._items.put(item, timeout=_CHECK_SECONDS)
            except Full:
                continue
            return True
        return False


@contextmanager
def _name_columns(query: DatabaseQuery, schema: pa.Schema) -> Iterator[None]:
    """Name the columns of lists and rows in an error, since the driver does not say which one it cannot pass on.

    Raises:
        SnapshotError: The driver cannot read a value inside the block.
    """
    try:
        yield
    except pa.ArrowInvalid:
        nested = [field.name for field in schema if field.type.num_fields]
        if not nested:
            raise
        columns = "the column" if len(nested) == 1 else "one of the columns"
        problem = f"the driver cannot read a value of {columns} {some_of(nested)}"
        advice = "cast it in the query, an array with other bounds than 1 to json, and a row (composite type) to text"
        raise SnapshotError(f"{query}: {problem}; {advice}") from None
