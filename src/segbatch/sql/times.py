"""Comparisons of columns of days and instants, with a literal or with each other."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import assert_never, cast

import polars as pl
from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.typed_test import Comparison
from segbatch.snapshot.fields.types import Kind
from segbatch.sql.columns import Column
from segbatch.sql.dialects import Refused, text, whole
from segbatch.sql.numbers import COMPARISONS, compare_outside_range

_ENDS_OF_NANOSECONDS = ("1677-09-21 00:12:43.145224", "2262-04-11 23:47:16.854775")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 2**63
_NEAR_MIDNIGHT = timedelta(hours=4)
"""Maximum change of a zone's clocks, except for zones that skipped a day."""

_WITH_DAYS = {"duckdb", "postgres"}
"""The dialects that can convert an instant to its day in any time zone; their dates go beyond the year 9999."""

_SNOWFLAKE_FORMAT = "YYYY-MM-DD HH24:MI:SS.FF6"
_CLICKHOUSE_FROM = datetime(1900, 1, 1, tzinfo=UTC)
_CLICKHOUSE_TO = datetime(2299, 1, 1, tzinfo=UTC)


def compare_date(column: Column, comparison: Comparison, day: date) -> exp.Expr:
    """Compare a column of days with a day."""
    return COMPARISONS[comparison](this=column.sql.copy(), expression=_day(day))


def compare_day(column: Column, comparison: Comparison, day: date, clock: Clock) -> exp.Expr:
    """Compare the days of a column of instants with a day; in some dialects with the instants of its start and end."""
    if column.dialect in _WITH_DAYS:
        return COMPARISONS[comparison](this=local_day(column, clock), expression=_day(day))
    here, beyond = _midnight(day, 0, clock), _midnight(day, 1, clock)
    match comparison:
        case "eq":
            return exp.and_(compare_instant(column, "gte", here), compare_instant(column, "lt", beyond))
        case "gte" | "lt":
            return compare_instant(column, comparison, here)
        case "gt":
            return compare_instant(column, "gte", beyond)
        case "lte":
            return compare_instant(column, "lt", beyond)
        case _:
            assert_never(comparison)


def compare_instant(column: Column, comparison: Comparison, moment: datetime) -> exp.Expr:
    """Compare a column of instants with an instant."""
    dtype = cast("pl.Datetime", column.dtype)
    if dtype.time_unit == "ns":
        column.refuse_outside_duckdb("a column of nanoseconds")
        nanoseconds = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
        constant = compare_outside_range(column, comparison, nanoseconds, -_NANOSECONDS, _NANOSECONDS - 1)
        if constant is not None:
            return constant
    return COMPARISONS[comparison](this=column.sql.copy(), expression=_instant(moment, column))


def comparable_times(column: Column, other: Column, clock: Clock) -> tuple[exp.Expr, exp.Expr]:
    """Return two columns of instants, or one of instants and one of days, so that their values can be compared.

    Raises:
        Refused: The dialect may compare the two types with another result.
    """
    if column.kind is not other.kind:
        column.refuse_outside_duckdb("a date and a date-time")
        return _as_day(column, clock), _as_day(other, clock)
    dtypes = _datetimes(column, other)
    units = {dtype.time_unit for dtype in dtypes}
    if len({bool(dtype.time_zone) for dtype in dtypes}) == 1 and ("ns" not in units or len(units) == 1):
        return column.sql.copy(), other.sql.copy()
    column.refuse_outside_duckdb("date-times of different types")
    if "ns" in units:
        raise Refused("date-times in nanoseconds and in another unit are not compared in SQL")
    return _zoned(column), _zoned(other)


def has_anniversary(column: Column, ranges: Sequence[tuple[int, int]], clock: Clock) -> exp.Expr:
    """Test whether the month and day of a date, in the run's time zone, are in one of several ranges."""
    day = column.sql.copy()
    if column.kind is Kind.DATETIME:
        if column.dialect not in _WITH_DAYS:
            raise Refused(f"the day of a date-time in a time zone is not supported for {column.dialect}")
        day = local_day(column, clock)
    month, number = (exp.Extract(this=exp.var(part), expression=day.copy()) for part in ("MONTH", "DAY"))
    key = exp.Paren(this=exp.Add(this=exp.Mul(this=month, expression=whole(100)), expression=number))
    found = exp.or_(*(exp.Between(this=key.copy(), low=whole(low), high=whole(high)) for low, high in ranges))
    if column.dialect not in _WITH_DAYS:
        return found
    return exp.and_(found, exp.Between(this=day.copy(), low=_day(date.min), high=_day(date.max)))


def local_day(column: Column, clock: Clock) -> exp.Expr:
    """Return the calendar day in the run's time zone."""
    dtype, sql, zone = cast("pl.Datetime", column.dtype), column.sql.copy(), clock.timezone.key
    if dtype.time_unit == "ns":
        column.refuse_outside_duckdb("a column of nanoseconds")
        sql = _in_microseconds(column)
    if dtype.time_zone is None or dtype.time_unit == "ns":
        if zone == "UTC":
            return exp.cast(sql, "date")
        sql = exp.Paren(this=exp.AtTimeZone(this=sql, zone=text("UTC")))
    return exp.cast(exp.AtTimeZone(this=sql, zone=text(zone)), "date")


def _midnight(day: date, later: int, clock: Clock) -> datetime:
    """Return the instant that starts a day, or a day `later` days after it.

    Raises:
        Refused: The clocks change near that instant, so that instants of two days may be mixed, or the calendar ends.
    """
    try:
        midnight = datetime.combine(day + timedelta(days=later), time(), clock.timezone)
        instant = midnight.astimezone(UTC)
        around = {(instant + by).astimezone(clock.timezone).utcoffset() for by in (-_NEAR_MIDNIGHT, _NEAR_MIDNIGHT)}
    except OverflowError:
        raise Refused("a day at the end of the calendar is supported only for duckdb and postgres") from None
    if len(around) > 1:
        raise Refused(f"on {midnight.date()} the clocks of {clock.timezone.key} are changed near midnight")
    return instant


def _day(day: date) -> exp.Expr:
    return exp.cast(text(day.isoformat()), "date")


def _as_day(column: Column, clock: Clock) -> exp.Expr:
    return local_day(column, clock) if column.kind is Kind.DATETIME else column.sql.copy()


def _instant(moment: datetime, column: Column) -> exp.Expr:
    """Return an instant as a literal of the column's type: with a time zone or, for a column without one, in UTC."""
    zoned = cast("pl.Datetime", column.dtype).time_zone is not None
    if column.dialect == "spark" and not zoned:
        raise Refused("spark may read a time without a zone in the zone of its session")
    if column.dialect == "snowflake":
        return _instant_of_snowflake(moment, zoned=zoned)
    if column.dialect == "clickhouse":
        return _instant_of_clickhouse(moment, zoned=zoned)
    written = moment.astimezone(UTC).isoformat(sep=" ")
    if not zoned:
        return exp.cast(text(written.removesuffix("+00:00")), "timestamp")
    if cast("pl.Datetime", column.dtype).time_unit == "ns":
        return exp.cast(text(written), exp.DataType.build("TIMESTAMPTZ_NS", udt=True))
    return exp.cast(text(written), "timestamptz")


def _instant_of_snowflake(moment: datetime, *, zoned: bool) -> exp.Expr:
    """Return an instant with an explicit format, because Snowflake's default format depends on a setting."""
    written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f").zfill(26)
    if not zoned:
        arguments = [text(written), text(_SNOWFLAKE_FORMAT)]
        return exp.Anonymous(this="TO_TIMESTAMP_NTZ", expressions=arguments)
    arguments = [text(f"{written} +00:00"), text(f"{_SNOWFLAKE_FORMAT} TZH:TZM")]
    return exp.Anonymous(this="TO_TIMESTAMP_TZ", expressions=arguments)


def _instant_of_clickhouse(moment: datetime, *, zoned: bool) -> exp.Expr:
    if not zoned:
        raise Refused("clickhouse may read a time without a zone in the zone of its server")
    if not _CLICKHOUSE_FROM <= moment < _CLICKHOUSE_TO:
        raise Refused("clickhouse does not support times before 1900 and after 2299")
    written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return exp.Anonymous(this="toDateTime64", expressions=[text(written), whole(6), text("UTC")])


def _in_microseconds(column: Column) -> exp.Expr:
    """Round nanoseconds down to microseconds; DuckDB's cast rounds towards 1970, which can change the day.

    DuckDB reads the first and the last instant as infinity; EPOCH_NS of infinity is null.
    """
    nanoseconds = exp.Anonymous(this="EPOCH_NS", expressions=[column.sql.copy()])
    rest = exp.Mod(this=nanoseconds, expression=whole(1000))
    is_lower = exp.func("IF", exp.LT(this=rest, expression=whole(0)), whole(1), whole(0))
    lowered = exp.Sub(this=exp.IntDiv(this=nanoseconds.copy(), expression=whole(1000)), expression=is_lower)
    made = exp.Anonymous(this="MAKE_TIMESTAMP", expressions=[lowered])
    first, last = (exp.cast(text(written), "timestamp") for written in _ENDS_OF_NANOSECONDS)
    epoch = _instant(_EPOCH, column)
    ends = exp.Case(
        ifs=[
            exp.If(this=exp.LT(this=column.sql.copy(), expression=epoch), true=first),
            exp.If(this=exp.GT(this=column.sql.copy(), expression=epoch.copy()), true=last),
        ]
    )
    return exp.Coalesce(this=made, expressions=[ends])


def _datetimes(*columns: Column) -> list[pl.Datetime]:
    return [one.dtype for one in columns if isinstance(one.dtype, pl.Datetime)]


def _zoned(column: Column) -> exp.Expr:
    """Return an instant with a time zone; a column without one is in UTC."""
    [dtype] = _datetimes(column)
    return column.sql.copy() if dtype.time_zone else exp.AtTimeZone(this=column.sql.copy(), zone=text("UTC"))
