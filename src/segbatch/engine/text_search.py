"""Search for short texts in a column of texts.

A column is searched as one sequence of bytes, which takes a third of the time of a search in each of its texts. A match
that begins in one text and ends in another does not count. Bytes of UTF-8 match only where characters match.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from segbatch.platform.bitmaps import WORD, Bitmap, word_count

WORTH_JOINING = 4
"""Minimum number of searches in a column for which it pays to join its texts."""

_COMPARED = 4
_COMMON = 64
"""The four rarest bytes of a text are compared everywhere. If they match at less than one position of 64, the others
are compared only there."""

_SAMPLE = 1 << 16
"""Number of bytes that are counted to find the rarest bytes."""


class JoinedTexts:
    """The texts of a column for some contacts, joined for several searches."""

    def __init__(self, texts: pl.Series) -> None:
        """Join texts.

        Args:
            texts: One text or null per contact.
        """
        array = texts.rechunk().to_arrow()
        _, offsets, data = array.buffers()
        ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        self._lengths = np.diff(ends)
        self._bytes = np.frombuffer(data or b"", dtype=np.uint8)[ends[0] : ends[-1]]
        self._frequency = np.bincount(self._bytes[:_SAMPLE], minlength=256)
        self._nulls = np.flatnonzero(texts.is_null().to_numpy()) if texts.null_count() else None

    def find(self, text: str) -> Bitmap:
        """Return the contacts whose text contains another text, which is not empty."""
        sought = np.frombuffer(text.encode(), dtype=np.uint8)
        starts = self._find_starts(sought)
        rows = self._rows.take(starts)
        rows = rows[self._rows.take(starts + (len(sought) - 1)) == rows]
        is_found = np.zeros(word_count(len(self._lengths)) * WORD, dtype=np.bool_)
        is_found[rows] = True
        if self._nulls is not None:  # a null can have bytes
            is_found[self._nulls] = False
        return np.packbits(is_found, bitorder="little").view("<u8")

    @cached_property
    def _rows(self) -> npt.NDArray[np.int32]:
        """The contact that each byte belongs to."""
        return np.repeat(np.arange(len(self._lengths), dtype=np.int32), self._lengths)

    def _find_starts(self, sought: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
        """Return the positions at which the bytes begin, in the joined texts."""
        count = len(self._bytes) - len(sought) + 1
        if count <= 0:
            return np.empty(0, dtype=np.intp)
        places = np.argsort(self._frequency[sought], kind="stable").tolist()
        is_start = self._bytes[places[0] : places[0] + count] == sought[places[0]]
        for number, place in enumerate(places[1:], 1):
            if number == _COMPARED and np.count_nonzero(is_start) < count // _COMMON:
                return self._complete(np.flatnonzero(is_start), sought, places[number:])
            is_start &= self._bytes[place : place + count] == sought[place]
        return np.flatnonzero(is_start)

    def _complete(
        self, starts: npt.NDArray[np.intp], sought: npt.NDArray[np.uint8], places: Sequence[int]
    ) -> npt.NDArray[np.intp]:
        """Return those positions at which the bytes at the other places match too."""
        for place in places:
            starts = starts[self._bytes[place:].take(starts) == sought[place]]
        return starts
