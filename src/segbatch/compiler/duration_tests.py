"""Lowering of rules with a duration, such as `within_last`, `older_than` and `anniversary_within_next`."""

from calendar import isleap
from datetime import date, timedelta
from typing import Literal, assert_never

from segbatch.compiler.clock import Clock
from segbatch.compiler.durations import Duration, read_duration, shift
from segbatch.compiler.literals import LiteralTypeError
from segbatch.compiler.rule_errors import OperatorTypeError
from segbatch.compiler.typed_test import Between, Compare, FieldType, HasAnniversary
from segbatch.model.values import Scalar
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
