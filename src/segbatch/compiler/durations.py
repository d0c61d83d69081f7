"""Durations, and the times that are a duration before or after another time.

Minutes and hours are elapsed time. Days, weeks, months and years follow the calendar and the wall clock of the run's
time zone: `1d` before noon is noon of the day before, even if the clocks changed in between, and a month before 31
March is the last day of February.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, overload

from segbatch.compiler.clock import Clock
from segbatch.model.values import DURATION, Scalar

_MONTHS_IN_A_YEAR = 12
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_UNITS: dict[str, tuple[int, Literal["min", "d", "mo"]]] = {
    "min": (1, "min"),
    "h": (60, "min"),
    "d": (1, "d"),
    "w": (7, "d"),
    "mo": (1, "mo"),
    "y": (_MONTHS_IN_A_YEAR, "mo"),
}


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of minutes of elapsed time, or of days or months by the calendar; negative for a time before."""

    number: int
    unit: Literal["min", "d", "mo"]

    def __neg__(self) -> "Duration":
        """Return the duration in the other direction."""
        return Duration(-self.number, self.unit)


def read_duration(value: Scalar) -> Duration:
    """Parse a duration such as `90min`, `36h`, `30d`, `12w`, `6mo`, `2y`; the model has already validated it."""
    number, name = DURATION.findall(str(value))[0]
    factor, unit = _UNITS[name]
    return Duration(int(number) * factor, unit)


@overload
def shift(moment: datetime, by: Duration, clock: Clock) -> datetime: ...
@overload
def shift(moment: date, by: Duration, clock: Clock) -> date: ...
def shift(moment: date | datetime, by: Duration, clock: Clock) -> date | datetime:
    """Return the time that is a duration after another time, or the end of the calendar if it is beyond.

    Args:
        moment: An instant, or a day. A day cannot be shifted by minutes.
        by: The duration; negative for a time before.
        clock: The time zone of the wall clock.
    """
    try:
        return _shifted_instant(moment, by, clock) if isinstance(moment, datetime) else _shifted_day(moment, by)
    except (OverflowError, ValueError):
        first, last = (_FIRST, _LAST) if isinstance(moment, datetime) else (date.min, date.max)
        return first if by.number < 0 else last


def _shifted_instant(moment: datetime, by: Duration, clock: Clock) -> datetime:
    if by.unit == "min":
        return moment.astimezone(UTC) + timedelta(minutes=by.number)
    if not by.number:
        return moment
    wall = moment.astimezone(clock.timezone)
    day = _shifted_day(wall.date(), by)
    return datetime.combine(day, wall.time().replace(fold=0), clock.timezone).astimezone(UTC)


def _shifted_day(day: date, by: Duration) -> date:
    if by.unit == "d":
        return day + timedelta(days=by.number)
    years, month = divmod(day.month - 1 + by.number, _MONTHS_IN_A_YEAR)
    year = day.year + years
    first = date(year, month + 1, 1)
    return first.replace(day=min(day.day, monthrange(year, month + 1)[1]))
