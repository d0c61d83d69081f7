"""Arrow data as Polars series, without loading `pyarrow.compute`.

Polars imports that module to convert an array of PyArrow, and methods of arrays such as `cast` and `filter` import it
too. It makes a Python function for each of PyArrow's 300 functions, which takes as long as importing half of Polars.
A run that needs none of them does without.
"""

from typing import Any

import polars as pl
import pyarrow as pa


class _Exported:
    """An array that is passed on through Arrow's C interface."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """Return the type and the values as PyCapsules."""
        capsules: tuple[Any, Any] = self._array.__arrow_c_array__(requested_schema)
        return capsules


def as_series(name: str, array: pa.Array) -> pl.Series:
    """Return the values of an array as a series, which shares their memory where Polars has the same layout."""
    return pl.Series(_Exported(array)).alias(name)


def elements(lists: pa.ListArray | pa.LargeListArray) -> pa.Array:
    """Return the elements of lists of which none is null, one list after the other."""
    ends = lists.offsets
    return lists.values[ends[0].as_py() : ends[-1].as_py()]
