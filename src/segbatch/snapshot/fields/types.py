"""Kinds of columns in rules. The kind determines how a rule's value is read."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

import polars as pl
from polars.datatypes import DataTypeClass

WHOLE, FLOAT, LONG = "segbatch:whole", "segbatch:float", "segbatch:long"

ANY_LENGTH = pl.Struct({WHOLE: pl.Decimal(38, 0), FLOAT: pl.Float64, LONG: pl.String})
"""JSON numbers that no single Polars type holds exactly. Each is a whole number of up to 38 digits, a double, or the
text of a longer whole number; the other two fields are null."""

_PAIRS = (("key", "value"), ("name", "value"), ("k", "v"))
"""The names of key and value in records that are the entries of a map."""


_TIME = "time of day"
_DURATION = "duration"


class Kind(StrEnum):
    """The kind of a column in rules."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "date-time"
    DATE = "date"
    UUID = "UUID"
    VERSION = "version"
    LIST = "list"
    STRUCT = "struct"
    OTHER = "other"
    NOTHING = "nothing"
    """Missing for every contact: a key that does not exist, or a column of nulls without a type."""


_KEYS = {Kind.TEXT, Kind.UUID}
"""The kinds of map keys that a path can name."""


class OpaqueType(pl.Object):
    """The type of a part of a contact that can only be checked for presence. Frames store it as booleans.

    Attributes:
        reason: The phrase that messages put after the name of the part.
    """

    def __init__(self, reason: str = "of a type that Polars does not support") -> None:
        self.reason = reason


class UuidType(pl.String):
    """The type of UUIDs. Frames store them as text in canonical form."""

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return isinstance(other, UuidType) or other is UuidType

    def __hash__(self) -> int:
        return hash(UuidType)

    def __repr__(self) -> str:
        return "UUID"


class VersionType(pl.String):
    """The type of versions. Expressions give them as texts whose order is the order of versions."""

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return isinstance(other, VersionType) or other is VersionType

    def __hash__(self) -> int:
        return hash(VersionType)


def has_opaque_part(dtype: pl.DataType) -> bool:
    """Return whether a type is opaque or has an opaque part."""
    match dtype:
        case OpaqueType():
            return True
        case pl.Struct():
            return any(has_opaque_part(instance(field.dtype)) for field in dtype.fields)
        case pl.Map():
            return has_opaque_part(value_type(dtype))
        case _:
            return isinstance(dtype, pl.List) and has_opaque_part(element_type(dtype))


def kind_of(dtype: pl.DataType) -> Kind:
    """Return the kind of a Polars type."""
    match dtype:
        case UuidType():
            return Kind.UUID
        case VersionType():
            return Kind.VERSION
        case pl.String() | pl.Categorical() | pl.Enum():
            return Kind.TEXT
        case pl.Boolean():
            return Kind.BOOLEAN
        case pl.Datetime():
            return Kind.DATETIME
        case pl.Date():
            return Kind.DATE
        case pl.List() | pl.Array():
            return Kind.LIST
        case pl.Struct():
            return Kind.NUMBER if dtype == ANY_LENGTH else Kind.STRUCT
        case pl.Null():
            return Kind.NOTHING
        case _:
            return Kind.NUMBER if dtype.is_numeric() else Kind.OTHER


def element_type(dtype: pl.DataType) -> pl.DataType:
    """Return the type of a list's elements."""
    return instance(dtype.inner) if isinstance(dtype, pl.List | pl.Array) else pl.Null()


def value_type(dtype: pl.DataType) -> pl.DataType:
    """Return the type of a map's values."""
    return instance(dtype.value) if isinstance(dtype, pl.Map) else pl.Null()


def instance(dtype: DataTypeClass | pl.DataType) -> pl.DataType:
    """Return an instance of a type that may be given as a class."""
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def is_map_of_keys(dtype: pl.DataType) -> bool:
    """Return whether a type is a map with text keys, which a path can name."""
    return isinstance(dtype, pl.Map) and kind_of(instance(dtype.key)) in _KEYS


class _Identity:
    """A cache key that is equal only for the same type object, so that the parts of types are not compared."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: pl.Struct) -> None:
        self.dtype = dtype

    def __hash__(self) -> int:
        return id(self.dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.dtype is self.dtype


@lru_cache(maxsize=256)
def _children(struct: _Identity) -> dict[str, pl.DataType]:
    return {field.name: instance(field.dtype) for field in struct.dtype.fields}


def children_of(dtype: pl.DataType) -> Mapping[str, pl.DataType]:
    """Return the children of a struct by name, or an empty mapping for any other type."""
    return _children(_Identity(dtype)) if isinstance(dtype, pl.Struct) else {}


def pair_of(dtype: pl.DataType) -> tuple[str, str, pl.DataType] | None:
    """Return key name, value name and value type of a list of records that reads like a map; None for other types."""
    record = element_type(dtype)
    children = children_of(record)
    for key, value in _PAIRS:
        if children.keys() >= {key, value} and kind_of(children[key]) in _KEYS:
            return key, value, children[value]
    return None


def describe(dtype: pl.DataType) -> str:
    """Return a column's type for a message, in brackets, such as `whole number` or `list of text`."""
    kind = kind_of(dtype)
    match kind:
        case Kind.LIST:
            element = element_type(dtype)
            of = describe(element)
            return f"list of {of.replace('number', 'numbers') if kind_of(element) is Kind.NUMBER else of}"
        case Kind.NUMBER:
            return _describe_number(dtype)
        case Kind.OTHER:
            return _type_name(dtype)
        case _:
            return kind.value


def _describe_number(dtype: pl.DataType) -> str:
    if dtype == ANY_LENGTH:
        return "number of any length"
    if isinstance(dtype, pl.Decimal):
        return "decimal number" if dtype.scale else "whole number"
    return "whole number" if dtype.is_integer() else "number"


def in_words(dtype: pl.DataType) -> str:
    """Return a column's type for a sentence, such as `a number (Int64)`."""
    kind = kind_of(dtype)
    match kind:
        case Kind.LIST:
            return f"a list of {_many(element_type(dtype))}"
        case Kind.NUMBER:
            return f"a number ({_type_name(dtype)})"
        case Kind.OTHER:
            name = _type_name(dtype)
            return f"a {name}" if name in {_TIME, _DURATION} or isinstance(dtype, pl.Map) else name
        case Kind.TEXT:
            return "text"
        case Kind.NOTHING:
            return "without a type"
        case _:
            return f"a {kind}"


def _many(dtype: pl.DataType) -> str:
    kind = kind_of(dtype)
    match kind:
        case Kind.LIST:
            return f"lists of {_many(element_type(dtype))}"
        case Kind.NUMBER:
            return f"numbers ({_type_name(dtype)})"
        case Kind.OTHER | Kind.TEXT:
            return describe(dtype)
        case _:
            return f"{kind}s"


def _type_name(dtype: pl.DataType) -> str:
    match dtype:
        case pl.Struct():
            return "of any length"
        case pl.Decimal():
            return f"Decimal({dtype.precision}, {dtype.scale})"
        case pl.Time():
            return _TIME
        case pl.Duration():
            return _DURATION
        case pl.Binary():
            return "bytes"
        case pl.Map():
            return f"map of {_many(instance(dtype.key))} to {_many(value_type(dtype))}"
        case OpaqueType():
            return dtype.reason
        case _:
            return str(dtype)
