"""The search for garbage during a block."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from segbatch.platform.garbage import FEW_SEARCHES, searching_rarely


@pytest.fixture(autouse=True)
def setting() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield gc.get_threshold()
    gc.set_threshold(*before)


def test_the_threshold_is_as_before_after_the_block() -> None:
    before = gc.get_threshold()
    with searching_rarely():
        assert gc.get_threshold()[0] == FEW_SEARCHES
    assert gc.get_threshold() == before


def test_the_threshold_is_as_before_after_an_error() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), searching_rarely():
        raise ZeroDivisionError
    assert gc.get_threshold() == before


def test_the_threshold_is_as_before_after_the_last_of_blocks_that_overlap() -> None:
    before, first, second = gc.get_threshold(), ExitStack(), ExitStack()
    first.enter_context(searching_rarely())
    second.enter_context(searching_rarely())
    first.close()
    assert gc.get_threshold()[0] == FEW_SEARCHES
    second.close()
    assert gc.get_threshold() == before


@pytest.mark.parametrize("own", [0, FEW_SEARCHES + 1])
def test_a_program_that_looks_even_more_rarely_keeps_its_setting(own: int) -> None:
    gc.set_threshold(own, 10, 10)
    with searching_rarely():
        assert gc.get_threshold() == (own, 10, 10)
    assert gc.get_threshold() == (own, 10, 10)
