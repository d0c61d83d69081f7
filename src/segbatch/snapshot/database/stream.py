"""The rows of a query as a stream of batches that another thread fetches.

While this process converts and compresses a batch, the next one is fetched. The driver works in that thread only: in
the main thread it would replace the handler of Ctrl-C.
"""

import importlib.metadata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.platform.adbc import PACKAGES, Connection, open_connection, translate_errors
from segbatch.snapshot.database.query import DatabaseQuery
from segbatch.snapshot.database.sqlite_types import type_query
from segbatch.text import some_of

_BATCHES_AHEAD = 2
_CHECK_SECONDS = 0.2
_SQLITE_ROWS = 65_536
"""The number of rows in a batch of SQLite's driver."""

Cursor = Any
"""A cursor of `adbc_driver_manager.dbapi`."""

_Item = Any
"""The columns, then batches, then None; or an exception in place of the next of them."""


class RowStream:
    """The columns and the rows of a query.

    Attributes:
        schema: The columns, as the driver returns them.
    """

    def __init__(self, query: DatabaseQuery) -> None:
        self._query = query
        self._items = Queue[_Item](_BATCHES_AHEAD)
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
            if address.driver == "sqlite":
                self._fetch_typed(connection, cursor)
                return
            cursor.execute(f"{self._query.sql}\n")  # a comment at the end must not hide what the driver adds
            with cursor.fetch_record_batch() as reader:
                self._put(reader.schema)
                with _name_columns(self._query, reader.schema):
                    self._pass_on(reader)

    def _fetch_typed(self, connection: Connection, cursor: Cursor) -> None:
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


@contextmanager
def open_rows(query: DatabaseQuery) -> Iterator[RowStream]:
    """Send a query and read its rows in a block.

    Raises:
        DatabaseError: The database cannot be reached, or rejects the query.
        UsageError: The driver is not installed.
    """
    stream = RowStream(query)
    try:
        stream.start()
        yield stream
    finally:
        stream.abandon()


def driver_version(query: DatabaseQuery) -> str:
    """Return the name and the version of the driver of a query."""
    package = PACKAGES[query.address.driver]
    return f"{package.replace('_', '-')} {importlib.metadata.version(package)}"
