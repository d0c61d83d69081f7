"""Days, instants, and the stretch of time that a duration spans."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_TIME = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
_OFFSET = r"(Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
_ISO_DAY = re.compile(_DAY)
_ISO_MOMENT = re.compile(f"{_DAY}[T ]{_TIME}{_OFFSET}")
_DURATION = re.compile(r"([0-9]+)(min|h|d|w|mo|y)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MINUTES = {"min": 1, "h": 60}
_DAYS = {"d": 1, "w": 7}
_MONTHS = {"mo": 1, "y": 12}
_HOURS_OF_A_DAY, _MINUTES_OF_AN_HOUR = 24, 60


def read_day(text: str) -> date | None:
    """Read `YYYY-MM-DD`; None for anything else."""
    found = _ISO_DAY.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def read_moment(text: str, zone: ZoneInfo) -> datetime | None:
    """Read an ISO date-time as an instant in UTC; without an offset it is local to the zone."""
    found = _ISO_MOMENT.fullmatch(text)
    if not found:
        return None
    *parts, fraction, offset, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    try:
        wall = datetime(year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0")))  # noqa: DTZ001
        if offset is None:
            return None if _is_skipped(wall, zone) else wall.replace(tzinfo=zone).astimezone(UTC)
        ahead = _offset(sign, int(hours or 0), int(minutes or 0))
        return None if ahead is None else (wall - ahead).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _is_skipped(wall: datetime, zone: ZoneInfo) -> bool:
    """Tell whether the clocks never show this: they jump from before it to after it."""
    before, after = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return before is not None and after is not None and after > before


def _offset(sign: str | None, hours: int, minutes: int) -> timedelta | None:
    if hours >= _HOURS_OF_A_DAY or minutes >= _MINUTES_OF_AN_HOUR:
        return None
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if sign == "-" else ahead


def nanoseconds(moment: datetime) -> int:
    """Count nanoseconds since 1970 UTC; a moment without a zone is UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    whole = (aware - _EPOCH) // timedelta(microseconds=1)
    return whole * 1000 + int(getattr(moment, "nanosecond", 0))


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Tell the calendar day of a moment in a zone; a moment without a zone is UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return aware.astimezone(zone).date()


def read_duration(text: object) -> tuple[int, str] | None:
    """Read `90min`, `36h`, `30d`, `12w`, `6mo` or `2y` as a count and its unit."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    return (int(found[1]), found[2]) if found else None


def shifted_day(today: date, count: int, unit: str) -> date:
    """Go days, weeks, months or years forward (or back, if negative), no further than there are days."""
    try:
        if unit in _DAYS:
            return today + timedelta(days=count * _DAYS[unit])
        return _in_another_month(today, count * _MONTHS[unit])
    except (OverflowError, ValueError):
        return date.max if count > 0 else date.min


def _in_another_month(day: date, months: int) -> date:
    """Go months forward or back; where that month is too short, to its last day."""
    years, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


def shifted_moment(as_of: datetime, count: int, unit: str, zone: ZoneInfo) -> datetime:
    """Go minutes or hours of elapsed time, or on by the wall clock's calendar, no further than there are moments."""
    try:
        if unit in _MINUTES:
            return as_of.astimezone(UTC) + timedelta(minutes=count * _MINUTES[unit])
        if not count:
            return as_of
        wall = as_of.astimezone(zone)
        day = shifted_day(wall.date(), count, unit)
        if day in (date.max, date.min):
            return _LAST if count > 0 else _FIRST
        return datetime.combine(day, wall.time().replace(fold=0), zone).astimezone(UTC)
    except OverflowError:
        return _LAST if count > 0 else _FIRST


def read_relative(text: object, as_of: datetime, zone: ZoneInfo) -> date | datetime | None:
    """Read `today-30d`, `now+36h` or `start_of_month`: a day, or an instant for `now`; None for anything else."""
    words = re.split(r"(?=[+-])", text) if isinstance(text, str) else [""]
    base, steps = words[0], [(step[0], read_duration(step[1:])) for step in words[1:]]
    today = local_day(as_of, zone)
    if base == "now":
        point: date | datetime = as_of
    elif base == "today":
        point = today
    elif base == "start_of_week":
        point = date.fromordinal(today.toordinal() - today.isoweekday() + 1)
    elif base in ("start_of_month", "start_of_quarter", "start_of_year"):
        length = {"start_of_month": 1, "start_of_quarter": 3, "start_of_year": 12}[base]
        point = date(today.year, (today.month - 1) // length * length + 1, 1)
    else:
        return None
    for sign, duration in steps:
        if duration is None or (base != "now" and duration[1] in _MINUTES):
            return None
        count = -duration[0] if sign == "-" else duration[0]
        if isinstance(point, datetime):
            point = shifted_moment(point, count, duration[1], zone)
        else:
            point = shifted_day(point, count, duration[1])
    return point


def base_of(text: object) -> str | None:
    """Name what a relative date moves with; None where it stays."""
    found = re.match(r"(now|today|start_of_[a-z]+)", text) if isinstance(text, str) else None
    return found[0] if found else None


def in_year(day: date, year: int) -> date:
    """Give the anniversary of a day in a year."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)
