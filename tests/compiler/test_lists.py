"""Rules on lists match the contacts with an element that equals the value, in any layout of the lists."""

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import rule, segment
from segbatch.compiler.compile_segment import compile_segment

ELEMENTS = st.lists(st.sampled_from(["vip", "new", "", None]), max_size=3)


def matched(column: pl.Series, value: object, operator: str = "contains") -> list[bool]:
    frame = column.alias("tags").to_frame()
    predicate = compile_segment(segment(rule("tags", operator, value)), frame.schema)
    return frame.select(predicate.alias("found")).to_series().to_list()


@given(lists=st.lists(ELEMENTS | st.none(), max_size=30), start=st.integers(0, 5))
def test_a_list_matches_by_any_of_its_elements(lists: list[list[str | None] | None], start: int) -> None:
    column = pl.Series(lists, dtype=pl.List(pl.String))[start:]
    expected = [one is not None and "vip" in one for one in lists[start:]]
    assert matched(column, "vip") == expected
    assert matched(column, "vip", "not_contains") == [not one for one in expected]


@pytest.mark.parametrize("start", [0, 1, 2])
def test_elements_of_a_list_that_is_null_do_not_count(start: int) -> None:
    values = pa.array(["new", "vip", "vip", "vip"])
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 3, 3, 4]), values, mask=pa.array([False, True, False, False]))
    assert matched(pl.Series(lists)[start:], "vip") == [False, False, False, True][start:]


def test_many_elements_that_pass_count_once() -> None:
    column = pl.Series([[True] * 70_000, [False] * 70_000], dtype=pl.List(pl.Boolean))
    assert matched(column, value=True) == [True, False]
