"""Snapshots in memory, for contacts that are in no file."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq


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
