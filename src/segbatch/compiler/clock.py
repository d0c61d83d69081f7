"""Reference time and time zone of a run."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from segbatch.compiler.literals import LiteralTypeError, ensure_exists, read_moment
from segbatch.errors import UsageError
from segbatch.text import shown

_Moment = TypeVar("_Moment", date, datetime)


@dataclass(frozen=True, slots=True)
class Clock:
    """Reference time and time zone of a run.

    Attributes:
        as_of: The time, with a time zone, that relative dates are measured from.
        timezone: The zone of the calendar days and wall-clock times in definitions.
    """

    as_of: datetime
    timezone: ZoneInfo

    def day_of(self, moment: date | datetime) -> date:
        """Return the calendar day of an instant, in the run's time zone; a date as it is."""
        return moment.astimezone(self.timezone).date() if isinstance(moment, datetime) else moment


def read_clock(as_of: str | datetime | None, timezone: str, now: datetime) -> Clock:
    """Parse the reference time of a run.

    Args:
        as_of: An ISO 8601 date-time or date (the start of that day), or a datetime. Without an offset it is in
            `timezone`; of a wall-clock time that occurs twice, the first is used.
        timezone: An IANA name.
        now: The default for `as_of`.

    Raises:
        UsageError: The time zone is unknown, or the time is not valid.
    """
    zone = _read_zone(timezone)
    if not isinstance(as_of, str):
        moment = as_of or now
        if moment.tzinfo is None:
            _ensure_exists(moment, zone)
        return Clock((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC), zone)
    try:
        read = read_moment(as_of, zone)
    except LiteralTypeError as error:
        raise _invalid(as_of, error) from None
    if not isinstance(read, datetime):
        read = datetime.combine(read, time(), zone)
    try:
        return Clock(read.astimezone(UTC), zone)
    except OverflowError:
        raise UsageError(f"'{as_of}' is outside the calendar in {timezone} (--as-of)") from None


def _ensure_exists(moment: datetime, zone: ZoneInfo) -> None:
    try:
        ensure_exists(moment, zone)
    except LiteralTypeError as error:
        raise _invalid(moment.isoformat(), error) from None


def _invalid(as_of: str, error: LiteralTypeError) -> UsageError:
    return UsageError(f"{shown(as_of)} is not a valid time: {error} (--as-of)")


def _read_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"unknown time zone '{name}'; write an IANA name such as Europe/Berlin (--timezone)"
        raise UsageError(message) from None


def period(clock: Clock, number: int, unit: str, sign: int, *, in_days: bool) -> tuple[date, date]:
    """Return the first and the last moment of the period between the run's time and a time before or after it.

    Hours are elapsed time, days are calendar days. So `1d` before noon is noon of the day before, even if the clocks
    changed in between.

    Args:
        clock: The time of the run.
        number: The length of the period in hours or days.
        unit: `h` or `d`.
        sign: 1 for a period after the run's time, -1 for a period before it.
        in_days: Whether the moments are dates.
    """
    here: date = clock.day_of(clock.as_of) if in_days else clock.as_of
    there = _shifted(clock, sign * number, unit, in_days=in_days)
    return (here, there) if sign > 0 else (there, here)


def _shifted(clock: Clock, number: int, unit: str, *, in_days: bool) -> date | datetime:
    if in_days:
        return _moved(clock.day_of(clock.as_of), timedelta(days=number))
    if unit == "h":
        return _moved(clock.as_of, timedelta(hours=number))
    wall = _moved(clock.as_of.astimezone(clock.timezone).replace(tzinfo=None, fold=0), timedelta(days=number))
    try:
        return wall.replace(tzinfo=clock.timezone).astimezone(UTC)
    except OverflowError:
        return wall.replace(tzinfo=UTC)


def _moved(moment: _Moment, by: timedelta) -> _Moment:
    """Shift a time, but not beyond the ends of the calendar."""
    try:
        return moment + by
    except OverflowError:
        end = type(moment).min if by < timedelta() else type(moment).max
        return end.replace(tzinfo=moment.tzinfo) if isinstance(end, datetime) and isinstance(moment, datetime) else end
