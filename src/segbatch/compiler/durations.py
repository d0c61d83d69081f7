"""Durations in rules such as `within_last` and `older_than`, and the times that are a duration from another time.

Minutes and hours are elapsed time. Days, weeks, months and years follow the calendar and the wall clock of the run's
time zone: `1d` before noon is noon of the day before, even if the clocks changed in between, and a month before 31
March is the last day of February.
"""

from calendar import isleap, monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, assert_never, overload

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import LiteralTypeError
from segbatch.compiler.rule_errors import OperatorTypeError
from segbatch.compiler.typed_test import Between, Compare, FieldType, HasAnniversary
from segbatch.model.values import DURATION, Scalar
from segbatch.snapshot.fields.types import Kind

DurationOperator = Literal[
    "within_last",
    "not_within_last",
    "within_next",
    "not_within_next",
    "older_than",
    "later_than",
    "anniversary_within_last",
    "anniversary_within_next",
]
"""The operators that compare a time with the time of the run."""

_BEFORE: frozenset[DurationOperator] = frozenset(
    {"within_last", "not_within_last", "older_than", "anniversary_within_last"}
)
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

_LEAP_YEAR, _LEAP_DAY, _DAYS_OF_A_YEAR = 2000, 229, 366


def duration_test(
    operator: DurationOperator, value: Scalar, field: FieldType, clock: Clock
) -> Between | Compare | HasAnniversary:
    """Return the test of an operator, or of its positive opposite.

    Raises:
        OperatorTypeError: The field has no dates.
        LiteralTypeError: The field has dates, and the duration is shorter than a day.
    """
    duration = read_duration(value)
    if field.kind is Kind.DATE and duration.unit == "min":
        raise LiteralTypeError("a date has no hours or minutes; write days, weeks, months or years")
    if field.kind not in {Kind.DATE, Kind.DATETIME}:
        hint = '; add "as": "datetime" to read texts as dates' if field.kind is Kind.TEXT else ""
        raise OperatorTypeError(f"it needs a date or a date-time{hint}")
    duration = -duration if operator in _BEFORE else duration
    here = clock.now(in_days=field.kind is Kind.DATE)
    match operator:
        case "older_than":
            return Compare("lt", shift(here, duration, clock))
        case "later_than":
            return Compare("gt", shift(here, duration, clock))
        case "within_last" | "not_within_last":
            return Between(shift(here, duration, clock), here)
        case "within_next" | "not_within_next":
            return Between(here, shift(here, duration, clock))
        case "anniversary_within_last" | "anniversary_within_next":
            return _anniversary(duration.number, clock)
        case _:
            assert_never(operator)


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


def _anniversary(number: int, clock: Clock) -> HasAnniversary:
    """Return the test of the dates whose month and day are on one of some days before or after today."""
    today = clock.day_of(clock.as_of)
    step = -1 if number < 0 else 1
    last = min(abs(number), _DAYS_OF_A_YEAR)
    days = (shift(today, Duration(step * by, "d"), clock) for by in range(last + 1))
    return HasAnniversary(_ranges({key for day in days for key in _keys(day)}))


def _keys(day: date) -> tuple[int, ...]:
    """Return the dates, as month times 100 plus day, that have their anniversary on a day."""
    key = day.month * 100 + day.day
    return (key, _LEAP_DAY) if key == _LEAP_DAY - 1 and not isleap(day.year) else (key,)


def _ranges(keys: set[int]) -> tuple[tuple[int, int], ...]:
    """Return the dates of a year as ranges of consecutive days."""
    ranges: list[tuple[int, int]] = []
    day = date(_LEAP_YEAR, 1, 1)
    before = False
    while day.year == _LEAP_YEAR:
        key = day.month * 100 + day.day
        if key in keys:
            ranges[-1:] = [(ranges[-1][0], key)] if before else [*ranges[-1:], (key, key)]
        before = key in keys
        day += timedelta(days=1)
    return tuple(ranges)


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
