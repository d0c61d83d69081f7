"""Values that a look found in the data of columns, kept in a file without a name for the passes that follow.

To read them takes a fraction of the time of reading the columns again. The file disappears with the process, however
the process ends. Nothing needs it: if it cannot be written, or would take most of the room of its disk, the columns
are read again.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import IO, Any
from weakref import finalize

import pyarrow as pa

from segbatch.snapshot.temporary_folder import temporary_folder

Piece = dict[object, pa.Array]
"""The values of consecutive rows, by the key of the column."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The place of a batch in the file."""

    start: int
    size: int


class KeptValues:
    """The values of the rows of some files, in their order.

    A pickled object keeps nothing: another process does not have the file.
    """

    def __init__(self, *, is_possible: bool = True) -> None:
        """Prepare to keep values.

        Args:
            is_possible: Whether values can be kept at all.
        """
        self._is_possible = is_possible
        self._file: IO[bytes] | None = None
        self._keys: tuple[object, ...] = ()
        self._batches: list[_Stored] = []
        self._size = 0
        self._files: Sequence[Any] | None = None
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return an object that keeps nothing."""
        return _none, ()

    def add(self, columns: Piece) -> None:
        """Keep the values of the rows that follow. After an error, nothing is kept."""
        if not self._is_possible or not columns:
            return
        self._keys = tuple(columns)
        sink = pa.BufferOutputStream()
        batch = pa.record_batch([*columns.values()], names=[str(number) for number in range(len(columns))])
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        data = sink.getvalue()
        try:
            self._write(data)
        except OSError:
            self.discard()

    def _write(self, data: pa.Buffer) -> None:
        folder = temporary_folder()
        if shutil.disk_usage(folder).free < self._size + 2 * data.size:
            raise OSError
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=folder, prefix="segbatch-", buffering=0)  # noqa: SIM115 - kept open
            finalize(self, self._file.close)
        written = self._file.write(data)
        if written != data.size:
            raise OSError
        self._batches.append(_Stored(self._size, written))
        self._size += written

    def discard(self) -> None:
        """Keep nothing."""
        self._is_possible = False
        self._batches.clear()
        if self._file is not None:
            self._file.close()

    def finish(self, files: Sequence[Any]) -> None:
        """Note that the values of all rows of some files were added."""
        if self._is_possible:
            self._files = files

    def covers(self, files: Sequence[Any]) -> bool:
        """Whether the values are those of all rows of these files."""
        return self._files is files

    def read(self) -> "KeptReader":
        """Return a reader that begins with the first row."""
        return KeptReader(self._keys, map(self._load, [*self._batches]))

    def _load(self, stored: _Stored) -> pa.RecordBatch:
        assert self._file is not None  # noqa: S101 - a batch is in it
        with self._lock:
            self._file.seek(stored.start)
            data = self._file.read(stored.size)
        return pa.ipc.open_stream(data).read_next_batch()


def _none() -> KeptValues:
    return KeptValues(is_possible=False)


@dataclass(slots=True)
class KeptReader:
    """A pass over kept values.

    Attributes:
        keys: The keys of the columns.
        batches: The batches that were not read yet.
    """

    keys: tuple[object, ...]
    batches: Iterator[pa.RecordBatch]
    _rest: pa.RecordBatch | None = field(default=None, init=False)

    def take(self, rows: int) -> list[Piece]:
        """Return the values of the next rows, in pieces; at least one.

        Raises:
            EOFError: There are not as many rows.
        """
        pieces = list[Piece]()
        while rows or not pieces:
            batch = self._rest if self._rest is not None else next(self.batches, None)
            if batch is None:
                raise EOFError
            pieces.append(dict(zip(self.keys, batch.slice(0, rows).columns, strict=True)))
            self._rest = batch.slice(rows) if batch.num_rows > rows else None
            rows -= min(rows, batch.num_rows)
        return pieces
