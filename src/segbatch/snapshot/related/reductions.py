"""Values of contacts from the values of their rows: sums and means, and the smallest and the largest values.

Sums and means of whole numbers and decimals are exact.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_LIMB_BITS = 40
_LIMBS = 4
_LARGEST = 2**63 - 1
_EXACT_DOUBLE = 2**53


def exact_sums(contacts: npt.NDArray[np.intp], values: pl.Series, number: int) -> pl.Series:
    """Return the sums of the whole numbers of each contact, as 128-bit numbers.

    Args:
        contacts: For each value, its contact.
        values: Whole numbers without nulls; at most 2 to the power of 23.
        number: The number of contacts.
    """
    small = values.cast(pl.Int64, strict=False)
    if not small.null_count() and _largest(small) * len(small) <= _LARGEST:
        return _added(contacts, small.to_numpy(), number)
    rest, total = values.cast(pl.Int128), pl.zeros(number, pl.Int128, eager=True)
    for limb in range(_LIMBS):
        part = rest if limb == _LIMBS - 1 else pl.select(rest % _whole(1 << _LIMB_BITS)).to_series()
        sums = _added(contacts, part.cast(pl.Int64).to_numpy(), number)
        total = pl.select(total + sums * _whole(1 << (limb * _LIMB_BITS))).to_series()
        rest = pl.select((rest - part) // _whole(1 << _LIMB_BITS)).to_series()
    return total


def _largest(values: pl.Series) -> int:
    return max((abs(int(end)) for end in (values.min(), values.max()) if isinstance(end, int)), default=0)


def _whole(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int128)


def _added(contacts: npt.NDArray[np.intp], values: npt.NDArray[Any], number: int) -> pl.Series:
    sums = np.zeros(number, np.int64)
    np.add.at(sums, contacts, values)
    return pl.Series(sums).cast(pl.Int128)


def as_units_of(whole: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Return 128-bit numbers as the units of a decimal type; unchanged if the type is that of whole numbers."""
    return whole.reinterpret(dtype=dtype) if isinstance(dtype, pl.Decimal) else whole


def means(sums: pl.Series, counts: npt.NDArray[np.int64], unit: int) -> pl.Series:
    """Return sums divided by counts as doubles, each rounded once; null if the count is 0.

    Args:
        sums: 128-bit numbers.
        unit: The number of units of the sums in 1.
    """
    if _largest(sums) <= _EXACT_DOUBLE and int(counts.max(initial=0)) * unit <= _EXACT_DOUBLE:
        with np.errstate(invalid="ignore", divide="ignore"):
            found = pl.Series(sums.cast(pl.Float64).to_numpy() / (counts * unit))
        return found.set(pl.Series(counts == 0), None)
    pairs = zip(sums.to_list(), counts.tolist(), strict=True)
    return pl.Series([total / (count * unit) if count else None for total, count in pairs], dtype=pl.Float64)


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
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import, and only needed for the first and last of texts

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
