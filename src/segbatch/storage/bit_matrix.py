"""Memberships as matrices of bits, in two layouts.

Polars has one bitmap per segment, and so has the state of a run. Two runs are compared contact by contact, because a
contact can be in any row of a snapshot. For that, words have 64 segments of one contact in a 64-bit number. Only the
digests of all contacts are compared, and words are made of the few contacts whose digests differ.
"""

from collections.abc import Iterator, Sequence
from math import prod
from random import Random

import numpy as np
import numpy.typing as npt

from segbatch.platform.bitmaps import WORD, Bitmap, Bitmaps, word_count

_BYTES = 8
"""Bytes per word."""
_DISTANCES = range(1, 40)
"""Distances of rows that are combined for a digest."""
_FEW = 8
"""For more than one in this number of contacts, it is faster to transpose the bits of all."""
MOST_CHANGES = 1 << 22
"""Maximum number of changes that are written at once, if they are of more than one contact. They take 8 MB."""
MOST_CHANGED_CONTACTS = 1 << 16
"""Maximum number of contacts whose changes are written at once."""

Words = npt.NDArray[np.uint64]
"""One row of words per group of 64 segments, with one word per contact."""


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
    return transpose(in_groups(bitmaps), contacts, memory)


def transpose(groups: Sequence[Bitmaps], contacts: int, memory: Memory) -> Words:
    """Transpose bitmaps, given in groups of 64 segments, into words."""
    width = word_count(contacts)
    words = memory.array("words", len(groups), width * WORD)
    matrix, space = memory.array("matrix", WORD, width), memory.array("space", WORD // 2 * width)
    for row, group in zip(words, groups, strict=True):
        np.copyto(matrix, group)
        _transpose(matrix, space)
        row.reshape(width, WORD)[...] = matrix.T
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


def digest_contacts(groups: Sequence[Bitmaps], contacts: int, memory: Memory) -> npt.NDArray[np.uint64]:
    """Return a digest of 64 bits of the memberships of each contact; 0 for contacts that are in no segment.

    Each bit of a digest is a sum modulo 2 of segments that are chosen at random. It is computed from the bitmaps, so
    only the digests are transposed. Memberships that differ in segments of one group, or in up to four of the first
    1,024 segments, have different digests. Of others, one pair in about 2 ** 64 has the same. Further groups without
    members do not change the digests.

    Args:
        groups: The bitmaps, in groups of 64 segments.
    """
    width = word_count(contacts)
    sums, *spaces = (memory.array(name, WORD, width) for name in ("matrix", "digests", "more digests"))
    sums[...] = 0
    for number, group in enumerate(groups):
        mixed, turn = _mix(group, spaces, Random(number)), number % WORD  # noqa: S311 - the same in every run
        np.bitwise_xor(sums[turn:], mixed[: WORD - turn], out=sums[turn:])
        np.bitwise_xor(sums[:turn], mixed[WORD - turn :], out=sums[:turn])
    _transpose(sums, spaces[0][: WORD // 2])
    return sums.T.flatten()[:contacts]


def words_of(groups: Sequence[Bitmaps], contacts: int, places: npt.NDArray[np.int64], memory: Memory) -> Words:
    """Return the words of some contacts.

    Args:
        groups: The bitmaps of all contacts, in groups of 64 segments.
        places: The rows of the wanted contacts.
    """
    if len(places) * _FEW > contacts:
        return np.take(transpose(groups, contacts, memory), places, axis=1)
    words = np.empty((len(groups), len(places)), dtype=np.uint64)
    byte, bit = places >> 3, (places & 7).astype(np.uint8)
    shifts = np.arange(_BYTES, dtype=np.uint8)[:, np.newaxis]
    for row, group in zip(words, groups, strict=True):
        bits = np.take(group.view(np.uint8), byte, axis=1)
        bits >>= bit
        bits &= np.uint8(1)
        eights = bits.reshape(_BYTES, _BYTES, -1)
        eights <<= shifts
        row.view(np.uint8).reshape(-1, _BYTES)[...] = np.bitwise_or.reduce(eights, axis=1).T
    return words


def in_groups(bitmaps: Bitmaps) -> list[Bitmaps]:
    """Return bitmaps in groups of 64 segments."""
    return [bitmaps[start : start + WORD] for start in range(0, len(bitmaps), WORD)]


def changed_bits(before: Words, after: Words) -> Words:
    """Return the bits of some contacts that two runs do not share.

    Args:
        before: The words of the previous run, as many groups as in this run or fewer. They are overwritten.
        after: The words of this run.
    """
    changed = np.bitwise_xor(before, after[: len(before)], out=before)
    return changed if len(before) == len(after) else np.concatenate([changed, after[len(before) :]])


def slices_of(changed: Words) -> Iterator[slice]:
    """Divide contacts into slices with a bounded number of contacts and of changed bits, so that memory is bounded.

    A slice has at least one contact. Contacts after the last change are left out.
    """
    ends = np.cumsum(np.bitwise_count(changed).sum(axis=0, dtype=np.int64))
    start, found = 0, 0
    while start < len(ends) and found < ends[-1]:
        end = max(int(np.searchsorted(ends, found + MOST_CHANGES, side="right")), start + 1)
        end = min(end, start + MOST_CHANGED_CONTACTS)
        yield slice(start, end)
        start, found = end, int(ends[end - 1])


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


def _mix(matrix: Bitmaps, spaces: Sequence[Bitmaps], random: Random) -> Bitmaps:
    """Multiply each column of 64 bits by a random matrix, of which the inverse exists, modulo 2.

    It is a product of three triangular matrices: each row is combined with two rows above it, then below, then above.

    Args:
        spaces: Two memories of the same size. One of them is returned.
    """
    for turn in range(3):
        new = spaces[turn % 2]
        target, source = (new[::-1], matrix[::-1]) if turn % 2 else (new, matrix)
        one, two = random.sample(_DISTANCES, 2)
        np.copyto(target[:one], source[:one])
        np.bitwise_xor(source[one:], source[:-one], out=target[one:])
        np.bitwise_xor(target[two:], source[:-two], out=target[two:])
        matrix = new
    return matrix


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
