"""The interface of a store of files: what publishing asks of object storage, or of a disk in its place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


class OutdatedError(Exception):
    """A conditional write was refused, because another process wrote first."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store.

    Attributes:
        key: The name of the file, relative to the root of the store, with `/` between its parts.
        size: The size in bytes.
        modified: The time of the last write, by the clock of the store.
    """

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a small file, and the tag that a conditional write compares."""

    data: bytes
    tag: str


class Store(Protocol):
    """Files below a root. Every method raises `PublishError` if the storage refuses or cannot be reached."""

    @property
    def address(self) -> str:
        """The root as a user would write it, without credentials."""

    def upload(self, source: Path, key: str) -> None:
        """Write a file of this machine to a key, in one step."""

    def write_new(self, key: str, data: bytes) -> str:
        """Write a small file that must not exist yet, and return its tag.

        A request whose response was lost is sent again. So a file with this content counts as written, and the content
        must differ from that of other writers.

        Raises:
            OutdatedError: The file exists.
        """

    def replace(self, key: str, data: bytes, tag: str) -> str:
        """Replace a small file if it still has a tag, and return its new tag. See `write_new` for the content.

        Raises:
            OutdatedError: The file has another tag or was removed.
        """

    def read(self, key: str) -> Content | None:
        """Return a small file; None if it does not exist."""

    def download(self, key: str, target: Path) -> None:
        """Copy a file to this machine.

        Raises:
            FileNotFoundError: The file does not exist.
        """

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """Yield the files whose key begins with a prefix that ends in `/`, or all for an empty prefix."""

    def remove(self, keys: Iterable[str]) -> None:
        """Remove files. Files that do not exist are no error."""
