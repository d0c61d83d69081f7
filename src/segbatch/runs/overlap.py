"""The numbers of contacts that the segments of a run share, counted in the bits of its state.

All pairs of 1,000 segments over 2,000,000 contacts are 16 billion words of 64 contacts to combine and count. They are
counted batch by batch, a block of segments at a time, so that the words stay in the processor's cache.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segbatch.model.views import Inside, NearDuplicate
from segbatch.platform.bitmaps import Bitmaps
from segbatch.storage.state import State

Counts = npt.NDArray[np.int64]

MOST_PAIRS = 200
"""Maximum number of near-duplicates, and of segments inside others."""

NEAR_DUPLICATE = 0.9
"""Minimum share of common members for two segments to be near-duplicates."""

_BLOCK = 32
"""Segments that another one is compared with at once: their words in a batch are 256 kilobytes."""

_THREADS = min(os.cpu_count() or 1, 4)


@dataclass(frozen=True, slots=True)
class OverlapCounts:
    """The numbers of contacts that segments share.

    Attributes:
        segment_ids: The segments.
        counts: One row and one column per segment; the diagonal has the sizes.
    """

    segment_ids: tuple[str, ...]
    counts: Counts

    def among(self, segment_ids: Sequence[str]) -> "OverlapCounts":
        """Return the counts of some of these segments, in the given order."""
        places = {name: place for place, name in enumerate(self.segment_ids)}
        rows = [places[name] for name in segment_ids]
        return OverlapCounts(tuple(segment_ids), self.counts[np.ix_(rows, rows)])

    def near_duplicates(self) -> Iterator[NearDuplicate]:
        """Yield the pairs of segments with almost the same members, the most similar first."""
        sizes = np.diagonal(self.counts)
        union = np.maximum(sizes[:, None] + sizes - self.counts, 1)
        similarity = np.triu(self.counts / union, 1)
        for a, b in _largest(similarity, similarity >= NEAR_DUPLICATE):
            yield NearDuplicate(a=self.segment_ids[a], b=self.segment_ids[b], jaccard=float(similarity[a, b]))

    def inside(self) -> Iterator[Inside]:
        """Yield the pairs of segments whose one has all members of the other and more, the closest in size first."""
        sizes = np.diagonal(self.counts)
        is_inside = (self.counts == sizes[:, None]) & (sizes[:, None] < sizes) & (sizes[:, None] > 0)
        for inner, outer in _largest(sizes[:, None] / np.maximum(sizes, 1), is_inside):
            yield Inside(inner=self.segment_ids[inner], outer=self.segment_ids[outer])


def _largest(values: npt.NDArray[np.float64], is_wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the places of the largest wanted values of a matrix; equal ones by their place."""
    rows, columns = np.nonzero(is_wanted)
    order = np.argsort(-values[rows, columns], kind="stable")[:MOST_PAIRS]
    return zip(rows[order].tolist(), columns[order].tolist(), strict=True)


def count_overlaps(state: State, segment_ids: Sequence[str]) -> OverlapCounts:
    """Count the contacts that each two segments of a run share.

    Args:
        segment_ids: The segments. One without a bit in the state has no members.

    Raises:
        PublishError: The state is damaged.
    """
    known = [place for place, name in enumerate(segment_ids) if name in state.bitmap.bits]
    bits = [state.bitmap.bits[segment_ids[place]] for place in known]

    def count(batch: int) -> Counts:
        return _count(state.bitmaps(batch)[bits])

    counts = np.zeros((len(known), len(known)), dtype=np.int64)
    with ThreadPoolExecutor(_THREADS, "segbatch-overlap") as pool:
        for found in pool.map(count, range(len(state.starts) - 1)):
            counts += found
            state.release_memory()
    counts += np.triu(counts, 1).T
    among_all = np.zeros((len(segment_ids), len(segment_ids)), dtype=np.int64)
    among_all[np.ix_(known, known)] = counts
    return OverlapCounts(tuple(segment_ids), among_all)


def _count(bitmaps: Bitmaps) -> Counts:
    """Return the numbers of contacts in each two bitmaps, above and on the diagonal."""
    counts = np.zeros((len(bitmaps), len(bitmaps)), dtype=np.int64)
    used = np.flatnonzero(bitmaps.any(axis=1))
    bitmaps = bitmaps[used]
    both = np.empty((_BLOCK, bitmaps.shape[1]), dtype=np.uint64)
    bits = np.empty(both.shape, dtype=np.uint8)
    for start in range(0, len(used), _BLOCK):
        block, places = bitmaps[start : start + _BLOCK], used[start : start + _BLOCK]
        for row in range(start + len(block)):
            others = block[max(row - start, 0) :]
            here, found = both[: len(others)], bits[: len(others)]
            np.bitwise_and(bitmaps[row], others, out=here)
            np.bitwise_count(here, out=found)
            counts[used[row], places[len(block) - len(others) :]] = found.sum(axis=1, dtype=np.uint32)
    return counts
