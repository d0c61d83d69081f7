"""Polars expressions that compare a field with literals or with another field.

The expressions may be null if the field is missing; `predicates` decides what a missing value means. The table for
users is in `docs/rules.md`.
"""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, assert_never, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.numbers import (
    COMPARE,
    compare_number,
    compare_numbers,
    compare_scaled,
    compare_text_as_number,
    number_in_text,
)
from segbatch.compiler.typed_test import Comparison, TypedLiteral
from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.resolution import Field, element_of
from segbatch.snapshot.fields.types import ANY_LENGTH, FLOAT, LONG, WHOLE, Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY, _LAST_DAY = -719_164, 2_932_899
"""Days since 1970, two before the year 1 and three after 9999."""
_NANOSECONDS = {"ms": 1_000_000, "us": 1_000, "ns": 1}
_UNITS_PER_MICROSECOND = {"ms": Fraction(1, 1000), "us": Fraction(1), "ns": Fraction(1000)}
_INT128 = 2**127
_INT64 = 2**63

_FEW = 16
"""Up to this number of values, one equality comparison per value is as fast as `is_in`."""

_HASHED = 1_000
"""Up to this number of values, building a hash table for each batch of contacts is faster than a binary search."""


def compare(field: Field, comparison: Comparison, literal: TypedLiteral, clock: Clock) -> pl.Expr:
    """Compare a field with a literal of its type."""
    match literal:
        case bool():
            return field.expr if literal else ~field.expr
        case str():
            return COMPARE[comparison](field.expr, pl.lit(literal))
        case Decimal() if field.kind is Kind.TEXT:
            return compare_text_as_number(field.expr, comparison, literal)
        case Decimal():
            return compare_number(field, comparison, literal)
        case datetime():
            return compare_scaled(field.expr, pl.Int64(), comparison, _units(literal, field.dtype))
        case date() if field.kind is Kind.DATETIME:
            return _compare_day(field, comparison, literal, clock)
        case date():
            return COMPARE[comparison](field.expr, pl.lit(literal))
        case _:
            assert_never(literal)


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


def compare_fields(field: Field, comparison: Comparison, other: Field, clock: Clock) -> pl.Expr:
    """Compare a field with another one of a kind that fits."""
    kinds = {field.kind, other.kind}
    if kinds == {Kind.NUMBER}:
        return compare_numbers(field, comparison, other)
    if kinds == {Kind.DATETIME}:
        return COMPARE[comparison](_nanoseconds(field), _nanoseconds(other))
    if Kind.DATETIME in kinds:
        return COMPARE[comparison](_day(field, clock), _day(other, clock))
    return COMPARE[comparison](field.expr, other.expr)


def has_text(expr: pl.Expr, where: Literal["anywhere", "start", "end"], text: str) -> pl.Expr:
    """Test whether texts contain another text anywhere, at their start or at their end."""
    match where:
        case "anywhere":
            return expr.str.contains(text, literal=True)
        case "start":
            return expr.str.starts_with(text)
        case "end":
            return expr.str.ends_with(text)
        case _:
            assert_never(where)


def has_anniversary(field: Field, ranges: Sequence[tuple[int, int]], clock: Clock) -> pl.Expr:
    """Test whether the month and day of a date, in the run's time zone, are in one of several ranges.

    Dates before the year 1 or after 9999 have no anniversary: they mean infinity, or are mistakes.
    """
    day = local_day(field, clock) if field.kind is Kind.DATETIME else field.expr
    key = day.dt.month().cast(pl.Int16) * 100 + day.dt.day()
    in_ranges = pl.any_horizontal([key.is_between(low, high) for low, high in ranges])
    return in_ranges & day.is_between(pl.lit(date.min), pl.lit(date.max))


def false_for_all() -> pl.Expr:
    """Return an expression that is false for every contact."""
    return pl.repeat(value=False, n=pl.len(), dtype=pl.Boolean)


def is_blank(field: Field) -> pl.Expr:
    """Test whether a text is empty or only white space, or a list is empty; null if the field is missing."""
    match field.kind:
        case Kind.TEXT:
            return field.expr.str.strip_chars_start() == pl.lit("")  # strips Unicode's White_Space, as UNICODE_SPACE
        case Kind.LIST:
            return field.expr.list.len() == pl.lit(0)
        case Kind.NOTHING:
            return ~false_for_all()
        case _:
            return field.expr.is_null()


def in_lower_case(field: Field) -> Field:
    """Return a field of texts, or of lists of texts, in lower case."""
    if field.kind is Kind.TEXT:
        return field.with_expr(field.expr.str.to_lowercase())
    lowered = element_of(field).expr.str.to_lowercase()
    return field.with_expr(field.expr.list.eval(lowered), pl.List(pl.String))


def local_day(field: Field, clock: Clock) -> pl.Expr:
    """Return the calendar day of instants, in the run's time zone.

    Instants before the year 1 or after 9999 get an arbitrary day outside that range. Rules cannot name such days, and
    Polars crashes on years beyond 262,000, which is how infinity is stored. Nanoseconds are cast to microseconds,
    because the first and last instants of nanoseconds cannot be shifted to another zone.
    """
    expr, unit = field.expr, cast("pl.Datetime", field.dtype).time_unit
    if unit == "ns":
        expr, unit = expr.dt.cast_time_unit("us"), "us"
    a_day = 86_400_000 if unit == "ms" else 86_400_000_000
    in_calendar = expr.to_physical().clip(_FIRST_DAY * a_day, _LAST_DAY * a_day)
    return in_calendar.cast(pl.Datetime(unit, "UTC")).dt.convert_time_zone(clock.timezone.key).dt.date()


def _compare_day(field: Field, comparison: Comparison, day: date, clock: Clock) -> pl.Expr:
    """Compare the calendar days of instants with a day. In UTC, the day is compared as the instants that bound it."""
    if clock.timezone.key != "UTC":
        return COMPARE[comparison](local_day(field, clock), pl.lit(day))
    begin = _units(datetime(day.year, day.month, day.day, tzinfo=UTC), field.dtype)
    end = begin + _units(_EPOCH + timedelta(days=1), field.dtype)
    match comparison:
        case "lt" | "gte":
            return compare_scaled(field.expr, pl.Int64(), comparison, begin)
        case "lte":
            return compare_scaled(field.expr, pl.Int64(), "lt", end)
        case "gt":
            return compare_scaled(field.expr, pl.Int64(), "gte", end)
        case "eq":
            at_least = compare_scaled(field.expr, pl.Int64(), "gte", begin)
            return at_least & compare_scaled(field.expr, pl.Int64(), "lt", end)
        case _:
            assert_never(comparison)


def _units(moment: datetime, dtype: pl.DataType) -> Fraction:
    """Convert a date-time to units of a date-time column since 1970."""
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return microseconds * _UNITS_PER_MICROSECOND[cast("pl.Datetime", dtype).time_unit]


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
    instants = [_units(moment, field.dtype) for moment in moments if isinstance(moment, datetime)]
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


def _day(field: Field, clock: Clock) -> pl.Expr:
    return local_day(field, clock) if field.kind is Kind.DATETIME else field.expr


def _nanoseconds(field: Field) -> pl.Expr:
    unit = cast("pl.Datetime", field.dtype).time_unit
    return field.expr.to_physical().cast(pl.Int128) * _NANOSECONDS[unit]
