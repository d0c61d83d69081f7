"""The bits in state files of earlier versions, which have one row per contact."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segbatch.platform.bitmaps import words_of
from segbatch.storage.bit_matrix import Memory, Words

BYTES_PER_CONTACT = "bits"
"""The column of a state whose contacts have all their bits in one value of fixed width."""

_BITS = 8
_WORD_LENGTH = 8


class ContactBits(Protocol):
    """The bits of a run, batch by batch."""

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:
        """Write the bits of the contacts of a batch to an array, which may have more columns than contacts."""

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        """Return for each contact of a batch whether a bit is set."""


class RowColumn:
    """The bits of contacts in values of fixed width, a multiple of 64 bits."""

    def __init__(self, table: pa.Table) -> None:
        column = table.column(BYTES_PER_CONTACT)
        self._chunks, self._length = column.chunks, column.type.byte_width

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:  # noqa: ARG002, D102 - of the protocol
        _copy_rows(self._rows(batch), words)

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:  # noqa: D102 - of the protocol
        return (self._rows(batch)[:, bit // _BITS] & np.uint8(1 << bit % _BITS)).astype(bool)

    def _rows(self, batch: int) -> npt.NDArray[np.uint8]:
        chunk = self._chunks[batch]
        rows = np.frombuffer(chunk.buffers()[1] or b"", dtype=np.uint8)
        return rows[: len(chunk) * self._length].reshape(len(chunk), self._length)


class ByteColumns:
    """The bits of contacts in one column per byte."""

    def __init__(self, table: pa.Table) -> None:
        self._batches = table.to_batches()

    def write_words(self, batch: int, words: Words, memory: Memory) -> None:  # noqa: ARG002, D102 - of the protocol
        columns = self._batches[batch].columns
        length = words_of(len(columns) * _BITS) * _WORD_LENGTH
        rows = np.zeros((self._batches[batch].num_rows, length), dtype=np.uint8)
        for number, column in enumerate(columns):
            rows[:, number] = column.to_numpy(zero_copy_only=True)
        _copy_rows(rows, words)

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:  # noqa: D102 - of the protocol
        values = self._batches[batch].column(bit // _BITS).to_numpy(zero_copy_only=True)
        return np.asarray(values & np.uint8(1 << bit % _BITS), dtype=bool)


def _copy_rows(rows: npt.NDArray[np.uint8], words: Words) -> None:
    words[:, : len(rows)] = rows.view(np.uint64).T
