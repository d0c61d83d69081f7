"""Days, instants, and the stretch of time that a duration spans."""

from __future__ import annotations

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
_DURATION = re.compile(r"([0-9]+)([hdw])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_DAYS = {"d": 1, "w": 7}
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
    whole = (_aware(moment) - _EPOCH) // timedelta(microseconds=1)
    return whole * 1000 + int(getattr(moment, "nanosecond", 0))


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Tell the calendar day of a moment in a zone; a moment without a zone is UTC."""
    return _aware(moment).astimezone(zone).date()


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_duration(text: object) -> tuple[int, str] | None:
    """Read `36h`, `30d` or `12w` as a count and its unit."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    return (int(found[1]), found[2]) if found else None


def shifted_day(today: date, count: int, unit: str) -> date:
    """Go `count` days or weeks forward (or back, if negative), no further than there are days."""
    try:
        return today + timedelta(days=count * _DAYS[unit])
    except OverflowError:
        return date.max if count > 0 else date.min


def shifted_moment(as_of: datetime, count: int, unit: str, zone: ZoneInfo) -> datetime:
    """Go hours of elapsed time, or days or weeks on the wall clock, no further than there are moments."""
    try:
        if unit == "h":
            return as_of.astimezone(UTC) + timedelta(hours=count)
        if not count:
            return as_of
        wall = as_of.astimezone(zone) + timedelta(days=count * _DAYS[unit])
        return wall.replace(fold=0).astimezone(UTC)
    except OverflowError:
        return _LAST if count > 0 else _FIRST
