"""Where a file of a snapshot is: on this machine, or in object storage."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.text import did_you_mean

__all__ = ["DEAD_LINK", "READ_SIZE", "LocalFile", "Place", "reading"]

READ_SIZE = 1 << 20
DEAD_LINK = "is a link that leads nowhere; mend it or remove it"


class Place(Protocol):
    """A file somewhere. Its text is its name, as messages and manifests have it."""

    @property
    def stamp(self) -> tuple[int, object]:
        """Its size in bytes, and what else changes when somebody writes it."""

    def glanced(self) -> AbstractContextManager[pa.NativeFile]:
        """Open it for reading a little of it."""

    def opened(self) -> AbstractContextManager[pa.NativeFile]:
        """Open it for reading all of it."""

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of its bytes, in hexadecimal; of as many as were read, once `stop` is set."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine.

    Attributes:
        path: Where it is.
    """

    path: Path

    def __str__(self) -> str:
        """Return its path."""
        return str(self.path)

    @property
    def stamp(self) -> tuple[int, object]:
        """Its size, and when it was last written, in nanoseconds since 1970."""
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def glanced(self) -> AbstractContextManager[pa.NativeFile]:
        """Open it, which costs nothing."""
        return self.opened()

    @contextmanager
    def opened(self) -> Iterator[pa.NativeFile]:
        """Open it, whatever bytes its name has."""
        with pa.OSFile(os.fsencode(self.path)) as source:
            yield source

    def digest(self, stop: Event) -> str:
        """Read it once."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while not stop.is_set() and (block := file.read(READ_SIZE)):
                digest.update(block)
        return digest.hexdigest()


@contextmanager
def reading(place: Place) -> Iterator[None]:
    """Turn errors of reading a file into ones that name the file and tell what to do.

    PyArrow's own texts may quote cells and are not passed on.

    Raises:
        SnapshotError: Anything went wrong with the file inside the block.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise SnapshotError(f"{place}: {_no_such_file(Path(str(place)))}") from None
    except (pa.ArrowException, OSError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ELOOP:
            raise SnapshotError(f"{place}: {DEAD_LINK}") from None
        if number:
            raise SnapshotError(f"{place}: cannot be read: {os.strerror(number)}") from None
        raise SnapshotError(f"{place}: is not Parquet, or cut short or damaged; export it again") from None


def _no_such_file(path: Path) -> str:
    """Tell what is wrong with a path at which nothing is."""
    if path.is_symlink():
        return DEAD_LINK
    near = ""
    with suppress(OSError):
        near = did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
    return f"no such file{near or '; check the path of the export'}"
