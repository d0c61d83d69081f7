"""Writing of a snapshot file: the rows of a query in a database, read once."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError, UsageError
from segbatch.model.input_records import DatabaseSource
from segbatch.platform.checksum_file import DigestingFile
from segbatch.platform.database_url import is_database_url
from segbatch.platform.files import replace_file, resolve_destination, temporary_file
from segbatch.platform.io_errors import describe_write_error
from segbatch.platform.shutdown import shutdown
from segbatch.platform.urls import is_url, redact_url
from segbatch.snapshot.database.metadata import source_in
from segbatch.snapshot.database.query import read_query
from segbatch.snapshot.database.rows import Progress, write_rows
from segbatch.text import printable

_OPTION = "--to"


@dataclass(frozen=True, slots=True)
class WrittenSnapshot:
    """A snapshot file that was written.

    Attributes:
        size: The size in bytes.
        sha256: The SHA-256 of the file, in hexadecimal.
        source: The query, as in the metadata of the file.
    """

    file: str
    size: int
    sha256: str
    source: DatabaseSource


def write_snapshot(
    address: str,
    to: str | Path,
    *,
    query: str | None = None,
    table: str | None = None,
    progress: Progress | None = None,
) -> WrittenSnapshot:
    """Read the rows of a query, or of a table, once into a Parquet file.

    The file is replaced in one step when it is complete. Until then, an earlier snapshot is unchanged.

    Args:
        address: The address of the database; a table can follow a `#`.
        to: The file. An existing file is replaced only if this function wrote it.
        query: The query.
        table: The table, in place of a query.
        progress: Called with the number of rows that are written so far.

    Raises:
        DatabaseError: The database cannot be reached, rejects the query, or the connection was lost.
        SnapshotError: A column or a value cannot be stored exactly, or the file cannot be written.
        UsageError: The address, the query or the file is not valid, or the driver is not installed.
    """
    if not is_database_url(address):
        example = "postgresql://HOST/DATABASE or sqlite:///FILE"
        raise UsageError(f"{redact_url(printable(address))}: is not the address of a database, such as {example}")
    request = read_query(address, query, table, option="ADDRESS")
    path = _check_destination(Path(to))
    with _open_destination(path) as file:
        source = write_rows(request, file, progress)
    return WrittenSnapshot(str(to), file.size, file.sha256, source)


def _check_destination(to: Path) -> Path:
    """Return the path to write to.

    Raises:
        UsageError: The path is not that of a file, or of a file that has something else than a snapshot.
    """
    if is_url(str(to)):
        message = "a snapshot is written to a disk; name a file"
        raise UsageError(f"{redact_url(str(to))}: {message} ({_OPTION})")
    path = resolve_destination(to, _OPTION)
    _ensure_replaceable(path, printable(str(to)))
    return path


def _ensure_replaceable(path: Path, name: str) -> None:
    """Raise an error if a file exists that is not a snapshot of a database."""
    if not os.path.lexists(path):
        return
    try:
        with pq.ParquetFile(path) as file:
            source = source_in(file.metadata.metadata, file.metadata.num_rows)
    except (pa.ArrowException, OSError):
        source = None
    if source is None:
        message = "exists, and was not written by segbatch snapshot; choose another file, or remove it"
        raise UsageError(f"{name}: {message} ({_OPTION})")


@contextmanager
def _open_destination(path: Path) -> Iterator[DigestingFile]:
    """Open a file for writing, which replaces the path at the end of the block. After an error the path is unchanged.

    Raises:
        SnapshotError: The file cannot be written.
    """
    name = printable(str(path))
    try:
        with temporary_file(path) as new:
            with DigestingFile(new) as file, file.translate_errors():
                yield file
            with shutdown.uninterruptible(f"{name} may be written"):
                _ensure_replaceable(path, name)
                if path.exists():
                    shutil.copymode(path, new)
                replace_file(new, path)
                shutdown.done_message = f"{name} is written"
    except OSError as error:
        raise SnapshotError(f"{name}: {describe_write_error(error)}") from None
