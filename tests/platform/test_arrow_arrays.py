"""Arrow arrays from Python's own values are those of PyArrow."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.platform.arrow_arrays import to_binary, to_numbers


@given(values=st.lists(st.binary(max_size=20)))
def test_bytes(values: list[bytes]) -> None:
    found = to_binary(values)
    found.validate(full=True)
    assert found.equals(pa.array(values, pa.binary()))


@given(numbers=st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_numbers(numbers: list[int]) -> None:
    for data_type in (pa.int32(), pa.int64()):
        assert to_numbers(numbers, data_type).equals(pa.array(numbers, data_type))


def test_a_number_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(OverflowError):
        to_numbers([2**31], pa.int32())
