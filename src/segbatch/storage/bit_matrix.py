"""Memberships as matrices of bits, in two layouts.

Polars has one bitmap per segment, and so has the state of a run. Two runs are compared contact by contact, because a
contact can be in any row of a snapshot. So a batch is transposed into words: 64 segments of one contact in a 64-bit
number.
"""

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segbatch.platform.bitmaps import WORD, Bitmap, Bitmaps, word_count

_ONE = np.uint64(1)

Words = npt.NDArray[np.uint64]
"""One row of words per group of 64 segments, with one word per contact."""


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


class Memory:
    """Arrays that are used again for each batch, because the first use of fresh memory is slow."""

    def __init__(self) -> None:
        self._arrays = dict[str, npt.NDArray[np.uint64]]()

    def array(self, name: str, *shape: int) -> npt.NDArray[np.uint64]:
        """Return an array of any content. It is valid until the next array of the same name."""
        size = prod(shape)
        if name not in self._arrays or self._arrays[name].size < size:
            self._arrays[name] = np.empty(size, dtype=np.uint64)
        return self._arrays[name][:size].reshape(shape)


def to_bitmaps(members: Sequence[Bitmap | None], contacts: int, memory: Memory) -> Bitmaps:
    """Put the members of all segments into one matrix, with empty rows that fill the last group of 64 segments.

    Args:
        members: A bitmap for each bit; None for a bit that is not in use.
        contacts: The number of contacts.
    """
    bitmaps = memory.array("bitmaps", word_count(len(members)) * WORD, word_count(contacts))
    bitmaps[len(members) :] = 0
    for row, bitmap in zip(bitmaps, members, strict=False):
        row[:] = 0 if bitmap is None else bitmap
    return bitmaps


def members_in(bitmap: npt.NDArray[np.uint64], contacts: int) -> npt.NDArray[np.bool_]:
    """Return for each contact whether it is in a bitmap."""
    return np.unpackbits(bitmap.view(np.uint8), count=contacts, bitorder="little").view(np.bool_)


def is_in_any(bitmaps: Bitmaps, contacts: int) -> npt.NDArray[np.bool_]:
    """Return for each contact whether it is in any segment."""
    return members_in(np.bitwise_or.reduce(bitmaps, axis=0), contacts)


def to_words(bitmaps: Bitmaps, contacts: int, memory: Memory) -> Words:
    """Transpose bitmaps into words."""
    words = memory.array("words", len(bitmaps) // WORD, word_count(contacts) * WORD)
    write_words((bitmaps[start : start + WORD] for start in range(0, len(bitmaps), WORD)), words, memory)
    return words[:, :contacts]


def from_words(words: Words, memory: Memory) -> Bitmaps:
    """Transpose words back into bitmaps, the reverse of `to_words`.

    Args:
        words: The words of the contacts.
    """
    contacts = words.shape[1]
    width = word_count(contacts)
    bitmaps = memory.array("bitmaps", len(words) * WORD, width)
    padded, space = np.zeros(width * WORD, dtype=np.uint64), memory.array("space", WORD // 2 * width)
    for group, row in zip(bitmaps.reshape(len(words), WORD, width), words, strict=True):
        padded[:contacts] = row
        np.copyto(group, padded.reshape(width, WORD).T)
        _transpose(group, space)
    return bitmaps


def write_words(groups: Iterable[Bitmaps], words: Words, memory: Memory) -> None:
    """Transpose bitmaps, given in groups of 64 segments.

    Args:
        words: The place for the words, with as many columns as the bitmaps have bits.
    """
    width = words.shape[1] // WORD
    matrix = memory.array("matrix", WORD, width)
    space = memory.array("space", WORD // 2 * width)
    for row, group in zip(words, groups, strict=True):
        np.copyto(matrix, group)
        _transpose(matrix, space)
        row.reshape(width, WORD)[...] = matrix.T


def find_differences(before: Words, after: Words) -> Differences:
    """Compare the words of the same contacts in two runs.

    Args:
        before: The words of the previous run, as many groups as in this run or fewer. They are overwritten.
        after: The words of this run.
    """
    changed = np.bitwise_xor(before, after[: len(before)], out=before)
    if len(before) < len(after):
        changed = np.concatenate([before, after[len(before) :]])
    width = max(after.shape[1], 1)
    bits, contacts = np.divmod(_places_of_bits(changed.ravel(), width), width)
    entered = after[bits // WORD, contacts] >> (bits % WORD).astype(np.uint64) & np.uint64(1)
    return Differences(bits, contacts, entered.astype(bool))


def _places_of_bits(words: npt.NDArray[np.uint64], width: int) -> npt.NDArray[np.int64]:
    """Return for each bit that is set its number times the contacts, plus its contact, in ascending order.

    Args:
        words: The words of a matrix with `width` contacts, group by group.
    """
    places = np.flatnonzero(words)
    words = words[places]
    places += places // width * (width * (WORD - 1))  # the place of the lowest bit of a group, instead of its word
    found = [np.empty(0, dtype=np.int64)]
    while len(words):  # take the lowest bit of each word
        rest = words & (words - _ONE)
        found.append(places + np.bitwise_count((words ^ rest) - _ONE).astype(np.int64) * width)
        has_more = np.flatnonzero(rest)
        words, places = rest[has_more], places[has_more]
    return np.sort(np.concatenate(found))


_BITS_IN_BYTES = ((4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555))
_BYTES_IN_WORDS = ((32, 0x00000000FFFFFFFF), (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF))


def _transpose(matrix: npt.NDArray[np.uint64], space: npt.NDArray[np.uint64]) -> None:
    """Transpose the blocks of 64 times 64 bits that the columns of a matrix are, in place.

    The method is that of "Hacker's Delight" by Henry S. Warren, section 7-3, on whole rows at once: swap blocks between
    rows at half the distance each time. The first three steps transpose the bits of 8 rows and the 8 bits of each byte;
    the last three the groups of 8 rows and the 8 bytes of each word. Row `8 * byte + bit` then has the word of contact
    `8 * byte + bit`.

    Args:
        matrix: 64 rows.
        space: Memory for half of the matrix.
    """
    eights = matrix.reshape(8, 8, -1)
    for axis, steps in ((1, _BITS_IN_BYTES), (0, _BYTES_IN_WORDS)):
        for distance, (shift, mask) in zip((4, 2, 1), steps, strict=True):
            if axis:
                pairs = eights.reshape(8, 4 // distance, 2, distance, -1)
                low, high = pairs[:, :, 0], pairs[:, :, 1]
            else:
                pairs = eights.reshape(4 // distance, 2, distance, 8, -1)
                low, high = pairs[:, 0], pairs[:, 1]
            _swap(low, high, np.uint64(shift), np.uint64(mask), space.reshape(low.shape))


def _swap(
    low: npt.NDArray[np.uint64],
    high: npt.NDArray[np.uint64],
    shift: np.uint64,
    mask: np.uint64,
    space: npt.NDArray[np.uint64],
) -> None:
    """Exchange the upper bits of `low` with the lower bits of `high`, where `mask` selects the lower bits."""
    np.right_shift(low, shift, out=space)
    np.bitwise_xor(space, high, out=space)
    np.bitwise_and(space, mask, out=space)
    np.bitwise_xor(high, space, out=high)
    np.left_shift(space, shift, out=space)
    np.bitwise_xor(low, space, out=low)
