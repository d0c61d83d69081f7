"""Text that a file stores as bytes without a UTF-8 annotation, as Impala, Avro and old writers do."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from segbatch.snapshot.arrow.types import is_list

_Path = tuple[int, ...]
"""The path from a type to one of its parts, as indexes of children."""


def has_bytes(kind: pa.DataType) -> bool:
    """Return whether a readable type is or contains bytes of variable length."""
    return bool(_paths(kind))


def with_texts(kind: pa.DataType, arrays: Iterable[pa.Array]) -> pa.DataType:
    """Return a readable type with text in place of those bytes that are UTF-8 in all arrays.

    Args:
        kind: The type, with bytes.
        arrays: All values of the snapshot, in this type.
    """
    found = _paths(kind)
    for array in arrays:
        found = [path for path in found if _is_unicode(_part(array, path))]
        if not found:
            break
    return _changed(kind, (), set(found))


def with_part(kind: pa.DataType, part: pa.DataType) -> pa.DataType:
    """Return a type with the types of some fields replaced by those in `part`, which has a subset of the fields."""
    if not pa.types.is_struct(kind):
        return part
    new = {field.name: field.type for field in part}
    fields = [
        pa.field(field.name, with_part(field.type, new[field.name]) if field.name in new else field.type)
        for field in kind
    ]
    return pa.struct(fields)


def _inner(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_struct(kind):
        return [field.type for field in kind]
    if pa.types.is_map(kind):
        return [kind.key_type, kind.item_type]
    return [kind.value_type] if is_list(kind) else []


def _paths(kind: pa.DataType) -> list[_Path]:
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return [()]
    return [(index, *path) for index, inner in enumerate(_inner(kind)) for path in _paths(inner)]


def _part(array: pa.Array, path: _Path) -> pa.Array:
    for index in path:
        if pa.types.is_struct(array.type):
            array = array.field(index)
        elif pa.types.is_map(array.type):
            array = array.items if index else array.keys
        else:
            array = array.values
    return array


def _is_unicode(values: pa.Array) -> bool:
    """Return whether bytes are text. Bytes of numbers and keys often contain zero bytes; text does not."""
    try:
        texts = values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return not pc.any(pc.match_substring(texts, "\0")).as_py()


def _changed(kind: pa.DataType, path: _Path, texts: set[_Path]) -> pa.DataType:
    if path in texts:
        return pa.string_view() if pa.types.is_binary_view(kind) else pa.large_string()
    inner = [_changed(part, (*path, index), texts) for index, part in enumerate(_inner(kind))]
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, part) for field, part in zip(kind, inner, strict=True)])
    if pa.types.is_map(kind):
        return pa.map_(*inner)
    if is_list(kind):
        return pa.large_list(inner[0]) if pa.types.is_large_list(kind) else pa.list_(inner[0])
    return kind
