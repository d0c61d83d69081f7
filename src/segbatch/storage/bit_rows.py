"""Memberships as rows of bits: one row per contact, one bit per segment.

Polars has one bitmap per segment. The state of a run needs one row of bits per contact: two runs are compared by XOR of
whole rows, and rows of the previous run are looked up by one copy each. Rows are a multiple of 64 bits wide, so that
NumPy works on 64-bit words.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

WORD = 64
"""Bits per word. Bit 0 is the lowest bit of the first byte of a row."""

_BITS = 8

Bitmap = npt.NDArray[np.uint8]
"""The members of one segment in a batch, eight contacts per byte, the first contact in the lowest bit."""

Rows = npt.NDArray[np.uint8]
"""Rows of bits as a matrix of bytes. Its shape is contacts times bytes per row."""


class Differences(NamedTuple):
    """The bits that differ between two runs, ordered by bit and contact. All arrays have the same length.

    Attributes:
        bits: The number of the bit.
        contacts: The row of the contact.
        entered: Whether the bit is set now.
    """

    bits: npt.NDArray[np.int64]
    contacts: npt.NDArray[np.int64]
    entered: npt.NDArray[np.bool_]


def row_length(segments: int) -> int:
    """Return the number of bytes in a row for a number of segments."""
    return -(-segments // WORD) * (WORD // _BITS)


def bitmap_of(members: pl.Series) -> Bitmap:
    """Return the bitmap of a boolean column without nulls; no copy if it begins at a whole byte."""
    array = members.rechunk().to_arrow()
    if array.offset % _BITS:
        return np.packbits(members.to_numpy(), bitorder="little")
    begin = array.offset // _BITS
    length = -(-len(array) // _BITS)
    return np.frombuffer(array.buffers()[1], dtype=np.uint8, count=length, offset=begin)


def to_rows(bitmaps: Sequence[Bitmap | None], contacts: int) -> Rows:
    """Turn one bitmap per segment into rows of bits.

    Args:
        bitmaps: The bitmap of each bit; None for a bit that is not in use.
        contacts: The number of contacts.
    """
    rows = np.zeros((contacts, row_length(len(bitmaps))), dtype=np.uint8)
    words = rows.view("<u8")
    for number in range(words.shape[1]):
        words[:, number] = _to_words(bitmaps[number * WORD : (number + 1) * WORD], contacts)
    return rows


def bit_of(rows: Rows, bit: int) -> npt.NDArray[np.bool_]:
    """Return for each row whether the bit with this number is set."""
    return (rows[:, bit // _BITS] & np.uint8(1 << bit % _BITS)).astype(bool)


def is_in_any(rows: Rows) -> npt.NDArray[np.bool_]:
    """Return for each row whether any bit is set."""
    return np.asarray(rows.view("<u8").any(axis=1))


def find_differences(before: Rows, after: Rows) -> Differences:
    """Compare the rows of the same contacts in two runs.

    Args:
        before: The rows of the previous run, at most as long as those of this run.
        after: The rows of this run.
    """
    changed = after.view("<u8").copy()
    changed[:, : before.shape[1] // 8] ^= before.view("<u8")
    per_row = changed.shape[1]
    places = np.flatnonzero(changed)
    words = changed.ravel()[places]
    found, in_word = np.nonzero(np.unpackbits(words.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"))
    contacts, word = np.divmod(places[found], per_row)
    bits = word * WORD + in_word
    order = np.lexsort((contacts, bits))
    bits, contacts = bits[order], contacts[order]
    entered = (after[contacts, bits // _BITS] >> (bits % _BITS).astype(np.uint8)) & 1
    return Differences(bits, contacts, entered.astype(bool))


def _to_words(bitmaps: Iterable[Bitmap | None], contacts: int) -> npt.NDArray[np.uint64]:
    """Return the 64-bit word of each contact for up to 64 bitmaps."""
    blocks = -(-contacts // _BITS)
    words = np.zeros((blocks * _BITS, WORD // _BITS), dtype=np.uint8)
    block = np.zeros((blocks, _BITS), dtype=np.uint8)
    given = list(bitmaps)
    for octet in range(-(-len(given) // _BITS)):
        block[:] = 0
        for bit, bitmap in enumerate(given[octet * _BITS : (octet + 1) * _BITS]):
            if bitmap is not None:
                block[:, bit] = bitmap
        words[:, octet] = _transpose(block.view("<u8").ravel()).view(np.uint8)
    return words.view("<u8").ravel()[:contacts]


def _transpose(matrices: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Transpose matrices of 8 times 8 bits, each in a 64-bit word.

    The method is that of "Hacker's Delight" by Henry S. Warren, section 7-3: swap single bits, then blocks of 2 by 2,
    then blocks of 4 by 4.
    """
    for distance, mask in ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0)):
        moved = (matrices ^ (matrices >> np.uint64(distance))) & np.uint64(mask)
        matrices = matrices ^ moved ^ (moved << np.uint64(distance))
    return matrices
