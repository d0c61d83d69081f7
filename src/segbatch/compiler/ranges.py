"""Ranges: `between` two values, and durations before and after the run's time."""

from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import NotAllowed, holds, nowhere, units
from segbatch.compiler.exact_numbers import compare_scaled
from segbatch.compiler.literals import (
    Meaningless,
    Unreadable,
    read_date,
    read_duration,
    read_moment,
    read_number,
    read_uuid,
)
from segbatch.model.values import Scalar
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind
from segbatch.text import shown

_Moment = TypeVar("_Moment", date, datetime)


def between(field: Field, low: Scalar, high: Scalar, clock: Clock) -> pl.Expr:
    """Test whether a field is at least `low` and at most `high`.

    Raises:
        NotAllowed: The kind of the field has no order.
        Unreadable: A bound cannot be read as the field's type.
        Meaningless: The low bound is above the high one.
    """
    test = holds(field, "gte", low, clock) & holds(field, "lte", high, clock)
    if _is_above(field.kind, low, high, clock):
        raise Meaningless(f"in {shown([low, high])} the low value is above the high one; turn them round")
    return test


def _is_above(kind: Kind, low: Scalar, high: Scalar, clock: Clock) -> bool:
    match kind:
        case Kind.TEXT if isinstance(low, str) != isinstance(high, str):
            raise Unreadable("write two texts, or two numbers")
        case Kind.TEXT if isinstance(low, str) and isinstance(high, str):
            return low > high
        case Kind.TEXT | Kind.NUMBER:
            return read_number(low) > read_number(high)
        case Kind.UUID:
            return read_uuid(low) > read_uuid(high)
        case Kind.DATE:
            return read_date(low) > read_date(high)
        case Kind.DATETIME:
            return _is_later(read_moment(low, clock.timezone), read_moment(high, clock.timezone), clock)
        case _:
            return False


def _is_later(one: date | datetime, other: date | datetime, clock: Clock) -> bool:
    """Compare two times; if either is a date, compare their days."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one > other
    return _day(one, clock) > _day(other, clock)


def _day(moment: date | datetime, clock: Clock) -> date:
    return moment.astimezone(clock.timezone).date() if isinstance(moment, datetime) else moment


def within_last(field: Field, duration: Scalar, clock: Clock) -> pl.Expr:
    """Test whether a field is in the period of this duration that ends at the run's time, including both ends.

    Raises:
        NotAllowed: The field is neither a date nor a date-time.
        Unreadable: The field is a date and the duration is in hours.
    """
    return _within(field, _shifted(field, duration, clock, -1), _here(field, clock), clock)


def within_next(field: Field, duration: Scalar, clock: Clock) -> pl.Expr:
    """Test whether a field is in the period of this duration that starts at the run's time, including both ends.

    Raises:
        NotAllowed: The field is neither a date nor a date-time.
        Unreadable: The field is a date and the duration is in hours.
    """
    return _within(field, _here(field, clock), _shifted(field, duration, clock, 1), clock)


def _within(field: Field, low: date | datetime, high: date | datetime, clock: Clock) -> pl.Expr:
    match field.kind:
        case Kind.NOTHING:
            return nowhere()
        case Kind.DATE:
            return (field.expr >= pl.lit(_day(low, clock))) & (field.expr <= pl.lit(_day(high, clock)))
        case Kind.DATETIME if isinstance(low, datetime) and isinstance(high, datetime):
            after = compare_scaled(field.expr, pl.Int64(), "gte", units(low, field.dtype))
            return after & compare_scaled(field.expr, pl.Int64(), "lte", units(high, field.dtype))
        case _:
            raise NotAllowed("only dates and date-times are near the run's moment")


def _here(field: Field, clock: Clock) -> date | datetime:
    return _day(clock.as_of, clock) if field.kind is Kind.DATE else clock.as_of


def _shifted(field: Field, duration: Scalar, clock: Clock, sign: int) -> date | datetime:
    """Shift the run's time: by elapsed time for hours, by calendar days for days and weeks.

    So `1d` before noon is noon of the day before, even if the clocks changed in between.
    """
    number, unit = read_duration(duration)
    if field.kind is Kind.DATE:
        if unit == "h":
            raise Unreadable("a date has no hours; write days or weeks")
        return _moved(_day(clock.as_of, clock), timedelta(days=sign * number))
    if unit == "h":
        return _moved(clock.as_of, timedelta(hours=sign * number))
    wall = clock.as_of.astimezone(clock.timezone).replace(tzinfo=None, fold=0)
    return _to_utc(_moved(wall, timedelta(days=sign * number)), clock)


def _moved(moment: _Moment, by: timedelta) -> _Moment:
    """Shift a time, but not beyond the ends of the calendar."""
    try:
        return moment + by
    except OverflowError:
        end = type(moment).min if by < timedelta() else type(moment).max
        return end.replace(tzinfo=moment.tzinfo) if isinstance(end, datetime) and isinstance(moment, datetime) else end


def _to_utc(wall: datetime, clock: Clock) -> datetime:
    try:
        return wall.replace(tzinfo=clock.timezone).astimezone(UTC)
    except OverflowError:
        return wall.replace(tzinfo=UTC)
