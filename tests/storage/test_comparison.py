"""The comparison of two runs, batch by batch, against the comparison of all their members at once."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from segbatch.platform.bitmaps import Bitmaps, from_columns
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.storage import bit_matrix, comparison
from segbatch.storage.bit_matrix import Memory, to_bitmaps
from segbatch.storage.changed_contacts import ChangedContacts
from segbatch.storage.comparison import Comparison, PreviousRun
from segbatch.storage.id_types import IdTypes
from segbatch.storage.row_alignment import HashedIds
from segbatch.storage.segment_bits import SegmentBits
from segbatch.storage.state import StateWriter, open_state

ID_TYPES = IdTypes.of("contacts.parquet", pa.string(), pa.string())
MOST_AT_ONCE = 100
"""The number of changes that are found at once."""
Run = dict[str, int]
"""The bits of each contact."""


def batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(names)
    while part := list(islice(rest, size)):
        yield part


def hashed(ids: pa.Array) -> HashedIds:
    return HashedIds.of(ids_as_series(ids))


def bitmaps(numbers: list[int], bits: int) -> Bitmaps:
    columns = [pl.Series([bool(number >> bit & 1) for number in numbers], dtype=pl.Boolean) for bit in range(bits)]
    return to_bitmaps([*from_columns(columns, len(numbers))], len(numbers), Memory())


def previous_run(folder: Path, run: Run, bits: int, batch: int) -> PreviousRun:
    writer = StateWriter(folder, SegmentBits(tuple(f"s{bit}" for bit in range(bits))), pa.string())
    for part in batched(run, batch):
        columns = [pl.Series([bool(run[name] >> bit & 1) for name in part]) for bit in range(bits)]
        writer.write(pa.array(part), to_bitmaps([*from_columns(columns, len(part))], len(part), Memory()))
    writer.finish()
    return PreviousRun.of(open_state(folder), ID_TYPES)


def found_changes(before: PreviousRun, after: Run, bits: int, batch: int) -> list[tuple[str, int, bool]]:
    """Compare in batches, and return every change with the contact's id, sorted."""
    changes = list[tuple[str, int, bool]]()

    def report(found: ChangedContacts) -> None:
        ids, changed, after = found
        assert len(ids) == changed.shape[1] == after.shape[1]
        assert 0 < np.bitwise_count(changed).sum() <= MOST_AT_ONCE
        for number, name in enumerate(ids.to_pylist()):
            for bit in range(64 * len(changed)):
                is_changed, is_member = (int(words[bit // 64, number]) >> bit % 64 & 1 for words in (changed, after))
                if is_changed:
                    changes.append((name, bit, bool(is_member)))

    compared = Comparison(before, ID_TYPES, [], report)
    for part in batched(after, batch):
        ids = pa.array(part)
        compared.compare(ids, compared.find(hashed(ids)), bitmaps([after[name] for name in part], bits))
    gone = compared.gone()
    compared.compare_gone(gone, bitmaps([0] * len(gone), bits))
    compared.finish()
    return sorted(changes)


def expected_changes(before: Run, after: Run, bits: int) -> Iterator[tuple[str, int, bool]]:
    for name in before.keys() | after.keys():
        was, now = before.get(name, 0), after.get(name, 0)
        yield from ((name, bit, bool(now >> bit & 1)) for bit in range(bits) if (was ^ now) >> bit & 1)


@pytest.mark.parametrize("limit", [1 << 26, 600, 0], ids=["all in memory", "some in memory", "nothing in memory"])
@pytest.mark.parametrize("by_digests", [True, False])
@pytest.mark.parametrize("moved", [0, 0.2, 1], ids=["in order", "a fifth moved", "shuffled"])
@pytest.mark.parametrize("bits", [(3, 3), (70, 130)], ids=["few segments", "more segments than before"])
def test_every_change_is_found_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    moved: float,
    bits: tuple[int, int],
    *,
    by_digests: bool,
) -> None:
    monkeypatch.setattr(comparison, "_MOST_WAITING", limit)
    monkeypatch.setattr(bit_matrix, "MOST_CHANGES", MOST_AT_ONCE)
    random = np.random.default_rng(7)
    names = [f"c{number}" for number in range(1_000)]
    old = {name: int(random.integers(1 << min(bits[0], 60))) for name in names}
    staying = [name for name in names if random.random() > 0.05]
    places = np.flatnonzero(random.random(len(staying)) < moved)
    order = np.array(staying, dtype=object)
    order[places] = order[random.permutation(places)]
    new = {str(name): old[name] ^ (int(random.integers(8)) if random.random() < 0.1 else 0) for name in order}
    new |= {f"n{number}": int(random.integers(8)) << bits[1] - 3 for number in range(50)}
    previous = previous_run(tmp_path, old, bits[0], 90)
    changes = found_changes(previous if by_digests else previous.without_digests(), new, bits[1], 64)
    assert changes == sorted(expected_changes(old, new, bits[1]))
    assert len(changes) > 100


@pytest.mark.parametrize("old", [{}, {"a": 1}])
def test_a_run_without_contacts_is_compared(tmp_path: Path, old: Run) -> None:
    assert found_changes(previous_run(tmp_path, old, 1, 9), {}, 1, 9) == [(name, 0, False) for name in old]


def test_contacts_that_occur_twice_are_not_compared(tmp_path: Path) -> None:
    before = previous_run(tmp_path, {"a": 1, "b": 0}, 1, 1)
    compared = Comparison(before, ID_TYPES, [], lambda found: seen.append(len(found.ids)))
    seen = list[int]()
    for _ in range(2):
        compared.compare(pa.array(["a"]), compared.find(hashed(pa.array(["a"]))), bitmaps([0], 1))
    compared.finish()
    assert seen == [1]


def test_kept_segments_have_their_members_of_the_previous_run(tmp_path: Path) -> None:
    before = previous_run(tmp_path, {f"c{number}": number for number in range(20)}, 5, 7)
    compared = Comparison(before, ID_TYPES, ["s0", "s4"], lambda _found: None)
    rows = compared.find(hashed(pa.array(["c17", "x", "c0", "c16"])))
    kept = {name: members.to_list() for name, members in compared.kept_members(rows).items()}
    assert kept == {"s0": [True, False, False, False], "s4": [True, False, False, True]}
    assert compared.ids_of(np.array([3, 6, 7, 19])).to_pylist() == ["c3", "c6", "c7", "c19"]


def test_the_members_of_the_previous_run_are_counted(tmp_path: Path) -> None:
    numbers = {f"c{number}": number for number in range(200)}
    counted = previous_run(tmp_path, numbers, 70, 64).members
    expected = {f"s{bit}": sum(number >> bit & 1 for number in range(200)) for bit in range(70)}
    assert counted == expected
