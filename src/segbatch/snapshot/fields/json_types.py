"""The kinds of JSON values that a path shows over the whole snapshot, and the one type in which all are read."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.types import ANY_LENGTH

__all__ = ["KINDS", "Seen", "Shape", "Typed", "typed"]

KINDS = {
    "VARCHAR": "text",
    "BIGINT": "integer",
    "UBIGINT": "integer",
    "HUGEINT": "integer",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "ARRAY": "list",
    "OBJECT": "object",
}
"""What DuckDB calls the kinds of JSON values; its NULL is no value at all."""

Shape = Literal["nothing", "text", "integer", "number", "any length", "boolean", "object", "list"]
"""How the values of a path are read."""

_EXACT_DIGITS = 15
"""Every whole number of so many digits is a double exactly."""

_TYPES: dict[Shape, pl.DataType] = {
    "nothing": pl.Null(),
    "text": pl.String(),
    "integer": pl.Decimal(DIGITS, 0),
    "number": pl.Float64(),
    "any length": ANY_LENGTH,
    "boolean": pl.Boolean(),
    "object": pl.Struct([]),
    "list": pl.List(pl.Null),
}


@dataclass(slots=True)
class Seen:
    """What was seen at one path.

    Attributes:
        kinds: How many contacts have a value of each kind.
        elements: How many contacts have a list with an element of each kind.
        digits: The length of the longest whole number, as far as it was measured.
        element_digits: The same of the elements of lists.
        is_measured: Whether the whole numbers of all batches were measured.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    digits: int = 0
    element_digits: int = 0
    is_measured: bool = True

    @property
    def is_double(self) -> bool:
        """Whether every whole number is known to be a double exactly."""
        return self.is_measured and max(self.digits, self.element_digits) <= _EXACT_DIGITS


@dataclass(frozen=True, slots=True)
class Typed:
    """The one type of the values of a path.

    Attributes:
        dtype: The type.
        shape: How the values are read.
        element: How the elements are read, of a list.
        mixed: Where kinds are mixed that have no type in common but text, how many contacts have each.
        is_of_elements: Whether these are the kinds of the elements of lists.
        kinds: How many contacts have values of each kind.
    """

    dtype: pl.DataType
    shape: Shape
    element: Shape = "nothing"
    mixed: Counter[str] | None = None
    is_of_elements: bool = False
    kinds: Counter[str] = field(default_factory=Counter)


def typed(seen: Seen) -> Typed:
    """Return the one type that holds all the values: a list where some are lists, a text where kinds are mixed."""
    if "list" not in seen.kinds or "object" in seen.kinds:
        shape = _shape(seen.kinds, seen.digits, is_double=seen.is_double)
        return Typed(_TYPES[shape or "text"], shape or "text", mixed=None if shape else seen.kinds, kinds=seen.kinds)
    elements = seen.elements + Counter({kind: number for kind, number in seen.kinds.items() if kind != "list"})
    shape = _shape(elements, max(seen.digits, seen.element_digits), is_double=seen.is_double)
    element = shape or "text"
    dtype = pl.List(_TYPES[element])
    return Typed(dtype, "list", element, mixed=None if shape else elements, is_of_elements=True, kinds=elements)


def _shape(kinds: Counter[str], digits: int, *, is_double: bool) -> Shape | None:
    """Return how values of some kinds are read, or None where they have no type in common."""
    match sorted(kinds):
        case []:
            return "nothing"
        case ["integer"]:
            return "integer" if digits <= DIGITS else "any length"
        case ["integer", "number"]:
            return "number" if is_double else "any length"
        case [("text" | "number" | "boolean" | "object" | "list") as kind]:
            return kind
        case _:
            return None
