"""Exact comparisons of columns with numbers, and of two columns of numbers, without floating-point rounding.

Whole numbers, decimals and instants are all integers in Polars, in units of one, of 10^-scale, or of the time unit.
A bound may be between two units, or outside the range of the column's type; the functions here handle both.
"""

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

import polars as pl

from segbatch.compiler.literals import WHITE_SPACE
from segbatch.compiler.typed_test import Comparison
from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import ANY_LENGTH, FLOAT, LONG, WHOLE

COMPARE: dict[Comparison, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "lt": operator.lt,
    "gte": operator.ge,
    "lte": operator.le,
}

_INTEGERS: dict[type[pl.DataType], tuple[int, int]] = {
    pl.Int8: (-(2**7), 2**7 - 1),
    pl.Int16: (-(2**15), 2**15 - 1),
    pl.Int32: (-(2**31), 2**31 - 1),
    pl.Int64: (-(2**63), 2**63 - 1),
    pl.Int128: (-(2**127), 2**127 - 1),
    pl.UInt8: (0, 2**8 - 1),
    pl.UInt16: (0, 2**16 - 1),
    pl.UInt32: (0, 2**32 - 1),
    pl.UInt64: (0, 2**64 - 1),
    pl.UInt128: (0, 2**128 - 1),
}

_INT128_DIGITS = 38
_DIGITS_OF_INTEGERS = 20
_LARGEST_FLOAT32 = 3.4028234663852886e38


def compare_number(field: Field, comparison: Comparison, bound: Decimal) -> pl.Expr:
    """Compare a field of numbers with a number."""
    if field.dtype == ANY_LENGTH:
        return _compare_any_length(field.expr, comparison, bound)
    if field.dtype.is_float():
        return _compare_float(field.expr, field.dtype, comparison, bound)
    if isinstance(field.dtype, pl.Decimal):
        return compare_scaled(field.expr, pl.Int128(), comparison, Fraction(bound) * 10**field.dtype.scale)
    return _compare(field.expr, field.dtype, comparison, Fraction(bound))


def compare_numbers(field: Field, comparison: Comparison, other: Field) -> pl.Expr:
    """Compare whole numbers and decimals exactly; if one side is a float, compare both in its precision."""
    dtypes = (field.dtype, other.dtype)
    if any(dtype.is_float() for dtype in dtypes):
        precision = pl.Float32() if any(isinstance(dtype, pl.Float32) for dtype in dtypes) else pl.Float64()
        return COMPARE[comparison](*(_as_float(one).cast(precision) for one in (field, other)))
    if ANY_LENGTH in dtypes:
        whole, double = ([read(one) for one in (field, other)] for read in (_as_whole, _as_float))
        exact = COMPARE[comparison](*whole)
        return pl.when(exact.is_not_null()).then(exact).otherwise(COMPARE[comparison](*double))
    return _compare_in_common_units(field, comparison, other)


def compare_scaled(expr: pl.Expr, physical: pl.DataType, comparison: Comparison, bound: Fraction) -> pl.Expr:
    """Compare a column that is stored as whole units with a bound in the same units.

    Args:
        expr: A decimal or date-time column.
        physical: The integer type that Polars stores it in.
        comparison: The comparison operator.
        bound: The bound, in the column's units; it may be between two of them.
    """
    return _compare(expr.to_physical(), physical, comparison, bound)


def compare_text_as_number(expr: pl.Expr, comparison: Comparison, bound: Decimal) -> pl.Expr:
    """Compare the texts that are numbers, as doubles."""
    number = number_in_text(expr)
    return number.is_finite() & COMPARE[comparison](number, pl.lit(float(bound)))


def number_in_text(expr: pl.Expr) -> pl.Expr:
    """Return the number that a text contains; null if it contains none."""
    return expr.str.strip_chars(WHITE_SPACE).cast(pl.Float64, strict=False)


def _compare(expr: pl.Expr, dtype: pl.DataType, comparison: Comparison, bound: Fraction) -> pl.Expr:
    lowest, highest = _INTEGERS[type(dtype)]
    unit = _nearest_unit(comparison, bound)
    if unit is None:
        return _false_where_present(expr)
    if unit > highest:
        return _always(expr) if comparison in {"lt", "lte"} else _false_where_present(expr)
    if unit < lowest:
        return _always(expr) if comparison in {"gt", "gte"} else _false_where_present(expr)
    return COMPARE[comparison](expr, pl.lit(unit, dtype=dtype))


def _nearest_unit(comparison: Comparison, bound: Fraction) -> int | None:
    """Return the integer bound that gives the same result for every integer, or None if no integer equals the bound."""
    match comparison:
        case "eq":
            return int(bound) if bound.denominator == 1 else None
        case "gt" | "lte":
            return math.floor(bound)
        case "lt" | "gte":
            return math.ceil(bound)
        case _:
            assert_never(comparison)


def _false_where_present(expr: pl.Expr) -> pl.Expr:
    """Return an expression that is false if the given one is not null, and null otherwise."""
    return expr.is_null() & False


def _always(expr: pl.Expr) -> pl.Expr:
    return expr.is_not_null()


def _compare_float(expr: pl.Expr, dtype: pl.DataType, comparison: Comparison, bound: Decimal) -> pl.Expr:
    """Compare a floating-point column with a number, read in the column's own precision.

    A column of 32-bit floats that shows 0.1 then equals 0.1; compared as a double, it would not.
    """
    number = float(bound)
    if abs(number) > _LARGEST_FLOAT32:
        expr, dtype = expr.cast(pl.Float64), pl.Float64()
    elif isinstance(dtype, pl.Float16):
        expr, dtype = expr.cast(pl.Float32), pl.Float32()
    return COMPARE[comparison](expr, pl.lit(number, dtype=dtype))


def _compare_any_length(expr: pl.Expr, comparison: Comparison, bound: Decimal) -> pl.Expr:
    """Compare numbers of `ANY_LENGTH` with any number, whole ones exactly."""
    whole, long = expr.struct.field(WHOLE), expr.struct.field(LONG)
    by_whole = compare_scaled(whole, pl.Int128(), comparison, Fraction(bound))
    by_long = _compare_long(long, comparison, Fraction(bound))
    by_float = _compare_double(expr.struct.field(FLOAT), comparison, bound)
    return pl.when(whole.is_not_null()).then(by_whole).when(long.is_not_null()).then(by_long).otherwise(by_float)


def _compare_double(expr: pl.Expr, comparison: Comparison, bound: Decimal) -> pl.Expr:
    """Compare doubles with a number exactly, if the number is whole and cannot be represented as a double.

    No double equals such a number, so `eq` is always false and the order is exact.
    """
    number = float(bound)
    rounded = Fraction(number) - Fraction(bound)
    if Fraction(bound).denominator != 1 or not rounded:
        return COMPARE[comparison](expr, pl.lit(number))
    if comparison == "eq":
        return _false_where_present(expr)
    is_above = comparison in {"gt", "gte"}
    includes = (rounded > 0) == is_above
    exact: Comparison = ("gte" if includes else "gt") if is_above else ("lte" if includes else "lt")
    return COMPARE[exact](expr, pl.lit(number))


def _compare_long(expr: pl.Expr, comparison: Comparison, bound: Fraction) -> pl.Expr:
    """Compare texts of whole numbers of more than `DIGITS` digits with a number."""
    unit = _nearest_unit(comparison, bound)
    if unit is None:
        return _false_where_present(expr)
    is_positive = ~expr.str.starts_with("-")
    written = str(abs(unit))
    if comparison == "eq":
        return expr == pl.lit(str(unit))
    if len(written) <= DIGITS:
        above = is_positive
    else:
        digits = expr.str.strip_prefix("-")
        length, longest = digits.str.len_bytes(), len(written)
        farther = (length > longest) | ((length == longest) & (digits > pl.lit(written)))
        nearer = (length < longest) | ((length == longest) & (digits < pl.lit(written)))
        above = (is_positive & farther) if unit > 0 else (is_positive | nearer)
    equal = expr == pl.lit(str(unit))
    match comparison:
        case "gt":
            return above & ~equal
        case "gte":
            return above | equal
        case "lt":
            return ~above & ~equal
        case _:
            return ~above | equal


def _compare_in_common_units(field: Field, comparison: Comparison, other: Field) -> pl.Expr:
    scale = max(_scale(field.dtype), _scale(other.dtype))
    if max(_whole_digits(field.dtype), _whole_digits(other.dtype)) + scale <= _INT128_DIGITS:
        return COMPARE[comparison](*(_physical(one) * 10 ** (scale - _scale(one.dtype)) for one in (field, other)))
    (left, left_rest), (right, right_rest) = (_split(one, scale) for one in (field, other))
    equal = left == right
    if comparison == "eq":
        return equal & (left_rest == right_rest)
    strict: Comparison = "gt" if comparison in {"gt", "gte"} else "lt"
    return COMPARE[strict](left, right) | (equal & COMPARE[comparison](left_rest, right_rest))


def _split(field: Field, scale: int) -> tuple[pl.Expr, pl.Expr]:
    """Return the whole part, rounded down, and the rest in units of 10^-scale, so that no number is too large."""
    unit = pl.lit(10 ** _scale(field.dtype), pl.Int128())
    number = _physical(field)
    return number // unit, (number % unit) * 10 ** (scale - _scale(field.dtype))


def _as_float(field: Field) -> pl.Expr:
    if field.dtype != ANY_LENGTH:
        return field.expr.cast(pl.Float64)
    whole, double, long = (field.expr.struct.field(name) for name in (WHOLE, FLOAT, LONG))
    return pl.coalesce(double, whole.cast(pl.Float64), long.cast(pl.Float64))


def _as_whole(field: Field) -> pl.Expr:
    """Return the whole numbers of up to 38 digits; null for other values, and for decimals with a fraction."""
    if field.dtype == ANY_LENGTH:
        return field.expr.struct.field(WHOLE).to_physical().cast(pl.Int128)
    if _scale(field.dtype):
        return pl.lit(None, pl.Int128())
    return _physical(field)


def _physical(field: Field) -> pl.Expr:
    return (field.expr.to_physical() if isinstance(field.dtype, pl.Decimal) else field.expr).cast(pl.Int128)


def _scale(dtype: pl.DataType) -> int:
    return dtype.scale if isinstance(dtype, pl.Decimal) else 0


def _whole_digits(dtype: pl.DataType) -> int:
    return dtype.precision - dtype.scale if isinstance(dtype, pl.Decimal) else _DIGITS_OF_INTEGERS
