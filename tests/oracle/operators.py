"""The operators that compare a present cell with a rule's value."""

from __future__ import annotations

import operator
import re
import unicodedata
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from .kinds import Kind, Refused
from .patterns import searcher
from .probes import Probe, Reading, between, containment, equality, is_missing, probe, uuid_part
from .times import in_year, local_day, nanoseconds, read_duration, shifted_day, shifted_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from .probes import Test

    Maker = Callable[[Kind, Any, Reading], Test]

NEGATED = {
    "neq": "eq",
    "not_contains": "contains",
    "not_in": "in",
    "not_in_list": "in_list",
    "not_within_last": "within_last",
    "not_within_next": "within_next",
}
_TWO_DAYS = r"\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d"
_IGNORES_CASE = {"eq", "contains", "in", "in_list", "starts_with", "ends_with", "matches"}


def check_shape(name: str, value: Any) -> None:
    """Refuse a value that the operator could use on no column at all."""
    match name, value:
        case ("starts_with" | "ends_with", str()):
            return
        case ("matches", str()):
            searcher(value, ignore_case=False)
        case ("within_last" | "within_next" | "older_than" | "later_than", _) if read_duration(value):
            return
        case ("anniversary_within_last" | "anniversary_within_next", _) if read_duration(value):
            return
        case ("in" | "in_list", [_, *_]) | ("between", [_, _]):
            if not all(isinstance(one, str | int | float) for one in value):
                raise Refused(f"{name} cannot use {value!r}")
            if name == "between" and _is_turned(*value):
                raise Refused(f"{value[0]!r} is above {value[1]!r}")
        case ("eq" | "contains" | "gt" | "lt" | "gte" | "lte", str() | int() | float()):
            return
        case _:
            raise Refused(f"{name} cannot use {value!r}")


def _is_turned(low: Any, high: Any) -> bool:
    """Tell whether two numbers, or two days, are the wrong way round; of other values the column decides."""
    if isinstance(low, str) and isinstance(high, str):
        return re.fullmatch(_TWO_DAYS, f"{low}..{high}") is not None and low > high
    return type(low) in {int, float} and type(high) in {int, float} and low > high


def check_ignore_case(name: str, kind: Kind) -> None:
    """Refuse ignore_case where there is no case to ignore."""
    if name not in _IGNORES_CASE:
        raise Refused(f"{name} knows no ignore_case")
    of = kind.item if kind.name == "list" and kind.item else kind
    if of.name not in ("text", "uuid", "null"):
        raise Refused(f"a {of.name} has no case to ignore")


def _in(kind: Kind, values: list[object], reading: Reading) -> Test:
    tests = [equality(kind, value, reading) for value in values]
    return lambda cell: any(test(cell) for test in tests)


def _order(compare: Callable[[Any, Any], bool]) -> Maker:
    return lambda kind, value, reading: probe(kind, value, reading).ordered(compare)


def _of_text(name: str) -> Maker:
    def make(kind: Kind, value: str, reading: Reading) -> Test:
        method = str.startswith if name == "starts_with" else str.endswith
        if kind.name == "uuid":
            search = searcher(value, ignore_case=True) if name == "matches" else None
            return lambda cell: search(str(cell)) if search else method(str(cell), uuid_part(value))
        if kind.name != "text":
            raise Refused(f"{name} is for text, not for {kind.name}")
        if name == "matches":
            return searcher(value, ignore_case=reading.ignore_case)
        return lambda cell: method(reading.case(cell), reading.case(value))

    return make


def _within(sign: int) -> Maker:
    def make(kind: Kind, value: str, reading: Reading) -> Test:
        now, far = _ends(kind, value, sign, reading)
        low, high = (now, far) if sign > 0 else (far, now)
        return lambda cell: bool(low.bound <= low.key(cell) <= high.bound)

    return make


def _beyond(sign: int) -> Maker:
    def make(kind: Kind, value: str, reading: Reading) -> Test:
        _, far = _ends(kind, value, sign, reading)
        return far.ordered(operator.gt if sign > 0 else operator.lt)

    return make


def _anniversary(sign: int) -> Maker:
    def make(kind: Kind, value: str, reading: Reading) -> Test:
        count, unit = read_duration(value) or (0, "h")
        if kind.name not in ("date", "datetime") or unit not in ("d", "w"):
            raise Refused(f"a {kind.name} has no anniversary within {value!r}")
        today = local_day(reading.as_of, reading.zone)
        low, high = sorted((today, shifted_day(today, sign * count, unit)))

        def test(cell: date) -> bool:
            day = local_day(cell, reading.zone) if isinstance(cell, datetime) else cell
            years = range(low.year, min(high.year, low.year + 8) + 1)
            return any(low <= in_year(day, year) <= high for year in years)

        return test

    return make


def _ends(kind: Kind, value: str, sign: int, reading: Reading) -> tuple[Probe, Probe]:
    """Give the day or instant of as_of, and the one that is a duration away from it."""
    count, unit = read_duration(value) or (0, "h")
    now = reading.as_of
    if kind.name == "datetime":
        far = shifted_moment(now, sign * count, unit, reading.zone)
        return instant(now), instant(far)
    if kind.name == "date" and unit not in ("min", "h"):
        today = local_day(now, reading.zone)
        far_day = shifted_day(today, sign * count, unit)
        return Probe("day", today, lambda cell: cell), Probe("day", far_day, lambda cell: cell)
    raise Refused(f"a {kind.name} cannot be compared with the duration {value!r}")


def instant(moment: datetime) -> Probe:
    """Compare instants with this one."""
    return Probe("instant", nanoseconds(moment), nanoseconds)


def is_blank(kind: Kind, cell: Any) -> bool:
    """Tell whether a cell is missing, a text of white space alone, or a list without elements."""
    if is_missing(cell):
        return True
    match kind.name:
        case "text":
            return all(map(_is_space, cell))
        case "list":
            return len(cell) == 0
        case _:
            return False


def _is_space(letter: str) -> bool:
    """Tell whether a character has the property White_Space: what separates, and six controls of old."""
    return unicodedata.category(letter) in {"Zs", "Zl", "Zp"} or letter in "\t\n\v\f\r\x85"


def _is_missing(_: Kind, cell: object) -> bool:
    return is_missing(cell)


PRESENCE: dict[str, tuple[bool, Callable[[Kind, Any], bool]]] = {
    "empty": (True, _is_missing),
    "exists": (False, _is_missing),
    "blank": (True, is_blank),
    "not_blank": (False, is_blank),
}

TESTS: dict[str, Maker] = {
    "eq": equality,
    "contains": containment,
    "gt": _order(operator.gt),
    "lt": _order(operator.lt),
    "gte": _order(operator.ge),
    "lte": _order(operator.le),
    "in": _in,
    "in_list": _in,
    "between": between,
    "starts_with": _of_text("starts_with"),
    "ends_with": _of_text("ends_with"),
    "matches": _of_text("matches"),
    "within_last": _within(-1),
    "within_next": _within(1),
    "older_than": _beyond(-1),
    "later_than": _beyond(1),
    "anniversary_within_last": _anniversary(-1),
    "anniversary_within_next": _anniversary(1),
}
