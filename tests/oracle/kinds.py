"""What a column, a key or an element holds; this alone decides how a rule's value is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

KindName = Literal[
    "text",
    "integer",
    "decimal",
    "float",
    "number",
    "boolean",
    "datetime",
    "date",
    "uuid",
    "version",
    "list",
    "struct",
    "map",
    "null",
    "other",
]

_SIMPLE: tuple[tuple[str, KindName], ...] = (
    ("is_null", "null"),
    ("is_boolean", "boolean"),
    ("is_integer", "integer"),
    ("is_decimal", "decimal"),
    ("is_timestamp", "datetime"),
    ("is_date", "date"),
    ("is_string", "text"),
    ("is_large_string", "text"),
    ("is_string_view", "text"),
)
_LISTS = ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view")
_FLOATS = (("is_float16", 16), ("is_float32", 32), ("is_float64", 64))


class Refused(Exception):  # noqa: N818 - what the contract calls "an error of that segment"
    """The segment is wrong for this snapshot, whatever its rows are.

    Args:
        reason: What is wrong.
        place: The rule it is about, such as `$.rules[1]`, once known.
    """

    def __init__(self, reason: str, place: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place

    def __str__(self) -> str:
        return f"{self.place or '$'}: {self.reason}"


@dataclass(frozen=True)
class Kind:
    """A type as far as rules can tell types apart.

    Attributes:
        name: Which row of the contract's table it is.
        item: Of a list, its elements; of a map, its values.
        fields: Of a struct, its children.
        bits: Of a float, its width.
    """

    name: KindName
    item: Kind | None = None
    fields: Mapping[str, Kind] = field(default_factory=dict)
    bits: int = 64


NULL = Kind("null")
TEXT = Kind("text")


def kind_of(arrow: pa.DataType) -> Kind:
    """Tell the kind of an Arrow type."""
    if getattr(arrow, "extension_name", None) == "arrow.uuid":
        return Kind("uuid")
    if pa.types.is_dictionary(arrow):
        return kind_of(arrow.value_type)
    if pa.types.is_struct(arrow):
        children = (arrow.field(position) for position in range(arrow.num_fields))
        return Kind("struct", fields={child.name: kind_of(child.type) for child in children})
    if pa.types.is_map(arrow):
        return Kind("map", item=kind_of(arrow.item_type))
    if any(getattr(pa.types, is_it)(arrow) for is_it in _LISTS):
        return Kind("list", item=kind_of(arrow.value_type))
    for is_it, bits in _FLOATS:
        if getattr(pa.types, is_it)(arrow):
            return Kind("float", bits=bits)
    return next((Kind(name) for is_it, name in _SIMPLE if getattr(pa.types, is_it)(arrow)), Kind("other"))
