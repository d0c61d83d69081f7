"""One schema for all files of a snapshot. The files may differ in layout, but not in meaning."""

from collections.abc import Mapping

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.snapshot.arrow.types import Opaque, is_list, is_text, is_uuid_type, readable_schema
from segbatch.text import clipped

_MOST_DIGITS = 38
_UUID_BYTES = 16
_EXACT_IN_FLOATS = 15
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
_SIGNED = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_TIME_UNITS = ("s", "ms", "us", "ns")


class _Different(Exception):  # noqa: N818 - ends the search and is never shown
    """Two types are not layouts of the same type."""

    def __init__(self, arrow_type: pa.DataType, other: pa.DataType, path: str = "") -> None:
        self.arrow_type, self.other, self.path = arrow_type, other, path
        super().__init__(path)

    def below(self, key: str) -> "_Different":
        return _Different(self.arrow_type, self.other, f".{key}{self.path}")


def merge_schemas(schemas: Mapping[str, pa.Schema]) -> pa.Schema:
    """Return the common schema of the files of a snapshot.

    Args:
        schemas: The schema of each file by file name; at least one.

    Raises:
        SnapshotError: A column or a part of it has types in two files that are not layouts of the same type.
    """
    readable = {name: readable_schema(schema) for name, schema in schemas.items()}
    merged: dict[str, pa.DataType] = {}
    for name, schema in readable.items():
        for field in schema:
            before = merged.get(field.name)
            if before is not None and before == field.type:
                continue
            try:
                merged[field.name] = field.type if before is None else unify(before, field.type)
            except _Different as found:
                raise _error(name, field, found, readable) from None
    return pa.schema(list(merged.items()))


def unify(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of both types without changing any.

    Raises:
        _Different: The types are not layouts of the same type. The exception has both types and the path to them.
    """
    if arrow_type == other or pa.types.is_null(other):
        return arrow_type
    if pa.types.is_null(arrow_type):
        return other
    if isinstance(arrow_type, Opaque) or isinstance(other, Opaque):
        return arrow_type if isinstance(arrow_type, Opaque) else other
    for merge in (_structs, _maps, _lists, _bytes, _timestamps, _times, _numbers):
        found = merge(arrow_type, other)
        if found is not None:
            return found
    raise _Different(arrow_type, other)


def _error(name: str, field: pa.Field, found: _Different, schemas: Mapping[str, pa.Schema]) -> SnapshotError:
    """Return an error that names the first file with a conflicting type, or else the first file with the column."""
    having = {
        other: schema.field(field.name).type
        for other, schema in schemas.items()
        if other != name and field.name in schema.names
    }
    earlier, blamed = next(iter(having)), found
    for other, arrow_type in having.items():
        try:
            unify(arrow_type, field.type)
        except _Different as pair:
            earlier, blamed = other, pair
            break
    path = clipped(f"{field.name}{blamed.path}")
    types = f"{blamed.other} here and {blamed.arrow_type} in {earlier}"
    return SnapshotError(f"{name}: the column '{path}' is {types}; export all files with the same schema")


def _within(key: str, arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType:
    try:
        return unify(arrow_type, other)
    except _Different as found:
        raise found.below(key) from None


def _structs(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_struct(arrow_type) and pa.types.is_struct(other)):
        return None
    children = {field.name: field.type for field in arrow_type}
    for field in other:
        before = children.get(field.name)
        children[field.name] = field.type if before is None else _within(field.name, before, field.type)
    return pa.struct(list(children.items()))


def _maps(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_map(arrow_type) and pa.types.is_map(other)):
        return None
    return pa.map_(
        _within("key", arrow_type.key_type, other.key_type), _within("value", arrow_type.item_type, other.item_type)
    )


def _lists(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not (is_list(arrow_type) and is_list(other)):
        return None
    inner = _within("element", arrow_type.value_type, other.value_type)
    are_small = pa.types.is_list(arrow_type) and pa.types.is_list(other)
    return pa.list_(inner) if are_small else pa.large_list(inner)


def _bytes(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Unify text, JSON, UUIDs and bytes. Bytes are checked for being text when a rule names them."""
    pair = (arrow_type, other)
    if all(map(_is_text_or_uuid, pair)):
        marked = next((it for it in pair if isinstance(it, pa.BaseExtensionType) and not is_uuid_type(it)), None)
        return marked or pa.large_string()
    if any(map(is_uuid_type, pair)) and any(map(_is_sixteen_bytes, pair)):
        return pa.uuid()
    if all(is_text(it) or _is_json(it) or _is_bytes(it) for it in pair):
        return pa.large_binary()
    return None


def _is_text_or_uuid(arrow_type: pa.DataType) -> bool:
    return is_text(arrow_type) or is_uuid_type(arrow_type) or _is_json(arrow_type)


def _is_json(arrow_type: pa.DataType) -> bool:
    return isinstance(arrow_type, pa.BaseExtensionType) and arrow_type.extension_name == "arrow.json"


def _is_sixteen_bytes(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_binary(arrow_type) and arrow_type.byte_width == _UUID_BYTES)


def _is_bytes(arrow_type: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(test(arrow_type) for test in tests)


def _timestamps(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Unify date-times. Those without a time zone are in UTC.

    Different units become microseconds, which hold both distant years and small fractions.
    """
    if not (pa.types.is_timestamp(arrow_type) and pa.types.is_timestamp(other)):
        return None
    unit = arrow_type.unit if arrow_type.unit == other.unit else "us"
    return pa.timestamp(unit, arrow_type.tz or other.tz)


def _times(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if pa.types.is_time(arrow_type) and pa.types.is_time(other):
        return pa.time64("ns")
    are_durations = pa.types.is_duration(arrow_type) and pa.types.is_duration(other)
    return pa.duration(max(arrow_type.unit, other.unit, key=_TIME_UNITS.index)) if are_durations else None


def _numbers(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    pair = (arrow_type, other)
    if all(map(pa.types.is_integer, pair)):
        return _integers(arrow_type, other)
    if not all(pa.types.is_integer(it) or pa.types.is_floating(it) or pa.types.is_decimal(it) for it in pair):
        return None
    if any(map(pa.types.is_floating, pair)):
        return None if any(map(_has_more_digits_than_floats, pair)) else pa.float64()
    return _decimals(_as_decimal(arrow_type), _as_decimal(other))


def _integers(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if pa.types.is_signed_integer(arrow_type) == pa.types.is_signed_integer(other):
        return max(arrow_type, other, key=lambda it: it.bit_width)
    unsigned, signed = (other, arrow_type) if pa.types.is_signed_integer(arrow_type) else (arrow_type, other)
    width = max(signed.bit_width, 2 * unsigned.bit_width)
    return _SIGNED.get(width) or _decimals(_as_decimal(arrow_type), _as_decimal(other))


def _has_more_digits_than_floats(arrow_type: pa.DataType) -> bool:
    """Return whether floats may change decimals of a type. Whole numbers are checked while they are read."""
    return bool(pa.types.is_decimal(arrow_type) and arrow_type.precision > _EXACT_IN_FLOATS)


def _as_decimal(arrow_type: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(arrow_type):
        return arrow_type
    return pa.decimal128(_DIGITS[arrow_type.bit_width] + (arrow_type == pa.uint64()), 0)


def _decimals(arrow_type: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return a decimal type for both. A value with too many digits before the point is an error once it is read."""
    scale = max(arrow_type.scale, other.scale)
    digits = max(arrow_type.precision - arrow_type.scale, other.precision - other.scale) + scale
    return pa.decimal128(min(digits, _MOST_DIGITS), scale)
