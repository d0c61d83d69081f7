"""Comparing two fields of one contact."""

from __future__ import annotations

import operator
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .kinds import Kind, Refused
from .times import local_day, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .probes import Reading

    Pair = tuple[Any, Any]

COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "lt": operator.lt,
    "gte": operator.ge,
    "lte": operator.le,
}
_NUMBERS = {"integer", "decimal", "float", "number"}
_LONGEST = 10**38


def check_pair(name: str, one: Kind, other: Kind) -> None:
    """Refuse two fields that cannot be compared so."""
    kinds = {one.name, other.name}
    fits = len(kinds) == 1 or kinds <= _NUMBERS or kinds == {"date", "datetime"}
    if not fits or kinds & {"list", "struct", "map", "other"}:
        raise Refused(f"a {one.name} cannot be compared with a {other.name}")
    if kinds == {"boolean"} and name != "eq":
        raise Refused("booleans have no order")


def compare_pair(name: str, kinds: tuple[Kind, Kind], reading: Reading) -> Callable[[Any, Any], bool]:
    """Test two present cells."""
    return lambda one, other: COMPARED[name](*_keys(kinds, (one, other), reading))


def _keys(kinds: tuple[Kind, Kind], cells: Pair, reading: Reading) -> Pair:
    names = {kind.name for kind in kinds}
    if names <= _NUMBERS:
        return _numbers(kinds, cells)
    if names == {"datetime"}:
        return nanoseconds(cells[0]), nanoseconds(cells[1])
    if "datetime" in names:
        one, other = (
            local_day(cell, reading.zone) if kind.name == "datetime" else cell
            for kind, cell in zip(kinds, cells, strict=True)
        )
        return one, other
    if names == {"text"}:
        return reading.case(cells[0]), reading.case(cells[1])
    if names == {"uuid"}:
        return str(cells[0]), str(cells[1])
    return cells


def _numbers(kinds: tuple[Kind, Kind], cells: Pair) -> Pair:
    """Take both in the least precise float of the two, and whole numbers and decimals as they are."""
    widths = [kind.bits for kind in kinds if kind.name == "float"]
    if widths:
        return _rounded(cells[0], min(widths)), _rounded(cells[1], min(widths))
    if any(kind.name == "number" for kind in kinds):
        are_whole = all(isinstance(cell, int) or _is_whole_decimal(cell) for cell in cells)
        if not are_whole or any(abs(cell) >= _LONGEST for cell in cells):
            return float(cells[0]), float(cells[1])
    return cells


def _is_whole_decimal(cell: object) -> bool:
    return isinstance(cell, Decimal) and cell.as_tuple().exponent == 0


def _rounded(cell: Any, bits: int) -> float:
    number = float(cell)
    if bits == 64:
        return number
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
