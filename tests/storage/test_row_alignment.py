"""Finding the contacts of a run among those of the previous run."""

from collections.abc import Iterable

import polars as pl
import pytest

from segbatch.storage import row_alignment
from segbatch.storage.row_alignment import ContactAlignment, align_contacts


def aligned(previous: list[list[str]], current: list[list[str]]) -> ContactAlignment:
    return align_contacts(*([pl.Series("id", ids, pl.String) for ids in run] for run in (previous, current)))


@pytest.mark.parametrize(
    ("previous", "current", "rows", "gone"),
    [
        ([["a", "b"], ["c"]], [["a"], ["b", "c"]], [0, 1, 2], []),
        ([["a", "b", "c"]], [["c", "a"], ["b"]], [2, 0, 1], []),
        ([["a", "b", "c"]], [["c", "a"]], [2, 0], [1]),
        ([["a", "b"]], [["b", "x", "a"]], [1, None, 0], []),
        ([["a", "b"]], [["x", "y"]], [None, None], [0, 1]),
        ([["a", "b"]], [], [], [0, 1]),
        ([], [["a"]], [None], []),
        ([], [], [], []),
    ],
    ids=["same", "shuffled", "gone", "new", "all others", "nobody now", "nobody then", "nobody ever"],
)
def test_contacts_are_found_by_id(
    previous: list[list[str]], current: list[list[str]], rows: list[int | None], gone: list[int]
) -> None:
    found = aligned(previous, current)
    assert (found.rows.to_list(), found.gone.to_list()) == (rows, gone)


def test_ids_that_are_numbers_are_found_too() -> None:
    found = align_contacts([pl.Series([1, 2, 3])], [pl.Series([3, 4])])
    assert (found.rows.to_list(), found.gone.to_list()) == ([2, None], [0, 1])


@pytest.mark.parametrize("previous", [["a", "b", "c"], ["c", "a"]])
def test_ids_that_share_half_of_their_hash_are_different(previous: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def weak(batches: Iterable[pl.Series]) -> pl.DataFrame:
        ids = pl.concat(batches)
        return pl.DataFrame({"a": ids.replace_strict({"a": 1, "b": 1}, default=2), "b": ids.hash()})

    monkeypatch.setattr(row_alignment, "_keys", weak)
    found = aligned([previous], [["b", "a", "x"]])
    assert found.rows.to_list() == [previous.index("b") if "b" in previous else None, previous.index("a"), None]
    assert found.gone.to_list() == [previous.index("c")]
