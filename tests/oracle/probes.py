"""Reading a rule's value by the kind of the column, and comparing one present cell with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from .kinds import NULL, Kind, Refused
from .numeric import as_double, as_exact, as_float, written
from .reading import version
from .times import base_of, local_day, nanoseconds, read_day, read_moment, read_relative

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    Test = Callable[[Any], bool]

_DOUBLES_ARE_WHOLE_BELOW = 2**53
_UUID = r"(urn:uuid:)?(%s|\{%s\})"
_DIGITS = r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Reading:
    """How this rule reads values and texts.

    Attributes:
        zone: The run's time zone.
        as_of: The run's moment.
        ignore_case: Whether both sides are taken in lower case.
    """

    zone: ZoneInfo
    as_of: datetime
    ignore_case: bool = False

    def case(self, text: str) -> str:
        """Write a text as this rule compares it."""
        return text.lower() if self.ignore_case else text


@dataclass(frozen=True)
class Probe:
    """A value that has been read, and what of a cell is compared with it.

    Attributes:
        flavour: What the comparison is one of.
        bound: The value.
        key: Of a present cell, what stands against the bound; None where the cell cannot be read so.
    """

    flavour: Literal["text", "number", "truth", "day", "instant"]
    bound: Any
    key: Callable[[Any], Any]

    def equals(self, cell: object) -> bool:
        """Tell whether a cell equals the value."""
        key = self.key(cell)
        return bool(key is not None and key == self.bound)

    def ordered(self, compare: Callable[[Any, Any], bool]) -> Test:
        """Turn a comparison into a test of a present cell."""
        if self.flavour == "truth":
            raise Refused("booleans have no order")

        def test(cell: object) -> bool:
            key = self.key(cell)
            return key is not None and compare(key, self.bound)

        return test


def is_missing(cell: object) -> bool:
    """Tell whether a cell is null or NaN."""
    return cell is None or (isinstance(cell, float) and cell != cell)  # noqa: PLR0124


def probe(kind: Kind, value: object, reading: Reading) -> Probe:
    """Read a value against the kind of a scalar column, or of a list's elements.

    Raises:
        Refused: The kind has no such values.
    """
    found: Probe | None = None
    match kind.name:
        case "text":
            found = _text_probe(value, reading)
        case "integer" | "decimal":
            found = _number_probe(as_exact(value))
        case "float":
            found = _number_probe(as_float(value, kind.bits))
        case "number":
            found = _any_number_probe(value)
        case "boolean":
            truth = _TRUTHS.get(value) if isinstance(value, str) else value
            found = Probe("truth", truth, _itself) if isinstance(truth, bool) else None
        case "datetime" if isinstance(value, str):
            found = _local_day_probe(value, reading) or _instant_probe(value, reading)
        case "date" if isinstance(value, str):
            found = _day_probe(value, _itself, reading)
        case "uuid" | "version":
            found = _key_probe(kind, value)
        case _:
            pass
    if found is None:
        raise Refused(f"a {kind.name} cannot be compared with {value!r}")
    return found


def _key_probe(kind: Kind, value: object) -> Probe | None:
    key = uuid_text(value) if kind.name == "uuid" else version(value)
    return None if key is None else Probe("text", key, str if kind.name == "uuid" else _itself)


def uuid_text(value: object) -> str | None:
    """Write a value that is a UUID, in whatever form, as all are compared; None if it is not one."""
    if not isinstance(value, str):
        return None
    text = value.strip(" \t\n\r\f\v").lower()
    written = f"(?:{_DIGITS})"
    return str(UUID(text)) if re.fullmatch(_UUID % (written, written), text) else None


def uuid_part(value: str) -> str:
    """Write a text as it would be found in a UUID."""
    return uuid_text(value) or value.lower()


def _itself(cell: object) -> object:
    return cell


def _number_probe(number: object) -> Probe | None:
    return None if number is None else Probe("number", number, _itself)


def _any_number_probe(value: object) -> Probe | None:
    """Compare whole numbers exactly, and others as doubles: 0.1 is the double next to it."""
    exact, double = as_exact(value), as_double(value)
    if exact is None or double is None:
        return None
    return Probe("number", exact if exact == int(exact) else double, _itself)


def _text_probe(value: object, reading: Reading) -> Probe | None:
    match value:
        case str():
            return Probe("text", reading.case(value), reading.case)
        case bool():
            return Probe("truth", str(value).lower(), reading.case)
        case _:
            pass
    double = as_double(value)
    if double is None or not isinstance(value, int | float) or abs(value) >= _DOUBLES_ARE_WHOLE_BELOW:
        return None
    return Probe("number", double, as_double)


def _day_probe(value: str, key: Callable[[Any], Any], reading: Reading) -> Probe | None:
    point = read_relative(value, reading.as_of, reading.zone)
    day = read_day(value) if point is None else point
    return None if day is None or isinstance(day, datetime) else Probe("day", day, key)


def _local_day_probe(value: str, reading: Reading) -> Probe | None:
    return _day_probe(value, lambda cell: local_day(cell, reading.zone), reading)


def _instant_probe(value: str, reading: Reading) -> Probe | None:
    point = read_relative(value, reading.as_of, reading.zone)
    moment = point if isinstance(point, datetime) else read_moment(value, reading.zone)
    return None if moment is None else Probe("instant", nanoseconds(moment), nanoseconds)


def equality(kind: Kind, value: object, reading: Reading) -> Test:
    """Test a present cell for equality; of a list, whether some element equals the value."""
    if kind.name != "list":
        return probe(kind, value, reading).equals
    if kind.item is None or kind.item == NULL:
        return lambda _: False
    if kind.item.name in ("list", "struct", "map", "other"):
        raise Refused(f"a list of {kind.item.name} allows only exists and empty")
    equals = probe(kind.item, value, reading).equals
    return lambda cells: any(equals(cell) for cell in cells if not is_missing(cell))


def containment(kind: Kind, value: object, reading: Reading) -> Test:
    """Test a present text for a substring, or a present list for an element."""
    if kind.name == "list":
        return equality(kind, value, reading)
    if kind.name not in ("text", "uuid") or isinstance(value, bool):
        raise Refused(f"a {kind.name} cannot contain {value!r}")
    part = value if isinstance(value, str) else written(_finite(value))
    if kind.name == "uuid":
        return lambda cell: uuid_part(part) in str(cell)
    return lambda cell: reading.case(part) in reading.case(cell)


def _finite(value: object) -> float:
    if as_double(value) is None or not isinstance(value, int | float):
        raise Refused(f"{value!r} is no number")
    return value


def between(kind: Kind, ends: list[object], reading: Reading) -> Test:
    """Test a present cell for lying between two values, both of them allowed.

    Raises:
        Refused: The ends cannot be compared with each other, or the low one is above the high one.
    """
    low, high = (probe(kind, end, reading) for end in ends)
    at_least = low.ordered(lambda key, bound: bool(key >= bound))
    at_most = high.ordered(lambda key, bound: bool(key <= bound))
    if _above(low, high, ends, reading):
        raise Refused(f"{ends[0]!r} is above {ends[1]!r}")
    return lambda cell: at_least(cell) and at_most(cell)


def _above(low: Probe, high: Probe, ends: list[object], reading: Reading) -> bool:
    are_days = {low.flavour, high.flavour} <= {"day", "instant"}
    if are_days and base_of(ends[0]) != base_of(ends[1]):
        return False
    if low.flavour == high.flavour:
        return bool(low.bound > high.bound)
    if {low.flavour, high.flavour} != {"day", "instant"}:
        raise Refused(f"{ends[0]!r} and {ends[1]!r} are of two kinds")
    first, last = (_day_of(end, reading) for end in ends)
    return bool(first > last)


def _day_of(end: object, reading: Reading) -> Any:
    probe_of_day = _local_day_probe(str(end), reading)
    instant = read_moment(str(end), reading.zone)
    return probe_of_day.bound if probe_of_day else local_day(instant or reading.as_of, reading.zone)
