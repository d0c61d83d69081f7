"""Locations of snapshot files: on a disk or in memory here, and elsewhere in modules of their own."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError
from segbatch.text import did_you_mean

READ_SIZE = 1 << 20
DEAD_LINK = "is a broken link; fix it or remove it"


class MissingFileError(SnapshotError):
    """A file of the snapshot does not exist any more."""


class Location(Protocol):
    """The location of a file. Its text is the file's name in messages and manifests."""

    @property
    def version(self) -> tuple[int, object]:
        """The size in bytes, and a value that changes when the file is written."""

    def open_footer(self) -> AbstractContextManager[pa.NativeFile]:
        """Open the file to read a small part of it."""

    def open(self) -> AbstractContextManager[pa.NativeFile]:
        """Open the file to read all of it."""

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the file in hexadecimal. Once `stop` is set, hash only the bytes read so far."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine."""

    path: Path

    def __str__(self) -> str:
        """Return the path, with `/` between folders on Windows, too: partitions are read from it."""
        return self.path.as_posix()

    @property
    def version(self) -> tuple[int, object]:
        """The size in bytes, and the modification time in nanoseconds since 1970."""
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def open_footer(self) -> AbstractContextManager[pa.NativeFile]:
        """Open the file as `open` does, because opening a local file reads nothing."""
        return self.open()

    @contextmanager
    def open(self) -> Iterator[pa.NativeFile]:
        """Open the file. Its name may have any bytes."""
        with pa.OSFile(os.fsencode(self.path)) as source:
            yield source

    def digest(self, stop: Event) -> str:
        """Read the file once and return its SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while not stop.is_set() and (block := file.read(READ_SIZE)):
                digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """A Parquet file in memory. It is a `Location`.

    Attributes:
        name: The name in messages.
        content: The bytes of the file.
    """

    name: str
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def version(self) -> tuple[int, object]:
        """The size in bytes; the content never changes."""
        return len(self.content), None

    def open_footer(self) -> AbstractContextManager[pa.NativeFile]:
        """Open the file as `open` does."""
        return self.open()

    @contextmanager
    def open(self) -> Iterator[pa.NativeFile]:
        """Open the file."""
        with pa.BufferReader(self.content) as source:
            yield source

    def digest(self, stop: Event) -> str:  # noqa: ARG002 - the content is too small to stop
        """Return the SHA-256 of the content in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def in_memory(name: str, table: pa.Table) -> MemoryFile:
    """Return a table as a Parquet file in memory.

    Args:
        name: The name of the file in messages.
        table: The contacts.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return MemoryFile(name, sink.getvalue().to_pybytes())


@contextmanager
def translate_errors(location: Location) -> Iterator[None]:
    """Translate errors of reading a file into errors that name the file and the fix.

    PyArrow's messages may quote cells, so they are not passed on.

    Raises:
        SnapshotError: An operation on the file failed inside the block.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise SnapshotError(f"{location}: {_no_such_file(Path(str(location)))}") from None
    except (pa.ArrowException, OSError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ELOOP:
            raise SnapshotError(f"{location}: {DEAD_LINK}") from None
        if number:
            raise SnapshotError(f"{location}: cannot be read: {os.strerror(number)}") from None
        raise SnapshotError(f"{location}: is not Parquet, is truncated, or is damaged; export it again") from None


def _no_such_file(path: Path) -> str:
    """Return the problem with a path that does not exist."""
    if path.is_symlink():
        return DEAD_LINK
    near = ""
    with suppress(OSError):
        near = did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
    return f"no such file{near or '; check the path of the export'}"
