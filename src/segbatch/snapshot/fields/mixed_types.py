"""Counts of values of several kinds at one path, and a warning about them."""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from segbatch.snapshot.fields.json_types import Typed
from segbatch.snapshot.fields.types import Kind, kind_of
from segbatch.text import clipped, counted

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

    def add_json(self, found: Typed) -> None:
        """Count the values at a path into JSON texts."""
        self.is_mixed |= found.mixed is not None
        self.is_of_elements |= found.is_of_elements
        for kind, contacts in (found.mixed or found.kinds).items():
            self.kinds["number" if kind == "integer" else kind] += contacts

    def warning(self, name: str) -> str:
        """Return a warning that lists the mixed kinds and reports that all are read as text."""
        plurals = {_PLURALS.get(kind, f"{kind}s"): number for kind, number in self.kinds.items()}
        said = [f"{kind} for {counted(number, 'contact')}" for kind, number in sorted(plurals.items())]
        listed = ", ".join(said[:-1]) + f" and {said[-1]}" if len(said) > 1 else said[0]
        if self.is_of_elements:
            return f"the elements of '{clipped(name)}' are {listed}, and all are read as text"
        return f"'{clipped(name)}' holds {listed}, and all are read as text"
