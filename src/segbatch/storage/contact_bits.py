"""The bits of the contacts of a state, in the layouts of this version and of earlier ones."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segbatch.platform.arrow import elements
from segbatch.platform.bitmaps import WORD, Bitmaps, word_count
from segbatch.storage.bit_matrix import Memory, from_words, members_in

CODEC = "lz4_raw"
_BITS = 8
_WORD_LENGTH = 8

BITS = "bits"
"""The column of a state whose contacts have all their bits in one value of fixed width."""


class ContactBits(Protocol):
    """The bits of a run, batch by batch."""

    def bitmaps(self, batch: int, group: int) -> Bitmaps:
        """Return the bitmaps of 64 segments of a batch."""

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        """Return for each contact of a batch whether a bit is set."""


class CompressedBitmaps:
    """The bits of each batch, uncompressed when they are asked for."""

    def __init__(self, column: pa.ChunkedArray, contacts: list[int]) -> None:
        self._groups, self._contacts = [elements(chunk) for chunk in column.chunks], contacts
        self._codec = pa.Codec(CODEC)

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        return members_in(self.bitmaps(batch, bit // WORD)[bit % WORD], self._contacts[batch])

    def bitmaps(self, batch: int, group: int) -> Bitmaps:
        width = word_count(self._contacts[batch])
        compressed = self._groups[batch][group].as_buffer()
        plain = self._codec.decompress(compressed, WORD * width * 8)
        return np.frombuffer(plain, dtype=np.uint64).reshape(WORD, width)


class RowColumn:
    """The bits of contacts in values of fixed width, a multiple of 64 bits, in each batch."""

    def __init__(self, chunks: Sequence[pa.FixedSizeBinaryArray]) -> None:
        self._chunks = chunks

    def bitmaps(self, batch: int, group: int) -> Bitmaps:
        words = self._rows(batch).view(np.uint64)[np.newaxis, :, group]
        return from_words(words, Memory())

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        return (self._rows(batch)[:, bit // _BITS] & np.uint8(1 << bit % _BITS)).astype(bool)

    def _rows(self, batch: int) -> npt.NDArray[np.uint8]:
        chunk = self._chunks[batch]
        length, size = chunk.type.byte_width, len(chunk)
        rows = np.frombuffer(chunk.buffers()[1] or b"", dtype=np.uint8)
        return rows[chunk.offset * length : (chunk.offset + size) * length].reshape(size, length)


class ByteColumns:
    """The bits of contacts in states of an earlier version, in one column per byte."""

    def __init__(self, table: pa.Table) -> None:
        self._batches = table.to_batches()

    def bitmaps(self, batch: int, group: int) -> Bitmaps:
        columns = self._batches[batch].columns[group * _WORD_LENGTH : (group + 1) * _WORD_LENGTH]
        rows = np.zeros((self._batches[batch].num_rows, _WORD_LENGTH), dtype=np.uint8)
        for number, column in enumerate(columns):
            rows[:, number] = column.to_numpy(zero_copy_only=True)
        return from_words(rows.view(np.uint64).T, Memory())

    def members(self, batch: int, bit: int) -> npt.NDArray[np.bool_]:
        values = self._batches[batch].column(bit // _BITS).to_numpy(zero_copy_only=True)
        return np.asarray(values & np.uint8(1 << bit % _BITS), dtype=bool)
