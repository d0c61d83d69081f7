"""The open files of a state. They are memory-mapped."""

import errno
import json
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from threading import Lock
from typing import Self

import pyarrow as pa

from segbatch.errors import PublishError
from segbatch.platform.arrow import elements
from segbatch.storage.contact_bits import BITS, ByteColumns, CompressedBitmaps, ContactBits, RowColumn

IDS, BITMAPS = "contact_ids", "bitmaps"
ORDER = b"segbatch.slots"
_EARLIER_IDS = "contact_id"

_MOST_OPEN = 64
"""Maximum number of files of a state that are open at once. Some systems allow a process 256 open files."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """An open file of a state, or a part of a state in memory.

    Attributes:
        place: The path of the file, for messages.
        names: The segment of each bit; None for a free bit.
        id_type: The stored type of the contact ids.
        ids: The contact ids of each batch.
        mapping: The memory of the file; None for a part in memory.
    """

    place: str
    names: tuple[str | None, ...]
    id_type: pa.DataType
    ids: Sequence[pa.Array]
    bits: ContactBits
    mapping: mmap | None = None

    @classmethod
    def of(cls, place: str, table: pa.Table, mapping: mmap) -> Self:
        """Wrap a table that a `StateWriter` wrote, in this or an earlier version."""
        names = tuple(json.loads((table.schema.metadata or {})[ORDER]))
        if IDS in table.column_names:
            ids = [elements(chunk) for chunk in table.column(IDS).chunks]
            bits: ContactBits = CompressedBitmaps(table.column(BITMAPS), [*map(len, ids)])
            return cls(place, names, table.schema.field(IDS).type.value_type, ids, bits, mapping)
        column = table.column(_EARLIER_IDS)
        is_by_row = BITS in table.column_names
        bits = RowColumn(table.column(BITS).chunks) if is_by_row else ByteColumns(table.drop_columns(_EARLIER_IDS))
        return cls(place, names, column.type, column.chunks, bits, mapping)


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """The open files of a state, of which the least recently used are closed. Thread-safe.

    Attributes:
        paths: All files, in the order of the buckets.
        remedy: The advice if a file is missing or damaged.
    """

    paths: Sequence[Path]
    remedy: str
    _open: OrderedDict[int, StateFile] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __getitem__(self, number: int) -> StateFile:
        """Open a file, or return the open one.

        Raises:
            PublishError: It is missing, damaged or cannot be read.
        """
        with self._lock:
            if number not in self._open:
                self._open[number] = _open_file(self.paths[number], self.remedy)
            self._open.move_to_end(number)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)  # it is closed when no array of it is in use
            return self._open[number]

    def release_memory(self) -> None:
        """Return the pages of the files that were read to the system, where it supports that."""
        with self._lock:
            for file in self._open.values():
                if file.mapping is not None and hasattr(mmap, "madvise"):
                    file.mapping.madvise(MADV_DONTNEED)


def _open_file(path: Path, remedy: str) -> StateFile:
    try:
        with path.open("rb") as file:
            mapping = mmap(file.fileno(), 0, access=ACCESS_READ)
        return StateFile.of(str(path), pa.ipc.open_file(pa.py_buffer(mapping)).read_all(), mapping)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        number = getattr(error, "errno", None)
        known = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        reason = f"cannot be read: {os.strerror(number)}" if number and number != errno.ENOENT else known
        raise PublishError(f"{path}: {reason}; {remedy}") from None
