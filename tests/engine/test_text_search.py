"""Searches in joined texts find the texts that Polars finds, one by one."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.engine.text_search import JoinedTexts
from segbatch.platform.bitmaps import to_columns

LETTERS = "abé𝄞."


def found_in(texts: pl.Series, text: str) -> list[bool]:
    return to_columns(JoinedTexts(texts).find(text).reshape(1, -1), len(texts))[0].to_list()


def expected_in(texts: pl.Series, text: str) -> list[bool]:
    return texts.str.contains(text, literal=True).fill_null(value=False).to_list()


@given(
    texts=st.lists(st.none() | st.text(LETTERS, max_size=12), min_size=1, max_size=150),
    text=st.text(LETTERS, min_size=1, max_size=8),
)
def test_a_search_finds_the_texts_that_contain_the_text(texts: list[str | None], text: str) -> None:
    column = pl.Series(texts, dtype=pl.String)
    assert found_in(column, text) == expected_in(column, text)


@pytest.mark.parametrize("text", ["needle", "n", "needle in a", "@example.com"])
@pytest.mark.parametrize("share", [1, 2, 1_000])
def test_rare_and_common_texts_are_found(text: str, share: int) -> None:
    texts = [f"hay {text}{row}" if row % share == 0 else "hay nee" for row in range(5_000)]
    assert found_in(pl.Series(texts), text) == expected_in(pl.Series(texts), text)


def test_a_match_across_two_texts_does_not_count() -> None:
    assert found_in(pl.Series(["ab", "", "ab", "c"]), "abc") == [False] * 4
    assert found_in(pl.Series(["ab", "abc"]), "abab") == [False] * 2


def test_texts_behind_nulls_are_not_found() -> None:
    texts = pl.select(pl.when(pl.Series([False, True])).then(pl.Series(["a text", "a text"]))).to_series()
    assert found_in(texts, "text") == [False, True]


def test_parts_of_a_column_are_searched_as_one() -> None:
    texts = pl.concat([pl.Series(["ab", "c"]), pl.Series(["bc", None])], rechunk=False).slice(1)
    assert texts.n_chunks() == 2
    assert found_in(texts, "c") == [True, True, False]
