"""Numbers: which texts are numbers, and a rule's number in the precision of the column."""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal, InvalidOperation

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BLANKS = " \t\n\r\x0b\x0c"
_FORMATS = {16: "<e", 32: "<f", 64: "<d"}
_WRITTEN_WHOLE = 1e15


def as_double(value: object) -> float | None:
    """Read a number, or a text that is one, as a double; None where it is no finite number."""
    match value:
        case bool():
            return None
        case str():
            bare = value.strip(_BLANKS)
            double = float(bare) if _NUMBER.fullmatch(bare) else math.inf
        case int() | float():
            try:
                double = float(value)
            except OverflowError:
                return None
        case _:
            return None
    return double if math.isfinite(double) else None


def as_exact(value: object) -> int | Decimal | None:
    """Read a number, or a text that is one, exactly; a float is the decimal number that its repr shows."""
    if as_double(value) is None:
        return None
    if isinstance(value, int):
        return value
    written = value.strip(_BLANKS) if isinstance(value, str) else repr(value)
    try:
        return Decimal(written)
    except InvalidOperation:
        # An exponent that Decimal cannot hold, and yet finite as a double: next to zero.
        return Decimal(0)


def as_float(value: object, bits: int) -> float | None:
    """Read a number, or a text that is one, in a float column's own precision."""
    double = as_double(value)
    if double is None:
        return None
    try:
        (rounded,) = struct.unpack(_FORMATS[bits], struct.pack(_FORMATS[bits], double))
    except OverflowError:
        return None
    return float(rounded)


def written(value: float) -> str:
    """Write a number as `contains` looks for it in a text."""
    if abs(value) < _WRITTEN_WHOLE and value == int(value):
        return str(int(value))
    return repr(value)
