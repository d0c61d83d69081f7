"""Intervals of the values that a rule accepts, for one kind of column, and their intersection."""

from collections.abc import Hashable, Iterable, Mapping
from ctypes import c_float
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, assert_never, cast

from segbatch.compiler.clock import Clock
from segbatch.compiler.durations import read_duration
from segbatch.compiler.lowering import lower
from segbatch.compiler.relative_dates import read_relative
from segbatch.compiler.rule_errors import OperatorTypeError
from segbatch.compiler.typed_test import Between, Compare, FieldType, IsIn, TypedLiteral
from segbatch.findings.normal_form import scalar_key
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Rule
from segbatch.model.sample import SampleRange
from segbatch.model.values import Scalar
from segbatch.snapshot.fields.types import Kind

_MOST_VALUES = 100
_ELEMENT = "element"
_OF_LISTS = {"eq", "neq", "in", "not_in", "contains", "not_contains"}


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


ZERO_OR_MORE = Region("number", (_Interval(Decimal(0), None, has_low=True, has_high=False),), wanted=True)
"""The values of a count."""


def region_of(rule: Rule, kind: Kind, clock: Clock, *, wanted: bool) -> Region | None:
    """Return the values of a column that a rule, or its opposite, accepts; None if intervals cannot represent them.

    The ends of a duration move with the time of the run. Durations in the same unit are compared with each other only.

    Raises:
        OperatorTypeError: The column does not support the operator.
        LiteralTypeError: The column cannot be compared with the value.
        InvalidLiteralError: The low value of a range is above the high one.
    """
    wanted = wanted == (rule.operator not in NEGATIONS)
    if rule.shape == "list_name":
        return None
    if isinstance(rule.value, SampleRange):
        low, high = rule.value.bounds
        return Region("sample", (_Interval(low, high, has_low=True, has_high=False),), wanted)
    values = rule.value if isinstance(rule.value, tuple) else (cast("Scalar", rule.value),)
    if rule.value_field is not None or len(values) > _MOST_VALUES or (rule.ignore_case and kind is not Kind.TEXT):
        return None
    if kind is Kind.LIST and rule.operator not in _OF_LISTS:
        raise OperatorTypeError("a list has no order")
    if kind is Kind.LIST:
        return _region_of_list(values, wanted=wanted)
    if rule.shape == "segment":
        return None
    intervals = _intervals(lower(rule, FieldType(kind), clock).test)
    if rule.shape == "duration":
        return _region_of_duration(rule, wanted=wanted)
    if kind in {Kind.DATE, Kind.DATETIME} and any(map(read_relative, values)):
        return _region_of_relative(values, intervals, clock, wanted=wanted)
    domains = {_domain(end, kind) for interval in intervals for end in (interval.low, interval.high) if end is not None}
    if len(domains) != 1 or (rule.ignore_case and domains != {"text"}):
        return None
    return Region(domains.pop() + (", any case" if rule.ignore_case else ""), intervals, wanted)


def _region_of_list(values: Iterable[Scalar], *, wanted: bool) -> Region:
    points = [scalar_key(value) for value in values]
    return Region(_ELEMENT, tuple(_Interval(point, point, has_low=True, has_high=True) for point in points), wanted)


def _region_of_duration(rule: Rule, *, wanted: bool) -> Region:
    duration = read_duration(str(rule.value))
    number = duration.number
    match NEGATIONS.get(rule.operator, rule.operator):
        case "within_last":
            interval = _Interval(-number, 0, has_low=True, has_high=True)
        case "within_next":
            interval = _Interval(0, number, has_low=True, has_high=True)
        case "older_than":
            interval = _Interval(None, -number, has_low=False, has_high=False)
        case _:
            interval = _Interval(number, None, has_low=False, has_high=False)
    return Region(f"{duration.unit} from the run", (interval,), wanted)


def _region_of_relative(
    values: Iterable[Scalar], intervals: Iterable[_Interval], clock: Clock, *, wanted: bool
) -> Region | None:
    """Return a region of offsets from one base in one unit, since these move together; None for other values."""
    offsets: dict[object, int] = {}
    domains = set[str]()
    for value in values:
        relative = read_relative(value)
        if relative is None or len(relative.offsets) > 1:
            return None
        number, unit = next(((offset.number, offset.unit) for offset in relative.offsets), (0, "d"))
        offsets[relative.at(clock)] = number
        domains.add(f"{unit} from {relative.base}")
    if len(domains) > 1:
        return None
    moved = (replace(one, low=_moved(one.low, offsets), high=_moved(one.high, offsets)) for one in intervals)
    return Region(domains.pop(), tuple(moved), wanted)


def _moved(end: Any, offsets: Mapping[object, int]) -> int | None:
    return None if end is None else offsets[end]


def _intervals(test: object) -> tuple[_Interval, ...]:
    match test:
        case Compare("eq", literal):
            return (_Interval(literal, literal, has_low=True, has_high=True),)
        case Compare("gt" | "gte" as comparison, literal):
            return (_Interval(literal, None, has_low=comparison == "gte", has_high=False),)
        case Compare(comparison, literal):
            return (_Interval(None, literal, has_low=False, has_high=comparison == "lte"),)
        case IsIn(literals):
            return tuple(_Interval(literal, literal, has_low=True, has_high=True) for literal in literals)
        case Between(low, high):
            return (_Interval(low, high, has_low=True, has_high=True),)
        case _:
            return ()


def _domain(literal: TypedLiteral, kind: Kind) -> str:
    """Return the type that a column compares the literal as."""
    match literal:
        case str():
            return "UUID" if kind is Kind.UUID else "text"
        case bool():
            return "boolean"
        case Decimal():
            return "number"
        case datetime():
            return "instant"
        case date():
            return "day"
        case _:
            assert_never(literal)


def can_overlap(one: Region, other: Region) -> bool:
    """Return whether both may accept a common value; True if it is uncertain."""
    if one.domain != other.domain or not (one.wanted or other.wanted):
        return True
    if one.wanted and other.wanted:
        if one.domain == _ELEMENT:
            return True
        if one.rounded is not None and other.rounded is not None:
            return not one.rounded.isdisjoint(other.rounded)
        return not all(_are_disjoint(left, right) for left in one.intervals for right in other.intervals)
    accepted, refused = (one, other) if one.wanted else (other, one)
    if accepted.points is not None and refused.points is not None:
        return not accepted.points <= refused.points
    return not all(any(_within(inner, outer) for outer in refused.intervals) for inner in accepted.intervals)


def _are_disjoint(one: _Interval, other: _Interval) -> bool:
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
