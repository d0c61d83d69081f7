"""Comparison of a field with a list of literals, fast for long lists too."""

import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import compare, local_day, number_in_text, units
from segbatch.compiler.typed_test import TypedLiteral
from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import ANY_LENGTH, FLOAT, LONG, WHOLE, Kind

_INT128 = 2**127
_INT64 = 2**63

_FEW = 16
"""Up to this number of values, one equality comparison per value is as fast as `is_in`."""

_HASHED = 1_000
"""Up to this number of values, building a hash table for each batch of contacts is faster than a binary search."""


def is_in(field: Field, literals: Sequence[TypedLiteral], clock: Clock) -> pl.Expr:
    """Test whether a field equals one of the literals."""
    if len(literals) <= _FEW or field.kind is Kind.BOOLEAN:
        return pl.any_horizontal([compare(field, "eq", literal, clock) for literal in literals])
    numbers = [literal for literal in literals if isinstance(literal, Decimal)]
    match field.kind:
        case Kind.NUMBER:
            return _number_is_in(field, numbers)
        case Kind.DATETIME | Kind.DATE:
            return _moment_is_in(field, [literal for literal in literals if isinstance(literal, date)], clock)
        case _:
            return _text_is_in(field.expr, [literal for literal in literals if isinstance(literal, str)], numbers)


def _text_is_in(expr: pl.Expr, texts: Sequence[str], numbers: Sequence[Decimal]) -> pl.Expr:
    test = _is_in(expr, texts, pl.String())
    if not numbers:
        return test
    floats = [float(number) for number in numbers]
    return test | _is_in(number_in_text(expr), floats, pl.Float64()).fill_null(value=False)


def _number_is_in(field: Field, numbers: Sequence[Decimal]) -> pl.Expr:
    if field.dtype == ANY_LENGTH:
        return _any_length_is_in(field.expr, numbers)
    if field.dtype.is_float():
        return _is_in(
            field.expr.cast(pl.Float64), [_in_precision(float(n), field.dtype) for n in numbers], pl.Float64()
        )
    scale = field.dtype.scale if isinstance(field.dtype, pl.Decimal) else 0
    if scale:
        whole = [int(scaled) for scaled in (Fraction(n) * 10**scale for n in numbers) if scaled.denominator == 1]
    else:
        whole = [int(n) for n in numbers if n == int(n)]
    expr = field.expr.to_physical() if isinstance(field.dtype, pl.Decimal) else field.expr
    return _is_in(expr.cast(pl.Int128), [number for number in whole if abs(number) < _INT128], pl.Int128())


def _any_length_is_in(expr: pl.Expr, numbers: Sequence[Decimal]) -> pl.Expr:
    """Test numbers of `ANY_LENGTH` with `is_in`: whole ones exactly, others as doubles."""
    whole = [int(number) for number in numbers if Fraction(number).denominator == 1]
    short = [number for number in whole if abs(number) < 10**DIGITS]
    long = [str(number) for number in whole if abs(number) >= 10**DIGITS]
    doubles = [float(n) for n in numbers if Fraction(n).denominator != 1 or Fraction(float(n)) == Fraction(n)]
    tests = (
        _is_in(expr.struct.field(WHOLE).to_physical().cast(pl.Int128), short, pl.Int128()),
        _is_in(expr.struct.field(LONG), long, pl.String()),
        _is_in(expr.struct.field(FLOAT), doubles, pl.Float64()),
    )
    return pl.any_horizontal(test.fill_null(value=False) for test in tests)


def _in_precision(number: float, dtype: pl.DataType) -> float:
    """Round a number to the column's own precision, as a comparison does."""
    rounded = number if isinstance(dtype, pl.Float64) else cast("float", pl.Series([number]).cast(pl.Float32).item())
    return rounded if math.isfinite(rounded) else number


def _moment_is_in(field: Field, moments: Sequence[date | datetime], clock: Clock) -> pl.Expr:
    days = [moment for moment in moments if not isinstance(moment, datetime)]
    if field.kind is Kind.DATE:
        return _is_in(field.expr, days, pl.Date())
    instants = [units(moment, field.dtype) for moment in moments if isinstance(moment, datetime)]
    whole = [int(instant) for instant in instants if instant.denominator == 1 and abs(instant) < _INT64]
    by_instant = _is_in(field.expr.to_physical(), whole, pl.Int64())
    return by_instant | _is_in(local_day(field, clock), days, pl.Date()) if days else by_instant


def _is_in(expr: pl.Expr, values: Sequence[object], dtype: pl.DataType) -> pl.Expr:
    """Test whether values are in a list: by a hash table, or for a long list by a binary search in sorted values.

    Polars builds the hash table again for each batch of contacts; the values are sorted only once.
    """
    series = pl.Series(values, dtype=dtype)
    if len(series) <= _HASHED:
        return expr.is_in(pl.lit(series).implode())
    series = series.unique().sort()
    wanted = pl.lit(series)
    return wanted.gather(wanted.search_sorted(expr).clip(0, len(series) - 1)) == expr
