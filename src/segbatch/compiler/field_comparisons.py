"""Polars expressions that compare two fields of a contact.

The expressions may be null if a field is missing; `predicates` decides what a missing value means.
"""

from typing import cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import local_day
from segbatch.compiler.exact_numbers import COMPARE
from segbatch.compiler.typed_test import Comparison
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import ANY_LENGTH, FLOAT, LONG, WHOLE, Kind

_NANOSECONDS = {"ms": 1_000_000, "us": 1_000, "ns": 1}
_DIGITS = 38
_DIGITS_OF_INTEGERS = 20


def compare_fields(field: Field, comparison: Comparison, other: Field, clock: Clock) -> pl.Expr:
    """Compare a field with another one of a kind that fits."""
    kinds = {field.kind, other.kind}
    if kinds == {Kind.NUMBER}:
        return _compare_numbers(field, comparison, other)
    if kinds == {Kind.DATETIME}:
        return COMPARE[comparison](_nanoseconds(field), _nanoseconds(other))
    if Kind.DATETIME in kinds:
        return COMPARE[comparison](_day(field, clock), _day(other, clock))
    return COMPARE[comparison](field.expr, other.expr)


def _day(field: Field, clock: Clock) -> pl.Expr:
    return local_day(field, clock) if field.kind is Kind.DATETIME else field.expr


def _nanoseconds(field: Field) -> pl.Expr:
    unit = cast("pl.Datetime", field.dtype).time_unit
    return field.expr.to_physical().cast(pl.Int128) * _NANOSECONDS[unit]


def _compare_numbers(field: Field, comparison: Comparison, other: Field) -> pl.Expr:
    """Compare whole numbers and decimals exactly; if one side is a float, compare both in its precision."""
    dtypes = (field.dtype, other.dtype)
    if any(dtype.is_float() for dtype in dtypes):
        precision = pl.Float32() if any(isinstance(dtype, pl.Float32) for dtype in dtypes) else pl.Float64()
        return COMPARE[comparison](*(_as_float(one).cast(precision) for one in (field, other)))
    if ANY_LENGTH in dtypes:
        whole, double = ([read(one) for one in (field, other)] for read in (_as_whole, _as_float))
        exact = COMPARE[comparison](*whole)
        return pl.when(exact.is_not_null()).then(exact).otherwise(COMPARE[comparison](*double))
    return _compare_scaled(field, comparison, other)


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


def _compare_scaled(field: Field, comparison: Comparison, other: Field) -> pl.Expr:
    scale = max(_scale(field.dtype), _scale(other.dtype))
    if max(_whole_digits(field.dtype), _whole_digits(other.dtype)) + scale <= _DIGITS:
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


def _physical(field: Field) -> pl.Expr:
    return (field.expr.to_physical() if isinstance(field.dtype, pl.Decimal) else field.expr).cast(pl.Int128)


def _scale(dtype: pl.DataType) -> int:
    return dtype.scale if isinstance(dtype, pl.Decimal) else 0


def _whole_digits(dtype: pl.DataType) -> int:
    return dtype.precision - dtype.scale if isinstance(dtype, pl.Decimal) else _DIGITS_OF_INTEGERS
