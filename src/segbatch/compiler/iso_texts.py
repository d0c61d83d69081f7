"""Dates and date-times in texts of contacts, by ISO 8601."""

from datetime import date

import polars as pl

_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_MOMENT = (
    f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:[.][0-9]{{1,9}})?)?"
    f"(?:Z|[+-]{_HOUR}(?::?{_SIXTY})?)?$"
)
_FORMAT = "%Y-%m-%d"
_SECOND = 1_000_000
_A_MINUTE, _AN_HOUR, _A_DAY = 60 * _SECOND, 3_600 * _SECOND, 86_400 * _SECOND
_FIRST, _LAST = -62_135_596_800 * _SECOND, 253_402_300_800 * _SECOND - 1
"""The first and the last microsecond of the years 1 to 9999, since 1970."""
_DIGITS = 6
_LONGEST = 10
"""More characters than a fraction and its point."""


def in_calendar(day: pl.Expr) -> pl.Expr:
    """Return days with null in place of those before the year 1 or after 9999."""
    return pl.when(day.is_between(pl.lit(date.min), pl.lit(date.max))).then(day)


def days_in(texts: pl.Expr) -> pl.Expr:
    """Return the dates that texts contain; null for date-times and other texts."""
    return in_calendar(pl.when(texts.str.contains(_DAY)).then(texts).str.to_date(_FORMAT, strict=False))


def moments_in(texts: pl.Expr) -> pl.Expr:
    """Return the instants of date-times in texts, to the microsecond; null for dates and other texts.

    A date-time without an offset is in UTC, as in a column without a time zone.
    """
    staged = pl.struct(pl.when(texts.str.contains(_MOMENT)).then(texts).alias("text"))
    text, rest, end = pl.field("text"), pl.field("rest"), pl.field("end")
    has_seconds = text.str.slice(16, 1) == pl.lit(":")
    staged = staged.struct.with_fields(
        pl.when(has_seconds).then(text.str.slice(19)).otherwise(text.str.slice(16)).alias("rest"),
        pl.when(has_seconds).then(_number(text.str.slice(17, 2))).otherwise(0).alias("seconds"),
    )
    staged = staged.struct.with_fields(
        rest.str.slice(_end_of_fraction(rest)).alias("end"),
        text.str.slice(0, 10).str.to_date(_FORMAT, strict=False).alias("day"),
    )
    day = in_calendar(pl.field("day")).to_physical().cast(pl.Int64)
    clock = _number(text.str.slice(11, 2)) * _AN_HOUR + _number(text.str.slice(14, 2)) * _A_MINUTE
    total = day * _A_DAY + clock + pl.field("seconds") * _SECOND + _fraction(rest) - _offset(end)
    staged = staged.struct.with_fields(total.alias("total")).struct.with_fields(
        as_instant(pl.field("total")).alias("it")
    )
    return staged.struct.field("it")


def _number(digits: pl.Expr) -> pl.Expr:
    return digits.cast(pl.Int64, strict=False)


def _end_of_fraction(rest: pl.Expr) -> pl.Expr:
    """Return where the fraction ends at the end of a date-time, such as `.123+02:00`."""
    return rest.str.find("[Z+-]").fill_null(_LONGEST)


def _fraction(rest: pl.Expr) -> pl.Expr:
    """Return the microseconds of the fraction; further digits are cut off."""
    digits = rest.str.slice(1, _end_of_fraction(rest) - 1) + pl.lit("00000")
    return pl.when(rest.str.starts_with(".")).then(_number(digits.str.slice(0, _DIGITS))).otherwise(0)


def _offset(end: pl.Expr) -> pl.Expr:
    """Return the microseconds of an offset: `Z`, `+02:00`, `+0200`, `+02`, or an empty text."""
    digits = end.str.replace(":", "", literal=True)
    minutes = _number(digits.str.slice(3, 2)).fill_null(0) * _A_MINUTE
    ahead = _number(digits.str.slice(1, 2)).fill_null(0) * _AN_HOUR + minutes
    return pl.when(digits.str.starts_with("-")).then(-ahead).otherwise(ahead)


def as_instant(microseconds: pl.Expr) -> pl.Expr:
    """Return microseconds since 1970 as instants; null outside of the years 1 to 9999."""
    return pl.when(microseconds.is_between(_FIRST, _LAST)).then(microseconds).cast(pl.Datetime("us", "UTC"))


def start_of_day(day: pl.Expr, zone: str) -> pl.Expr:
    """Return the first instant of days in a time zone, also if the clocks skip midnight.

    That of 0001-01-01 is before the year 1 in UTC, if the zone is east of Greenwich.
    """
    midnight = day.cast(pl.Datetime("us"))
    before = _in_zone(midnight - pl.duration(days=1), zone) + pl.duration(days=1)
    return pl.coalesce(_in_zone(midnight, zone), before)


def _in_zone(wall: pl.Expr, zone: str) -> pl.Expr:
    return wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
