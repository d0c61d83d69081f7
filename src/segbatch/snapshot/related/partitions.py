"""Rows of a table, grouped by ranges of contacts, in memory or on disk."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from segbatch.errors import SnapshotError
from segbatch.platform.io_errors import io_reason
from segbatch.platform.shutdown import shutdown
from segbatch.snapshot.related.row_numbers import Numbers

RANGE = 1 << 16
"""The number of contacts whose rows are aggregated at once. Their row numbers within the range have 16 bits."""

CONTACT = "contact"
"""The column with the row number of the contact within its range."""

TIME = "time"
"""The column with the time of a row, if an aggregate needs it."""

MOST_BYTES = 256_000_000
"""Rows that are kept in memory before they are written to disk."""


def condition_column(index: int) -> str:
    """Return the name of the column with the result of a condition of a query."""
    return f"condition {index}"


def value_column(index: int) -> str:
    """Return the name of the column with a value that is aggregated."""
    return f"value {index}"


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Report errors of temporary files in one line."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = io_reason(error)
        if reason is None:
            raise
        message = f"rows of related tables cannot be kept in {tempfile.gettempdir()}: {reason}"
        raise SnapshotError(f"{message}; set TMPDIR to a folder with more space") from None


@dataclass(frozen=True, slots=True)
class ArrangedRows:
    """Some rows of a table, sorted by range of contacts.

    Attributes:
        frames: The rows of each range that has some, by the number of the range.
        size: The size of all of them in bytes.
    """

    frames: Mapping[int, pl.DataFrame]
    size: int


def arrange(contacts: Numbers, rows: pl.DataFrame) -> ArrangedRows:
    """Sort rows of a table by range of contacts. The rows of a range keep their order.

    Args:
        contacts: For each row, the row number of its contact.
        rows: The columns to keep.
    """
    number = (contacts // RANGE).astype(np.uint16)
    order = np.argsort(number, kind="stable")
    inside = pl.Series(CONTACT, (contacts % RANGE).astype(np.uint16)[order])
    sorted_rows = pl.DataFrame([inside, *(column.gather(order) for column in rows.iter_columns())])
    ends = np.cumsum(np.bincount(number))
    pairs = enumerate(pairwise([0, *ends.tolist()]))
    frames = {index: sorted_rows[begin:end] for index, (begin, end) in pairs if end > begin}
    return ArrangedRows(frames, int(sorted_rows.estimated_size()))


class Partitions:
    """The rows of a table by range of contacts; each range has its rows in the order of the table.

    If the rows take more than 256 MB, they are written to a temporary folder (`TMPDIR`), which is deleted at the end.
    """

    def __init__(self, contacts: int) -> None:
        """Begin without rows.

        Args:
            contacts: The number of contacts.
        """
        self._number = -(-contacts // RANGE)
        self._kept: list[list[pl.DataFrame]] = [[] for _ in range(self._number)]
        self._files: list[list[Path]] = [[] for _ in range(self._number)]
        self._bytes = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Return the partitions; leaving the block deletes the temporary folder."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the temporary folder."""
        self._stack.close()

    def add(self, rows: ArrangedRows) -> None:
        """Add the next rows of the table."""
        for index, frame in rows.frames.items():
            self._kept[index].append(frame)
        self._bytes += rows.size
        if self._bytes > MOST_BYTES:
            self._write()

    def _write(self) -> None:
        with _translated_errors():
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="segbatch-", ignore_cleanup_errors=True)
                self._stack.enter_context(shutdown.cleanup(self._folder.cleanup))
            self._write_to(Path(self._folder.name))
        self._bytes = 0

    def _write_to(self, folder: Path) -> None:
        for index, frames in enumerate(self._kept):
            if frames:
                file = folder / f"{index}-{len(self._files[index])}.arrow"
                pl.concat(frames).write_ipc(file)
                self._files[index].append(file)
                frames.clear()

    def read(self, index: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of the contacts of a range, in the order of the table."""
        for file in self._files[index]:
            with _translated_errors():
                frame = pl.read_ipc(file)
            yield frame
        yield from self._kept[index]

    def __len__(self) -> int:
        """Return the number of ranges."""
        return self._number
