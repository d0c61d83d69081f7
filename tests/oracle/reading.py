"""Reading a cell as another type, as a rule says or because all texts of a column are dates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .kinds import TEXT, Kind, Refused
from .numeric import as_double
from .times import local_day

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    Reader = Callable[[Any], Any]

READINGS = ("text", "number", "boolean", "date", "datetime", "epoch_s", "epoch_ms", "version")
_NUMBERS = ("integer", "decimal", "float", "number")
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
_NUMBERS_AS_TRUTHS = {1: True, 0: False}
_BLANKS = " \t\n\r\x0b\x0c"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?([.][0-9]{1,9})?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_NUMERIC = "0|[1-9][0-9]*"
_VERSION = re.compile(
    rf"[vV]?({_NUMERIC})(?:\.({_NUMERIC}))?(?:\.({_NUMERIC}))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_cell(  # noqa: C901 - one case a reading
    kind: Kind, reading: str, zone: ZoneInfo
) -> tuple[Kind, Reader]:
    """Give the kind that a reading makes of another, and how a present cell is read; None where it cannot be.

    Raises:
        Refused: The kind can never be read so.
    """
    text, number = kind.name == "text", kind.name in _NUMBERS
    match reading:
        case "text" if text or number or kind.name in ("uuid", "boolean", "date"):
            return TEXT, lambda cell: _as_text(kind, cell)
        case "number" if number:
            return kind, lambda cell: cell
        case "number" if text:
            return Kind("float"), as_double
        case "boolean" if kind.name == "boolean":
            return kind, lambda cell: cell
        case "boolean" if text:
            return Kind("boolean"), _as_truth
        case "boolean" if number:
            return Kind("boolean"), _NUMBERS_AS_TRUTHS.get
        case "date" if text or kind.name in ("date", "datetime"):
            return Kind("date"), lambda cell: _as_day(cell, zone)
        case "datetime" if text or kind.name in ("date", "datetime"):
            return Kind("datetime"), lambda cell: _as_moment(cell, zone)
        case "epoch_s" | "epoch_ms" if text or number:
            unit = Fraction(1) if reading == "epoch_s" else Fraction(1, 1000)
            return Kind("datetime"), lambda cell: _since_1970(as_double(cell) if text else cell, unit)
        case "version" if text:
            return Kind("version"), version
        case _:
            raise Refused(f"a {kind.name} cannot be read as {reading}")


def _as_truth(cell: str) -> bool | None:
    return _WORDS.get(cell.strip(_BLANKS).lower())


def _as_text(kind: Kind, cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        if abs(cell) < 1e15 and cell == int(cell):
            return str(int(cell))
        return str(np.float32(cell)) if kind.bits == 32 else repr(cell)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def day_in(text: str) -> date | None:
    """Read a text that is a day and nothing else."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def moment_in(text: str) -> datetime | None:
    """Read a text with a day, a time and perhaps an offset; without one it is UTC."""
    found = _MOMENT.fullmatch(text)
    if not found or (found[4] and not found[3]):
        return None
    fraction = (found[4] or ".")[1:].ljust(6, "0")[:6]
    try:
        wall = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ':00'}.{fraction}")
        return (wall - _ahead(found[5] or "Z")).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _ahead(offset: str) -> timedelta:
    digits = offset.replace(":", "")
    hours, minutes = int(digits[1:3] or 0), int(digits[3:5] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(offset)
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if offset[0] == "-" else ahead


def _as_day(cell: Any, zone: ZoneInfo) -> date | None:
    moment = moment_in(cell) if isinstance(cell, str) else cell
    if isinstance(moment, datetime):
        return local_day(moment, zone)
    return day_in(cell) if isinstance(cell, str) else cell


def _as_moment(cell: Any, zone: ZoneInfo) -> datetime | None:
    day = day_in(cell) if isinstance(cell, str) else cell
    if isinstance(day, datetime):
        return day
    if day is not None:
        return datetime(day.year, day.month, day.day, tzinfo=zone)
    return moment_in(cell)


def _since_1970(number: Any, unit: Fraction) -> datetime | None:
    if number is None or number in (float("inf"), float("-inf")):
        return None
    try:
        return _EPOCH + timedelta(microseconds=round(Fraction(number) * unit * 10**6))
    except OverflowError:
        return None


def version(text: object) -> tuple[Any, ...] | None:
    """Read a version as a tuple that is ordered as versions are."""
    found = _VERSION.fullmatch(text.strip(_BLANKS)) if isinstance(text, str) else None
    if not found:
        return None
    identifiers = [] if found[4] is None else found[4].split(".")
    if any(not one for one in (*identifiers, *(found[5] or "0").split("."))):
        return None
    if any(one.isdigit() and one[0] == "0" and one != "0" for one in identifiers):
        return None
    numbers = tuple(int(part or 0) for part in found.group(1, 2, 3))
    order = tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in identifiers)
    return (*numbers, found[4] is None, order)
