"""A snapshot that is read from a database for one command, into a file without a name.

The copy disappears with the process, however the process ends.
"""

import hashlib
import mmap
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa

from segbatch.errors import SnapshotError, UsageError
from segbatch.platform.database_url import is_database_url
from segbatch.platform.urls import redact_url
from segbatch.snapshot.locations import READ_SIZE
from segbatch.snapshot.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from segbatch.snapshot.database.query import DatabaseQuery

_ONE_PROCESS = "only the process that reads a database has its rows; write a file first: segbatch snapshot"


class DatabaseCopy:
    """The rows of a query, as a Parquet file."""

    def __init__(self, name: str, data: pa.Buffer) -> None:
        """Create the location.

        Args:
            name: The address of the database with the table, without secrets.
            data: The content of the file.
        """
        self._name, self._data = name, data

    def __str__(self) -> str:
        """Return the address of the database."""
        return self._name

    def __reduce__(self) -> NoReturn:
        """Raise an error, since another process would read other rows."""
        raise SnapshotError(f"{self._name}: {_ONE_PROCESS}")

    @property
    def version(self) -> tuple[int, object]:
        """The size in bytes. The copy never changes."""
        return self._data.size, None

    @contextmanager
    def open_footer(self) -> Iterator[pa.NativeFile]:
        """Open the copy."""
        with self.open() as reader:
            yield reader

    @contextmanager
    def open(self) -> Iterator[pa.NativeFile]:
        """Open the copy."""
        with pa.BufferReader(self._data) as reader:
            yield reader

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the copy in hexadecimal. Once `stop` is set, hash only the bytes read so far."""
        digest = hashlib.sha256()
        for start in range(0, self._data.size, READ_SIZE):
            if stop.is_set():
                break
            digest.update(self._data.slice(start, min(READ_SIZE, self._data.size - start)))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class DatabaseReader:
    """The permission to read databases, with the query.

    Attributes:
        query: The query; None if the address names a table.
        option: The command-line option with the address, for messages.
        progress: Called with an address, and the number of rows that were read so far.
    """

    query: str | None = None
    option: str = "--contacts"
    progress: Callable[[str, int], None] | None = None

    def read(self, query: "DatabaseQuery") -> DatabaseCopy:
        """Read the rows of a query into a file without a name.

        Raises:
            DatabaseError: The database cannot be reached, rejects the query, or the connection was lost.
            SnapshotError: A column cannot be stored, or the disk is full.
            UsageError: The driver is not installed.
        """
        from segbatch.snapshot.database.rows import write_rows  # noqa: PLC0415 - only if needed

        folder, name = temporary_folder(), str(query)
        try:
            with tempfile.TemporaryFile(dir=folder, prefix="segbatch-") as file:
                write_rows(query, file, self._progress_of(name))
                file.flush()
                data = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            reason = f"{folder} cannot be written: {error.strerror}; set TMPDIR to a folder with room for the rows"
            raise SnapshotError(f"{name}: cannot be read: {reason}") from None
        return DatabaseCopy(name, data)

    def _progress_of(self, name: str) -> Callable[[int], None] | None:
        progress = self.progress
        return None if progress is None else lambda rows: progress(name, rows)

    def for_table(self, name: str) -> "DatabaseReader":
        """Return the reader for a related table, whose address names a table of the database."""
        return replace(self, query=None, option=f"--table {name}=PATH")


def read_database(path: str, databases: DatabaseReader | None) -> DatabaseCopy | None:
    """Return the copy of a database, if a path is the address of one.

    Args:
        path: The path or the address.
        databases: The permission to read databases; None if the command does not read them.

    Raises:
        DatabaseError: The database cannot be reached, rejects the query, or the connection was lost.
        SnapshotError: A column cannot be stored, or the disk is full.
        UsageError: The command does not read databases, the address is not valid, or a query is given with a file.
    """
    if not is_database_url(path):
        if databases is not None and databases.query is not None:
            message = "is not the address of a database, which --query needs; leave out one of them"
            raise UsageError(f"{redact_url(path)}: {message} (--query)")
        return None
    if databases is None:
        shown = redact_url(path).partition("#")[0]
        advice = f"write a file first: segbatch snapshot {shown} --to contacts.parquet, and pass that"
        raise UsageError(f"{shown}: only run and preview read a database; {advice}")
    from segbatch.snapshot.database.query import read_query  # noqa: PLC0415 - only if needed

    return databases.read(read_query(path, databases.query, option=databases.option))
