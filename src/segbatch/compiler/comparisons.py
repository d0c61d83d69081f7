"""Polars expressions of typed tests.

The expressions may be null if the field is missing; `predicates` decides what a missing value means. The table for
users is in `docs/rules.md`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, assert_never, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.exact_numbers import (
    COMPARE,
    compare_any_length,
    compare_float,
    compare_integer,
    compare_scaled,
)
from segbatch.compiler.literals import WHITE_SPACE
from segbatch.compiler.typed_test import Comparison, TypedLiteral
from segbatch.snapshot.fields.resolution import Field, element_of
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY, _LAST_DAY = -719_164, 2_932_899
"""Days since 1970, two before the year 1 and three after 9999."""
_UNITS_PER_MICROSECOND = {"ms": Fraction(1, 1000), "us": Fraction(1), "ns": Fraction(1000)}


def compare(field: Field, comparison: Comparison, literal: TypedLiteral, clock: Clock) -> pl.Expr:
    """Compare a field with a literal of its type."""
    match literal:
        case bool():
            return field.expr if literal else ~field.expr
        case str():
            return COMPARE[comparison](field.expr, pl.lit(literal))
        case Decimal() if field.kind is Kind.TEXT:
            return _compare_text_as_number(field.expr, comparison, literal)
        case Decimal():
            return _compare_number(field, comparison, literal)
        case datetime():
            return compare_scaled(field.expr, pl.Int64(), comparison, units(literal, field.dtype))
        case date() if field.kind is Kind.DATETIME:
            return _compare_day(field, comparison, literal, clock)
        case date():
            return COMPARE[comparison](field.expr, pl.lit(literal))
        case _:
            assert_never(literal)


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


def number_in_text(expr: pl.Expr) -> pl.Expr:
    """Return the number that a text contains; null if it contains none."""
    return expr.str.strip_chars(WHITE_SPACE).cast(pl.Float64, strict=False)


def _compare_text_as_number(expr: pl.Expr, comparison: Comparison, bound: Decimal) -> pl.Expr:
    number = number_in_text(expr)
    return number.is_finite() & COMPARE[comparison](number, pl.lit(float(bound)))


def _compare_number(field: Field, comparison: Comparison, bound: Decimal) -> pl.Expr:
    if field.dtype == ANY_LENGTH:
        return compare_any_length(field.expr, comparison, bound)
    if field.dtype.is_float():
        return compare_float(field.expr, field.dtype, comparison, bound)
    if isinstance(field.dtype, pl.Decimal):
        return compare_scaled(field.expr, pl.Int128(), comparison, Fraction(bound) * 10**field.dtype.scale)
    return compare_integer(field.expr, field.dtype, comparison, bound)


def _compare_day(field: Field, comparison: Comparison, day: date, clock: Clock) -> pl.Expr:
    """Compare the calendar days of instants with a day. In UTC, the day is compared as the instants that bound it."""
    if clock.timezone.key != "UTC":
        return COMPARE[comparison](local_day(field, clock), pl.lit(day))
    begin = units(datetime(day.year, day.month, day.day, tzinfo=UTC), field.dtype)
    end = begin + units(_EPOCH + timedelta(days=1), field.dtype)
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


def units(moment: datetime, dtype: pl.DataType) -> Fraction:
    """Convert a date-time to units of a date-time column since 1970."""
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return microseconds * _UNITS_PER_MICROSECOND[cast("pl.Datetime", dtype).time_unit]


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
