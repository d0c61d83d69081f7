"""The Arrow types that contacts are read as, for any types in the files."""

from collections.abc import Callable, Collection

import pyarrow as pa

_MOST_DIGITS = 38
_TWICE = "several fields have this name"
_VARIANT = "a variant"

_AS_THEY_ARE = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_time,
    pa.types.is_date32,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


class Opaque(pa.ExtensionType):
    """The type of a part of a contact that can only be checked for presence. It is stored as true if present.

    Attributes:
        reason: The phrase that messages put after the name of the part.
    """

    def __init__(self, reason: str = "of a type that Polars does not support") -> None:
        self.reason = reason
        super().__init__(pa.bool_(), "segbatch.opaque")

    def __arrow_ext_serialize__(self) -> bytes:
        return self.reason.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> "Opaque":
        del storage_type
        return cls(serialized.decode())


def readable_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns of a file with the types that they are read as. Twin columns become one opaque column."""
    return pa.schema(_fields(list(schema), nested=False))


def readable_type(arrow_type: pa.DataType, *, nested: bool = True) -> pa.DataType:
    """Return the type that values of an Arrow type are read as. A type that cannot be evaluated becomes `Opaque`.

    Layouts that Polars supports are kept. UUIDs and, at the top level, JSON keep their annotations.
    """
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _extension(arrow_type, nested=nested)
    if pa.types.is_dictionary(arrow_type):
        return readable_type(arrow_type.value_type)
    if pa.types.is_timestamp(arrow_type):
        return _timestamp(arrow_type)
    if pa.types.is_decimal(arrow_type):
        return _decimal(arrow_type)
    if pa.types.is_date64(arrow_type):
        return pa.date32()
    if pa.types.is_float16(arrow_type):
        return pa.float32()
    if is_list(arrow_type):
        inner = readable_type(arrow_type.value_type)
        return pa.large_list(inner) if pa.types.is_large_list(arrow_type) else pa.list_(inner)
    if pa.types.is_map(arrow_type):
        return _map(arrow_type)
    if pa.types.is_struct(arrow_type):
        return _struct(arrow_type)
    return (
        arrow_type
        if is_text(arrow_type) or pa.types.is_duration(arrow_type) or any(test(arrow_type) for test in _AS_THEY_ARE)
        else Opaque()
    )


def unmarked(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type that Polars gets for values of a readable type. UUIDs and JSON become text."""
    if isinstance(arrow_type, Opaque):
        return arrow_type
    if isinstance(arrow_type, pa.BaseExtensionType):
        return pa.large_string() if is_uuid_type(arrow_type) else arrow_type.storage_type
    return _with_inner(arrow_type, unmarked)


def part_of(arrow_type: pa.DataType, paths: Collection[str]) -> pa.DataType:
    """Return a readable type with its structs reduced to the fields at some paths.

    Args:
        paths: Dotted paths into the type. An empty path means the whole type.
    """
    if "" in paths or not pa.types.is_struct(arrow_type):
        return arrow_type
    inner: dict[str, set[str]] = {}
    for path in paths:
        parts = path.split(".")
        for length in range(1, len(parts) + 1):
            inner.setdefault(".".join(parts[:length]), set()).add(".".join(parts[length:]))
    return pa.struct(
        [pa.field(field.name, part_of(field.type, inner[field.name])) for field in arrow_type if field.name in inner]
    )


def leaves_of(field: pa.Field) -> list[str]:
    """Return the dotted paths to the fields of a readable type that are not structs."""
    if not pa.types.is_struct(field.type) or not field.type.num_fields:
        return [field.name]
    return [f"{field.name}.{leaf}" for child in field.type for leaf in leaves_of(child)]


def stored(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type of the arrays that are passed to Polars for a readable type."""
    return pa.bool_() if isinstance(arrow_type, Opaque) else _with_inner(unmarked(arrow_type), stored)


def _with_inner(arrow_type: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type with `change` applied to its inner types. A type without inner types is returned unchanged."""
    if is_list(arrow_type):
        inner = change(arrow_type.value_type)
        return pa.large_list(inner) if pa.types.is_large_list(arrow_type) else pa.list_(inner)
    if pa.types.is_map(arrow_type):
        return pa.map_(change(arrow_type.key_type), change(arrow_type.item_type))
    if pa.types.is_struct(arrow_type):
        return pa.struct([pa.field(field.name, change(field.type)) for field in arrow_type])
    return arrow_type


def is_text(arrow_type: pa.DataType) -> bool:
    """Return whether an Arrow type is text, in any layout."""
    return any(test(arrow_type) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def is_list(arrow_type: pa.DataType) -> bool:
    """Return whether an Arrow type is a list, in any layout."""
    tests = (
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_fixed_size_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    )
    return any(test(arrow_type) for test in tests)


def is_uuid_type(arrow_type: pa.DataType) -> bool:
    """Return whether the file annotates values of a type as UUIDs."""
    return isinstance(arrow_type, pa.BaseExtensionType) and arrow_type.extension_name == "arrow.uuid"


def _extension(arrow_type: pa.BaseExtensionType, *, nested: bool) -> pa.DataType:
    match arrow_type.extension_name:
        case "arrow.uuid" | "segbatch.opaque":
            return arrow_type
        case "arrow.json":
            return readable_type(arrow_type.storage_type) if nested else arrow_type
        case "arrow.bool8":
            return pa.bool_()
        case "arrow.opaque":
            return Opaque()
        case name if name.endswith("variant"):
            return Opaque(_VARIANT)
        case _:
            return readable_type(arrow_type.storage_type)


def _timestamp(arrow_type: pa.TimestampType) -> pa.DataType:
    """Return the type of the same instants in UTC, because Polars does not support all time zones that files name."""
    return pa.timestamp("ms" if arrow_type.unit == "s" else arrow_type.unit, arrow_type.tz and "UTC")


def _decimal(arrow_type: pa.DataType) -> pa.DataType:
    fits = 0 <= arrow_type.scale <= arrow_type.precision <= _MOST_DIGITS
    return pa.decimal128(arrow_type.precision, arrow_type.scale) if fits else Opaque()


def _map(arrow_type: pa.MapType) -> pa.DataType:
    key = readable_type(arrow_type.key_type)
    return Opaque() if isinstance(key, Opaque) else pa.map_(key, readable_type(arrow_type.item_type))


def _struct(arrow_type: pa.StructType) -> pa.DataType:
    fields = [arrow_type.field(index) for index in range(arrow_type.num_fields)]
    return Opaque(_VARIANT) if _is_variant(fields) else pa.struct(_fields(fields, nested=True))


def _is_variant(fields: list[pa.Field]) -> bool:
    """Return whether a struct has the fields of a Parquet VARIANT, which PyArrow reads without its annotation."""
    names = [field.name for field in fields]
    parts = [field.type for field in fields if field.name in {"metadata", "value"}]
    is_shaped = sorted(names) in (["metadata", "value"], ["metadata", "typed_value", "value"])
    return is_shaped and all(pa.types.is_binary(part) or pa.types.is_binary_view(part) for part in parts)


def _fields(fields: list[pa.Field], *, nested: bool) -> list[pa.Field]:
    found: dict[str, pa.DataType] = {}
    for field in fields:
        is_twin = field.name in found
        found[field.name] = Opaque(_TWICE) if is_twin else readable_type(field.type, nested=nested)
    return [pa.field(name, arrow_type) for name, arrow_type in found.items()]
