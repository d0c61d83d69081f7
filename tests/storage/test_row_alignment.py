"""Finding contacts of one run among those of another run."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from segbatch.storage import row_alignment
from segbatch.storage.row_alignment import ContactIndex, HashedIds, find_rows


def found(ids: list[list[str]], contacts: list[list[str]]) -> list[int | None]:
    return find_rows(*([pl.Series("id", batch, pl.String) for batch in run] for run in (ids, contacts))).to_list()


@pytest.mark.parametrize(
    ("previous", "current", "rows"),
    [
        ([["a", "b"], ["c"]], [["a"], ["b", "c"]], [0, 1, 2]),
        ([["a", "b", "c"]], [["c", "a"], ["b"]], [2, 0, 1]),
        ([["a", "b", "c"]], [["c", "a"]], [2, 0]),
        ([["a", "b"]], [["b", "x", "a"]], [1, None, 0]),
        ([["a", "b"]], [["x", "y"]], [None, None]),
        ([["a", "b"]], [], []),
        ([], [["a"]], [None]),
        ([], [], []),
    ],
    ids=["same", "shuffled", "gone", "new", "all others", "nobody now", "nobody then", "nobody ever"],
)
def test_contacts_are_found_by_id(previous: list[list[str]], current: list[list[str]], rows: list[int | None]) -> None:
    assert found(current, previous) == rows


def test_ids_that_are_numbers_are_found_too() -> None:
    assert find_rows([pl.Series([3, 4])], [pl.Series([1, 2, 3])]).to_list() == [2, None]


def test_many_contacts_are_found_in_any_order() -> None:
    ids = np.random.default_rng(1).permutation(10_000)
    index = ContactIndex([pl.Series(ids[:4_000]), pl.Series(ids[4_000:])])
    assert len(index) == 10_000
    for part in np.split(np.arange(-5, 10_005), 10):
        expected = np.where((part >= 0) & (part < 10_000), np.argsort(ids)[part.clip(0, 9_999)], row_alignment.NEW)
        assert index.find(HashedIds.of(pl.Series(part))).tolist() == expected.tolist()


@pytest.mark.parametrize("previous", [["a", "b", "c"], ["c", "a"], ["b", "c"], ["c"], ["a", "d", "b"]])
def test_ids_that_share_half_of_their_hash_are_different(previous: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def weak(ids: pl.Series) -> npt.NDArray[np.uint64]:
        first = ids.replace_strict({"a": 1, "b": 1, "d": 1}, default=2, return_dtype=pl.UInt64)
        return first.to_numpy()

    monkeypatch.setattr(row_alignment, "_slot_hashes", weak)
    expected = [previous.index(name) if name in previous else None for name in ("b", "a", "x", "d")]
    assert found([["b", "a", "x", "d"]], [previous]) == expected
