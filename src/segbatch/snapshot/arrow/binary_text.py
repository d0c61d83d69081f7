"""Text that a file stores as bytes without a UTF-8 annotation, as Impala, Avro and old writers do."""

from collections.abc import Iterable

import pyarrow as pa

from segbatch.snapshot.arrow.types import is_list

BytesPath = tuple[int, ...]
"""The path from a type to one of its parts, as indexes of children."""


def has_bytes(arrow_type: pa.DataType) -> bool:
    """Return whether a readable type is or contains bytes of variable length."""
    return bool(_paths(arrow_type))


def find_texts(arrow_type: pa.DataType, arrays: Iterable[pa.Array]) -> frozenset[BytesPath]:
    """Return the parts of a readable type that are bytes, and are UTF-8 in all arrays.

    Args:
        arrays: Values in this type.
    """
    found = _paths(arrow_type)
    for array in arrays:
        found = [path for path in found if _is_unicode(_part(array, path))]
        if not found:
            break
    return frozenset(found)


def with_texts(arrow_type: pa.DataType, texts: Iterable[frozenset[BytesPath]]) -> pa.DataType:
    """Return a readable type with text in place of bytes.

    Args:
        texts: What `find_texts` returns for each part of the snapshot, at least one.
    """
    return _changed(arrow_type, (), frozenset.intersection(*texts))


def with_part(arrow_type: pa.DataType, part: pa.DataType) -> pa.DataType:
    """Return a type with the types of some fields replaced by those in `part`, which has a subset of the fields."""
    if not pa.types.is_struct(arrow_type):
        return part
    new = {field.name: field.type for field in part}
    fields = [
        pa.field(field.name, with_part(field.type, new[field.name]) if field.name in new else field.type)
        for field in arrow_type
    ]
    return pa.struct(fields)


def _inner(arrow_type: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_struct(arrow_type):
        return [field.type for field in arrow_type]
    if pa.types.is_map(arrow_type):
        return [arrow_type.key_type, arrow_type.item_type]
    return [arrow_type.value_type] if is_list(arrow_type) else []


def _paths(arrow_type: pa.DataType) -> list[BytesPath]:
    if pa.types.is_binary(arrow_type) or pa.types.is_large_binary(arrow_type) or pa.types.is_binary_view(arrow_type):
        return [()]
    return [(index, *path) for index, inner in enumerate(_inner(arrow_type)) for path in _paths(inner)]


def _part(array: pa.Array, path: BytesPath) -> pa.Array:
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
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import, and only needed for bytes

    try:
        texts = values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return not pc.any(pc.match_substring(texts, "\0")).as_py()


def _changed(arrow_type: pa.DataType, path: BytesPath, texts: frozenset[BytesPath]) -> pa.DataType:
    if path in texts:
        return pa.string_view() if pa.types.is_binary_view(arrow_type) else pa.large_string()
    inner = [_changed(part, (*path, index), texts) for index, part in enumerate(_inner(arrow_type))]
    if pa.types.is_struct(arrow_type):
        return pa.struct([pa.field(field.name, part) for field, part in zip(arrow_type, inner, strict=True)])
    if pa.types.is_map(arrow_type):
        return pa.map_(*inner)
    if is_list(arrow_type):
        return pa.large_list(inner[0]) if pa.types.is_large_list(arrow_type) else pa.list_(inner[0])
    return arrow_type
