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
    return _joined(values, pa.binary())


def to_texts(texts: Sequence[str | None]) -> pa.Array:
    """Return texts of together less than 2 GB as an array of `pyarrow.string`."""
    found = _joined([(text or "").encode() for text in texts], pa.string())
    if None not in texts:
        return found
    is_there = np.packbits([text is not None for text in texts], bitorder="little")
    return pa.Array.from_buffers(pa.string(), len(texts), [pa.py_buffer(is_there), *found.buffers()[1:]])


def _joined(values: Sequence[bytes], data_type: pa.DataType) -> pa.Array:
    ends = to_numbers(np.cumsum([0, *map(len, values)]).tolist(), pa.int32())
    return pa.Array.from_buffers(data_type, len(values), [None, ends.buffers()[1], pa.py_buffer(b"".join(values))])
