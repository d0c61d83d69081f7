"""Arrow data as series, compared with what PyArrow and Polars convert themselves."""

import polars as pl
import pyarrow as pa
import pytest

from segbatch.platform.arrow import as_series, elements

ARRAYS = [
    pa.array(["a", None, "b" * 40]),
    pa.array(["a", None, "b" * 40], pa.large_string()),
    pa.array([b"a", None, b"\xff"], pa.binary()),
    pa.array([1, None, 3], pa.uint16()),
    pa.array([True, None, False]),
    pa.array([[1, 2], None, []]),
    pa.array([{"a": 1}, None, {"a": None}]),
    pa.array([0, None, 86_399_000_000], pa.time64("us")),
    pa.array(["x", None, "x"]).dictionary_encode(),
    pa.nulls(3),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.type))
@pytest.mark.parametrize("part", [slice(None), slice(1, None), slice(3, 3)], ids=str)
def test_a_series_has_the_values_and_the_type_that_polars_converts(array: pa.Array, part: slice) -> None:
    found = as_series("name", array[part])
    assert found.name == "name"
    assert found.dtype == pl.Series(array[part]).dtype
    assert found.to_list() == array[part].to_pylist()


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.int64())], ids=str)
def test_the_elements_of_a_slice_of_lists_are_its_own(kind: pa.DataType) -> None:
    lists = pa.array([["1"], ["2", "3"], [], ["4"]], pa.list_(pa.string())).cast(kind)
    assert elements(lists[1:3]).equals(lists[1:3].flatten())
    assert elements(lists).equals(lists.flatten())
