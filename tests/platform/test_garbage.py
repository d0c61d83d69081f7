"""The search for garbage during a block."""

import gc

import pytest

from segbatch.platform.garbage import FEW_SEARCHES, searching_rarely


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
