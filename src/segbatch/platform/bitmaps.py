"""Bitmaps of contacts: one bit per contact, for a predicate or a segment in a batch.

Bitmaps are combined and counted 64 contacts at a time. A bitmap has a whole number of 64-bit words. The first contact
is the lowest bit of the first byte. Bits after the last contact are not set.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.platform.arrow import as_series

WORD = 64
"""Bits per word."""

Bitmap = npt.NDArray[np.uint64]
"""The words of one bitmap."""

Bitmaps = npt.NDArray[np.uint64]
"""One bitmap per row, all for the same contacts."""


def word_count(bits: int) -> int:
    """Return the number of words that have a number of bits."""
    return -(-bits // WORD)


def empty_bitmaps(number: int, contacts: int) -> Bitmaps:
    """Return bitmaps without a set bit."""
    return np.zeros((number, word_count(contacts)), dtype="<u8")


def full_bitmap(contacts: int) -> Bitmap:
    """Return a bitmap with the bits of all contacts set."""
    words = np.full(word_count(contacts), ~np.uint64(0), dtype="<u8")
    if contacts % WORD:
        words[-1] = (1 << contacts % WORD) - 1
    return words


def from_columns(columns: Sequence[pl.Series], contacts: int) -> Bitmaps:
    """Return the bitmaps of boolean columns without nulls."""
    if not columns or not contacts:
        return empty_bitmaps(len(columns), contacts)
    filler = pl.repeat(value=False, n=-contacts % WORD, dtype=pl.Boolean, eager=True)
    parts = [part for column in columns for part in ((column, filler) if len(filler) else (column,))]
    bits = pl.concat(parts).rechunk().to_arrow()  # one conversion for all columns: each takes longer than a copy
    words = np.frombuffer(bits.buffers()[1], dtype="<u8", count=len(bits) // WORD)
    return words.reshape(len(columns), word_count(contacts))


def to_columns(bitmaps: Bitmaps, contacts: int) -> list[pl.Series]:
    """Return bitmaps as boolean columns. They share the memory of the bitmaps if it is contiguous."""
    if not bitmaps.size:
        return [pl.Series(dtype=pl.Boolean) for _ in bitmaps]
    words = np.ascontiguousarray(bitmaps)
    bits = as_series("bits", pa.Array.from_buffers(pa.bool_(), words.size * WORD, [None, pa.py_buffer(words)]))
    length = word_count(contacts) * WORD
    return [bits.slice(row * length, contacts) for row in range(len(bitmaps))]


def count_bits(bitmaps: Bitmaps) -> npt.NDArray[np.int64]:
    """Return the number of set bits of each bitmap."""
    return np.asarray(np.bitwise_count(bitmaps).sum(axis=1, dtype=np.int64))


def to_mask(is_wanted: npt.NDArray[np.bool_]) -> pa.Array:
    """Return booleans as an Arrow array.

    Neither this nor `to_array` converts by PyArrow or Polars, which load pandas or NumPy's masked arrays first.
    """
    bits = np.packbits(is_wanted, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(is_wanted), [None, pa.py_buffer(bits)])


def to_array(numbers: npt.NDArray[np.generic]) -> pa.Array:
    """Return numbers as an Arrow array, which shares their memory if it is contiguous."""
    buffer = pa.py_buffer(np.ascontiguousarray(numbers))
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(numbers), [None, buffer])
