"""The operator `in`: comparison of a field with a list of values, fast for long lists too."""

import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import holds, local_day, units
from segbatch.compiler.literals import WHITE_SPACE, Unreadable, read_moment, read_number, read_uuid
from segbatch.model.values import Scalar
from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.resolution import Field, element_of
from segbatch.snapshot.fields.types import ANY_LENGTH, FLOAT, LONG, WHOLE, Kind

_INT128 = 2**127
_INT64 = 2**63

_FEW = 16
"""Up to this number of values, one equality comparison per value is as fast as `is_in`."""


class UnreadableItem(Unreadable):
    """A value of a list that cannot be read as the field's type.

    Attributes:
        index: The position of the value in the list, from 0.
    """

    def __init__(self, index: int, message: str) -> None:
        self.index = index
        super().__init__(message)


def one_of(field: Field, values: Sequence[Scalar], clock: Clock) -> pl.Expr:
    """Test whether a field equals one of the values; each value is read by its own kind, as `eq` reads it.

    Raises:
        NotAllowed: The kind of the field does not support equality.
        UnreadableItem: A value cannot be read as the field's type.
    """
    tests = [_equals(field, index, value, clock) for index, value in enumerate(values)]
    if len(values) <= _FEW or field.kind in {Kind.BOOLEAN, Kind.NOTHING}:
        return pl.any_horizontal(tests)
    return _among(field, values, clock)


def _equals(field: Field, index: int, value: Scalar, clock: Clock) -> pl.Expr:
    try:
        return holds(field, "eq", value, clock)
    except Unreadable as error:
        raise UnreadableItem(index, str(error)) from None


def _among(field: Field, values: Sequence[Scalar], clock: Clock) -> pl.Expr:
    """Test the field with `is_in`, one set of values for each way to read a value."""
    match field.kind:
        case Kind.LIST:
            return field.expr.list.eval(_among(element_of(field), values, clock).fill_null(value=False)).list.any()
        case Kind.TEXT:
            return _text_among(field.expr, values)
        case Kind.UUID:
            return _look_up(field.expr, [read_uuid(value) for value in values], pl.String())
        case Kind.NUMBER:
            return _number_among(field, values)
        case Kind.DATETIME:
            return _moment_among(field, [read_moment(value, clock.timezone) for value in values], clock)
        case _:
            return _look_up(field.expr, [date.fromisoformat(str(value)) for value in values], pl.Date())


def _text_among(expr: pl.Expr, values: Sequence[Scalar]) -> pl.Expr:
    texts = [
        str(value).lower() if isinstance(value, bool) else value for value in values if isinstance(value, str | bool)
    ]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    test = _look_up(expr, texts, pl.String())
    if not numbers:
        return test
    cell = expr.str.strip_chars(WHITE_SPACE).cast(pl.Float64, strict=False)
    return test | _look_up(cell, numbers, pl.Float64()).fill_null(value=False)


def _number_among(field: Field, values: Sequence[Scalar]) -> pl.Expr:
    numbers = [read_number(value) for value in values]
    if field.dtype == ANY_LENGTH:
        return _any_length_among(field.expr, numbers)
    if field.dtype.is_float():
        return _look_up(
            field.expr.cast(pl.Float64), [_in_precision(float(n), field.dtype) for n in numbers], pl.Float64()
        )
    scale = field.dtype.scale if isinstance(field.dtype, pl.Decimal) else 0
    whole = [int(scaled) for scaled in (Fraction(n) * 10**scale for n in numbers) if scaled.denominator == 1]
    expr = field.expr.to_physical() if isinstance(field.dtype, pl.Decimal) else field.expr
    return _look_up(expr.cast(pl.Int128), [number for number in whole if abs(number) < _INT128], pl.Int128())


def _any_length_among(expr: pl.Expr, numbers: Sequence[Decimal]) -> pl.Expr:
    """Test numbers of `ANY_LENGTH` with `is_in`: whole ones exactly, others as doubles."""
    whole = [int(number) for number in numbers if Fraction(number).denominator == 1]
    short = [number for number in whole if abs(number) < 10**DIGITS]
    long = [str(number) for number in whole if abs(number) >= 10**DIGITS]
    doubles = [float(n) for n in numbers if Fraction(n).denominator != 1 or Fraction(float(n)) == Fraction(n)]
    tests = (
        _look_up(expr.struct.field(WHOLE).to_physical().cast(pl.Int128), short, pl.Int128()),
        _look_up(expr.struct.field(LONG), long, pl.String()),
        _look_up(expr.struct.field(FLOAT), doubles, pl.Float64()),
    )
    return pl.any_horizontal(test.fill_null(value=False) for test in tests)


def _in_precision(number: float, dtype: pl.DataType) -> float:
    """Round a number to the column's own precision, as a comparison does."""
    rounded = number if isinstance(dtype, pl.Float64) else cast("float", pl.Series([number]).cast(pl.Float32).item())
    return rounded if math.isfinite(rounded) else number


def _moment_among(field: Field, moments: Sequence[date | datetime], clock: Clock) -> pl.Expr:
    instants = [units(moment, field.dtype) for moment in moments if isinstance(moment, datetime)]
    days = [moment for moment in moments if not isinstance(moment, datetime)]
    whole = [int(instant) for instant in instants if instant.denominator == 1 and abs(instant) < _INT64]
    by_instant = _look_up(field.expr.to_physical(), whole, pl.Int64())
    return by_instant | _look_up(local_day(field, clock), days, pl.Date()) if days else by_instant


def _look_up(expr: pl.Expr, values: Sequence[object], dtype: pl.DataType) -> pl.Expr:
    return expr.is_in(pl.lit(pl.Series(values, dtype=dtype)).implode())
