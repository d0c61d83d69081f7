"""The smallest and the largest values of contacts."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc


def no_values(contacts: int, dtype: pl.DataType) -> pl.Series:
    """Return a missing value for each contact."""
    return pl.Series([None], dtype=dtype).new_from_index(0, contacts)


def extremes(known: pl.Series, contacts: npt.NDArray[np.intp], values: pl.Series, *, is_min: bool) -> pl.Series:
    """Return the smallest or the largest value of each contact; null if it has none.

    Args:
        known: The value of each contact so far; null if it has none.
        contacts: For each further value, its contact.
        values: The further values, without nulls.
        is_min: Whether the smallest value is wanted.
    """
    if not len(values):
        return known
    has_value = known.is_not_null()
    if has_value.any():
        contacts = np.concatenate([np.flatnonzero(has_value.to_numpy()), contacts])
        values = pl.concat([known.filter(has_value), values.cast(known.dtype)])
    reduce = _by_number if _is_number_in_numpy(known.dtype) else _by_rank
    return reduce(contacts, values.cast(known.dtype), len(known), is_min=is_min)


def _is_number_in_numpy(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or dtype.is_float() or dtype.is_temporal() or dtype == pl.Boolean


def _by_number(contacts: npt.NDArray[np.intp], values: pl.Series, number: int, *, is_min: bool) -> pl.Series:
    physical = values.to_physical()
    best, seen = _reduced(contacts, physical.to_numpy(), number, is_min=is_min)
    return pl.Series(best, dtype=physical.dtype).cast(values.dtype).set(pl.Series(~seen), None)


def _by_rank(contacts: npt.NDArray[np.intp], values: pl.Series, number: int, *, is_min: bool) -> pl.Series:
    """Compare the ranks of the distinct values, since NumPy has neither their type nor their order."""
    encoded = values.to_arrow().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    best, seen = _reduced(contacts, ranks[encoded.indices.to_numpy()], number, is_min=is_min)
    found = pl.Series(encoded.dictionary.take(pa.array(order[best])), dtype=values.dtype)
    return found.set(pl.Series(~seen), None)


def _reduced(
    contacts: npt.NDArray[np.intp], values: npt.NDArray[Any], number: int, *, is_min: bool
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the best value of each contact, and whether it has one."""
    best = np.full(number, values.max() if is_min else values.min(), values.dtype)
    (np.minimum if is_min else np.maximum).at(best, contacts, values)
    seen = np.zeros(number, np.bool_)
    seen[contacts] = True
    return best, seen
