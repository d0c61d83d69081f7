"""Dates in rules that are relative to the time of the run, such as `today-30d`, and the rules that need dates."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from segbatch.compiler.clock import Clock
from segbatch.compiler.durations import Duration, read_duration, shift
from segbatch.compiler.literals import LiteralTypeError, read_date, read_moment
from segbatch.model.rule import Rule
from segbatch.model.values import Scalar
from segbatch.text import nearest

_STARTS: Mapping[str, Callable[[date], date]] = {
    "today": lambda day: day,
    "start_of_week": lambda day: day - timedelta(days=day.weekday()),
    "start_of_month": lambda day: day.replace(day=1),
    "start_of_quarter": lambda day: day.replace(month=day.month - (day.month - 1) % 3, day=1),
    "start_of_year": lambda day: day.replace(month=1, day=1),
}
_NOW = "now"
_BASES = (*_STARTS, _NOW)
_WITH_DATES = {"eq", "neq", "gt", "gte", "lt", "lte", "between", "in", "not_in"}
_OTHER_WORDS = {"yesterday": "today-1d", "tomorrow": "today+1d"}

_RELATIVE = re.compile(rf"({'|'.join(_BASES)})((?:[+-][0-9]{{1,6}}(?:min|h|d|w|mo|y))*)")
_OFFSET = re.compile(r"([+-])([0-9]+[a-z]+)")
_LIKE_RELATIVE = re.compile(r"([a-z_]+)((?:[+-][0-9]+[a-z]*)*)")
_WITHOUT_UNIT = re.compile(r"([0-9])(?=[+-]|$)")


@dataclass(frozen=True, slots=True)
class RelativeDate:
    """A date that moves with the time of the run.

    Attributes:
        base: The day or the time that offsets are added to, such as `today`.
        offsets: The durations to add to it, one after the other.
    """

    base: str
    offsets: tuple[Duration, ...]

    def at(self, clock: Clock) -> date | datetime:
        """Return the day, or for `now` the instant.

        Raises:
            LiteralTypeError: A day is moved by minutes or hours.
        """
        if self.base == _NOW:
            moment: date | datetime = clock.as_of
        elif any(offset.unit == "min" for offset in self.offsets):
            raise LiteralTypeError("a day has no hours or minutes; write a time like 'now-36h'")
        else:
            moment = _STARTS[self.base](clock.day_of(clock.as_of))
        for offset in self.offsets:
            moment = shift(moment, offset, clock)
        return moment


def read_relative(value: object) -> RelativeDate | None:
    """Parse a date that is relative to the time of the run; return None for any other value."""
    found = _RELATIVE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    offsets = ((sign, read_duration(duration)) for sign, duration in _OFFSET.findall(found[2]))
    return RelativeDate(found[1], tuple(-offset if sign == "-" else offset for sign, offset in offsets))


def read_day(value: Scalar, clock: Clock) -> date:
    """Parse a date, or one that is relative to the time of the run.

    Raises:
        LiteralTypeError: The value is not a date.
    """
    relative = read_relative(value)
    if relative is None:
        _ensure_not_misspelled(value)
        return read_date(value)
    if relative.base == _NOW:
        raise LiteralTypeError(f"a date has no time of day; write '{str(value).replace(_NOW, 'today', 1)}'")
    return relative.at(clock)


def read_time(value: Scalar, clock: Clock) -> date | datetime:
    """Parse a date-time or a date, or one that is relative to the time of the run.

    Raises:
        LiteralTypeError: The value is neither.
    """
    relative = read_relative(value)
    if relative is None:
        _ensure_not_misspelled(value)
        return read_moment(value, clock.timezone)
    return relative.at(clock)


def needs_dates(rule: Rule) -> bool:
    """Return whether a rule compares dates whatever type its field has: by a duration, or with relative dates."""
    return rule.shape in {"duration", "days"} or has_relative_dates(rule)


def has_relative_dates(rule: Rule) -> bool:
    """Return whether a rule compares with dates that are relative to the time of the run."""
    values = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    return rule.operator in _WITH_DATES and any(read_relative(value) is not None for value in values)


def _ensure_not_misspelled(value: Scalar) -> None:
    """Raise an error if a value begins with a word, as relative dates do."""
    if isinstance(value, str) and value[:1].isalpha():
        message = "write a date like '2025-06-01', or a relative one like 'today-30d', 'now-36h' or 'start_of_month'"
        raise LiteralTypeError(message + _hint(value))


def _hint(value: str) -> str:
    found = _LIKE_RELATIVE.fullmatch(re.sub(r"\s", "", value.lower()))
    if found is None:
        return ""
    base = _OTHER_WORDS.get(found[1]) or nearest(found[1], _BASES) or ""
    meant = base + _WITHOUT_UNIT.sub(r"\1d", found[2])
    return f"; did you mean '{meant}'?" if _RELATIVE.fullmatch(meant) else ""
