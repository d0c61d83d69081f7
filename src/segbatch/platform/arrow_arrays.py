"""Arrow arrays from Python's own values, without `pyarrow.array` and `pyarrow.scalar`.

These import pandas if it is installed, which takes a second in every process of a cluster. This module must not import
Polars: tasks of Spark limit its threads first.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa


def to_numbers(values: Iterable[int], data_type: pa.DataType) -> pa.Array:
    """Return whole numbers as an array of an integer type.

    Raises:
        OverflowError: A number does not fit the type.
    """
    numbers = np.array([*values], dtype=data_type.to_pandas_dtype())
    return pa.Array.from_buffers(data_type, len(numbers), [None, pa.py_buffer(numbers)])


def to_binary(values: Sequence[bytes]) -> pa.Array:
    """Return values of together less than 2 GB as an array of `pyarrow.binary`."""
    ends = to_numbers(np.cumsum([0, *map(len, values)]).tolist(), pa.int32())
    return pa.Array.from_buffers(pa.binary(), len(values), [None, ends.buffers()[1], pa.py_buffer(b"".join(values))])
