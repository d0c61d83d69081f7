"""Recording batches of bitmaps and batches of words: both write the same files."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from segbatch.model.manifest import PublishedFile
from segbatch.platform.bitmaps import from_columns
from segbatch.storage.bit_matrix import Memory, to_bitmaps, to_words
from segbatch.storage.comparison import PreviousRun
from segbatch.storage.id_types import IdTypes
from segbatch.storage.recorder import Recorded, Recorder
from segbatch.storage.run_writers import Writers
from segbatch.storage.segment_bits import SegmentBits
from segbatch.storage.state import open_state

AS_OF = datetime(2025, 11, 1, 2, tzinfo=UTC)
ID_TYPES = IdTypes.of("contacts.parquet", pa.string(), None)
SEGMENTS = [f"s{number:02}" for number in range(70)]
KEPT, EVALUATED = SEGMENTS[3:5], [*SEGMENTS[:3], *SEGMENTS[5:]]


def batches(seed: int, sizes: tuple[int, ...], segments: int) -> list[tuple[pa.Array, list[pl.Series]]]:
    """Return contacts in random order with random members."""
    random = np.random.default_rng(seed)
    ids = random.permutation(sum(sizes) + 20)[: sum(sizes)]
    starts = np.cumsum([0, *sizes])
    return [
        (
            pa.array([f"c{number}" for number in ids[start : start + size]]),
            [pl.Series(random.random(size) < 0.2) for _ in range(segments)],
        )
        for start, size in zip(starts, sizes, strict=False)
    ]


def previous_run(folder: Path) -> PreviousRun:
    folder.mkdir()
    writers = Writers(folder, "before", AS_OF, ID_TYPES)
    with Recorder(SEGMENTS, [], None, ID_TYPES, writers) as recorder:
        for ids, members in batches(1, (100, 64, 7), len(SEGMENTS)):
            recorder.record(ids, from_columns(members, len(ids)))
        recorder.finish()
    return PreviousRun.of(open_state(folder), ID_TYPES)


def record(folder: Path, previous: PreviousRun | None, kept: list[str], *, words: bool) -> Recorded:
    folder.mkdir()
    bits = (previous.state.bitmap if previous else SegmentBits()).next([*EVALUATED, *kept])
    with Recorder(EVALUATED, kept, previous, ID_TYPES, Writers(folder, "now", AS_OF, ID_TYPES), bits) as recorder:
        for ids, members in batches(2, (80, 1, 90), len(EVALUATED)):
            bitmaps = from_columns(members, len(ids))
            if words:
                by_name = dict(zip(EVALUATED, bitmaps, strict=True))
                matrix = to_bitmaps([by_name.get(name or "") for name in bits.names], len(ids), Memory())
                recorder.record_words(ids, to_words(matrix, len(ids), Memory()))
            else:
                recorder.record(ids, bitmaps)
        return recorder.finish()


def digests(files: tuple[PublishedFile, ...]) -> dict[str, str]:
    return {file.path: file.sha256 for file in files}


@pytest.mark.parametrize("kept", [[], KEPT])
@pytest.mark.parametrize("is_first", [True, False])
def test_words_are_recorded_as_bitmaps_are(tmp_path: Path, kept: list[str], *, is_first: bool) -> None:
    previous = None if is_first else previous_run(tmp_path / "before")
    kept = kept if previous else []
    expected = record(tmp_path / "bitmaps", previous, kept, words=False)
    found = record(tmp_path / "words", previous, kept, words=True)
    assert (found.members, found.entered, found.exited) == (expected.members, expected.entered, expected.exited)
    assert sum(found.members.values()) > 1_000
    assert bool(found.exited) is not is_first
    assert len(found.files) == 3 + 2 + bool(kept)  # the last has contacts that are gone and stay in a segment
    assert digests(found.files) == digests(expected.files)
