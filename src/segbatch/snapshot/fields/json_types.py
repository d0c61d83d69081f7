"""Kinds of the values at a path in all contacts, the one type that they are read as, and a warning on mixtures."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, kind_of
from segbatch.text import clipped, counted

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
"""Kinds of JSON values by the names that DuckDB gives them. NULL is left out because it is not a value."""

Shape = Literal["nothing", "text", "integer", "number", "any length", "boolean", "object", "list"]
"""How the values at a path are read."""

_EXACT_DIGITS = 15
"""Every whole number with at most this number of digits is exact as a double."""

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
class ValueCounts:
    """Statistics of the values at one path.

    Attributes:
        kinds: The number of contacts with a value of each kind.
        elements: The number of contacts with a list that has an element of each kind.
        digits: The length of the longest whole number.
        element_digits: The same for elements of lists.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    digits: int = 0
    element_digits: int = 0

    @property
    def is_double(self) -> bool:
        """Whether every whole number is exact as a double."""
        return max(self.digits, self.element_digits) <= _EXACT_DIGITS

    def plus(self, other: "ValueCounts") -> "ValueCounts":
        """Return the statistics of these values and of those of other contacts."""
        return ValueCounts(
            self.kinds + other.kinds,
            self.elements + other.elements,
            max(self.digits, other.digits),
            max(self.element_digits, other.element_digits),
        )


@dataclass(frozen=True, slots=True)
class CommonType:
    """The common type of the values at a path.

    Attributes:
        shape: How the values are read.
        element: How the elements of lists are read.
        mixed: If kinds are mixed that have no type in common but text, the number of contacts with each kind.
        is_of_elements: Whether the kinds are those of the elements of lists.
        kinds: The number of contacts with values of each kind.
    """

    dtype: pl.DataType
    shape: Shape
    element: Shape = "nothing"
    mixed: Counter[str] | None = None
    is_of_elements: bool = False
    kinds: Counter[str] = field(default_factory=Counter)


def common_type(seen: ValueCounts) -> CommonType:
    """Return the one type that holds all values: a list if some values are lists, text if kinds are mixed."""
    if "list" not in seen.kinds or "object" in seen.kinds:
        shape = _shape(seen.kinds, seen.digits, is_double=seen.is_double)
        return CommonType(
            _TYPES[shape or "text"], shape or "text", mixed=None if shape else seen.kinds, kinds=seen.kinds
        )
    elements = seen.elements + Counter({kind: number for kind, number in seen.kinds.items() if kind != "list"})
    shape = _shape(elements, max(seen.digits, seen.element_digits), is_double=seen.is_double)
    element = shape or "text"
    dtype = pl.List(_TYPES[element])
    return CommonType(dtype, "list", element, mixed=None if shape else elements, is_of_elements=True, kinds=elements)


def _shape(kinds: Counter[str], digits: int, *, is_double: bool) -> Shape | None:
    """Return how values of some kinds are read, or None if the kinds have no type in common."""
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


_PLURALS = {
    "text": "texts",
    "number": "numbers",
    "boolean": "true or false",
    "object": "objects",
    "list": "lists",
}

_NAMES: dict[Kind, str] = {
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.LIST: "list",
    Kind.STRUCT: "object",
}


@dataclass(slots=True)
class Mixture:
    """The number of contacts with values of each kind at a path.

    Attributes:
        kinds: The number of contacts by the name of the kind.
        is_mixed: Whether a single place has kinds that have only text in common.
        is_of_elements: Whether the kinds are those of the elements of lists.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    is_mixed: bool = False
    is_of_elements: bool = False

    def add(self, dtype: pl.DataType, contacts: int) -> None:
        """Count the values of a place that has one type."""
        kind = kind_of(dtype)
        self.kinds[_NAMES.get(kind, kind.value)] += contacts

    def add_json(self, found: CommonType) -> None:
        """Count the values at a path into JSON texts."""
        self.is_mixed |= found.mixed is not None
        self.is_of_elements |= found.is_of_elements
        for kind, contacts in (found.mixed or found.kinds).items():
            self.kinds["number" if kind == "integer" else kind] += contacts

    def warning(self, name: str, row: str) -> str:
        """Return a warning that lists the mixed kinds and reports that all are read as text.

        Args:
            row: The word for what has a value, such as `contact`.
        """
        plurals = {_PLURALS.get(kind, f"{kind}s"): number for kind, number in self.kinds.items()}
        said = [f"{kind} for {counted(number, row)}" for kind, number in sorted(plurals.items())]
        listed = ", ".join(said[:-1]) + f" and {said[-1]}" if len(said) > 1 else said[0]
        if self.is_of_elements:
            return f"the elements of '{clipped(name)}' are {listed}, and all are read as text"
        return f"'{clipped(name)}' holds {listed}, and all are read as text"
