"""Intervals of the values that a rule accepts, for one kind of column, and their intersection."""

from collections.abc import Hashable, Iterable
from ctypes import c_float
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, cast

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import LiteralTypeError, read_boolean, read_date, read_moment, read_number, read_uuid
from segbatch.findings.normal_form import scalar_key
from segbatch.model.operators import NEGATIONS
from segbatch.model.segment import Rule
from segbatch.model.values import Scalar
from segbatch.snapshot.fields.types import Kind

_MOST_VALUES = 100
_ELEMENT = "element"


@dataclass(frozen=True, slots=True)
class _Interval:
    """Values between two bounds; None means unbounded."""

    low: Any
    high: Any
    has_low: bool
    has_high: bool

    @property
    def is_point(self) -> bool:
        """Whether it is a single value."""
        return self.has_low and self.has_high and self.low == self.high


@dataclass(frozen=True)
class Region:
    """The values that a rule accepts.

    Attributes:
        domain: The type that values are compared as; values of different domains cannot be compared.
        intervals: The values that the operator, or its positive opposite, accepts.
        wanted: Whether these values are accepted, or all others.
    """

    domain: str
    intervals: tuple[_Interval, ...]
    wanted: bool

    @cached_property
    def points(self) -> frozenset[Hashable] | None:
        """The values, if all intervals are single values."""
        ends = [interval.low for interval in self.intervals if interval.is_point]
        return frozenset(ends) if len(ends) == len(self.intervals) else None

    @cached_property
    def rounded(self) -> frozenset[Hashable] | None:
        """The same values, with numbers rounded to the least precise column of numbers."""
        points = self.points
        return points and frozenset(_rounded(end) if isinstance(end, Decimal) else end for end in points)


def region_of(rule: Rule, kind: Kind, clock: Clock, *, wanted: bool) -> Region | None:
    """Return the values of a column that a rule, or its opposite, accepts; None if intervals cannot represent them.

    Raises:
        LiteralTypeError: The column cannot be compared with the value.
    """
    positive = NEGATIONS.get(rule.operator, rule.operator)
    wanted = wanted == (rule.operator not in NEGATIONS)
    values = rule.value if isinstance(rule.value, tuple) else (cast("Scalar", rule.value),)
    if len(values) > _MOST_VALUES or (rule.ignore_case and kind is not Kind.TEXT):
        return None
    if kind is Kind.LIST and positive not in {"eq", "in", "contains"}:
        raise LiteralTypeError("a list has no order")
    if kind is Kind.LIST:
        return _region_of_list(values, wanted=wanted)
    read = [_read(value, kind, clock) for value in values]
    domain = read[0][0] + (", any case" if rule.ignore_case else "")
    if any(other != read[0][0] for other, _ in read) or (rule.ignore_case and read[0][0] != "text"):
        return None
    ends = [str(end).lower() if rule.ignore_case else end for _, end in read]
    intervals = _intervals(positive, ends)
    return Region(domain, intervals, wanted) if intervals else None


def _region_of_list(values: Iterable[Scalar], *, wanted: bool) -> Region:
    points = [scalar_key(value) for value in values]
    return Region(_ELEMENT, tuple(_Interval(point, point, has_low=True, has_high=True) for point in points), wanted)


def _intervals(operator: str, ends: list[Any]) -> tuple[_Interval, ...]:
    match operator:
        case "eq" | "in":
            return tuple(_Interval(end, end, has_low=True, has_high=True) for end in ends)
        case "between":
            return (_Interval(ends[0], ends[1], has_low=True, has_high=True),)
        case "gt" | "gte":
            return (_Interval(ends[0], None, has_low=operator == "gte", has_high=False),)
        case "lt" | "lte":
            return (_Interval(None, ends[0], has_low=False, has_high=operator == "lte"),)
        case _:
            return ()


def _read(value: Scalar, kind: Kind, clock: Clock) -> tuple[str, Any]:
    """Parse a value as a column of this kind does; return its domain and the value."""
    match kind:
        case Kind.TEXT if isinstance(value, bool):
            return "text", "true" if value else "false"
        case Kind.TEXT if isinstance(value, str):
            return "text", value
        case Kind.BOOLEAN:
            return "boolean", int(read_boolean(value))
        case Kind.UUID:
            return "UUID", read_uuid(value)
        case Kind.DATE:
            return "day", read_date(value)
        case Kind.DATETIME:
            moment: date | datetime = read_moment(value, clock.timezone)
            return "instant" if isinstance(moment, datetime) else "day", moment
        case _:
            return "number", read_number(value)


def meet(one: Region, other: Region) -> bool:
    """Return whether both may accept a common value; True if it is uncertain."""
    if one.domain != other.domain or not (one.wanted or other.wanted):
        return True
    if one.wanted and other.wanted:
        if one.domain == _ELEMENT:
            return True
        if one.rounded is not None and other.rounded is not None:
            return not one.rounded.isdisjoint(other.rounded)
        return not all(_apart(left, right) for left in one.intervals for right in other.intervals)
    accepted, refused = (one, other) if one.wanted else (other, one)
    if accepted.points is not None and refused.points is not None:
        return not accepted.points <= refused.points
    return not all(any(_within(inner, outer) for outer in refused.intervals) for inner in accepted.intervals)


def _apart(one: _Interval, other: _Interval) -> bool:
    return _ends_before(one, other) or _ends_before(other, one)


def _ends_before(one: _Interval, other: _Interval) -> bool:
    if one.high is None or other.low is None:
        return False
    return _is_below(one.high, other.low, strictly=one.has_high and other.has_low)


def _within(inner: _Interval, outer: _Interval) -> bool:
    if inner == outer:
        return True
    low = outer.low is None or (
        inner.low is not None and _is_below(outer.low, inner.low, strictly=inner.has_low and not outer.has_low)
    )
    high = outer.high is None or (
        inner.high is not None and _is_below(inner.high, outer.high, strictly=inner.has_high and not outer.has_high)
    )
    return low and high


def _is_below(one: Any, other: Any, *, strictly: bool) -> bool:
    """Compare two bounds; numbers that a floating-point column may round to the same value are not strictly below."""
    if isinstance(one, Decimal):
        return bool(_rounded(one) < _rounded(other) if strictly else one <= other)
    return bool(one < other if strictly else one <= other)


def _rounded(number: Decimal) -> float:
    """Round a number as the least precise column of numbers does; beyond its range it is infinite."""
    return c_float(float(number)).value
