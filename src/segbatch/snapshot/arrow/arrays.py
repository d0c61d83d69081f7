"""Conversion of Arrow arrays from the types in files to the types that contacts are read as."""

from functools import reduce

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.platform.arrow import as_series
from segbatch.platform.bitmaps import to_array
from segbatch.snapshot.arrow.types import Opaque, is_list, is_text, is_uuid_type, stored

_UNITS = ("s", "ms", "us", "ns")
_UUID_PARTS = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))


def convert_column(columns: list[pa.Array], target: pa.DataType, rows: int) -> pa.Array:
    """Return a field's values in the type that the field is read as.

    Args:
        columns: The arrays with the field's name: an empty list if a file lacks the field, several if columns share the
            name.

    Raises:
        pa.ArrowInvalid: A value does not fit into the type.
    """
    if not columns:
        return pa.nulls(rows, stored(target))
    return convert(columns[0], target) if len(columns) == 1 else _presence(*columns)


def convert(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Return the same values in another type, such as a type that `readable_type` or `unify` returns.

    Nothing is copied if types differ only in names and annotations. For an `Opaque` type, the array is true for each
    value that is present.

    Raises:
        pa.ArrowInvalid: A value does not fit into the type.
    """
    arrow_type = array.type
    if isinstance(target, Opaque):
        return _presence(array)
    if arrow_type.equals(target, check_metadata=True) and not _has_times(arrow_type):
        return array
    if pa.types.is_null(arrow_type):
        return pa.nulls(len(array), stored(target))
    if isinstance(target, pa.BaseExtensionType):
        values = array.storage if isinstance(array, pa.ExtensionArray) else array
        return pa.ExtensionArray.from_storage(target, convert(values, target.storage_type))
    if isinstance(array, pa.ExtensionArray):
        is_uuid = is_uuid_type(arrow_type) and is_text(target)
        return _uuid_texts(array.storage).cast(target) if is_uuid else convert(array.storage, target)
    if pa.types.is_dictionary(arrow_type):
        return convert(array.dictionary_decode(), target)
    if pa.types.is_struct(target):
        return _struct(array, target)
    if pa.types.is_map(target):
        return _map(array, target)
    if is_list(target):
        return _list(array, target)
    return _scalars(array, target)


def _scalars(array: pa.Array, target: pa.DataType) -> pa.Array:
    arrow_type = array.type
    if pa.types.is_timestamp(arrow_type):
        return _timestamps(array, target)
    if pa.types.is_run_end_encoded(arrow_type):
        import pyarrow.compute as pc  # noqa: PLC0415 - slow to import, and rarely needed

        return convert(pc.run_end_decode(array), target)
    if pa.types.is_time(arrow_type):
        return _within_a_day(array.cast(target))
    is_exact = not (pa.types.is_date64(arrow_type) or pa.types.is_duration(arrow_type))
    return array.cast(target, safe=is_exact)


def _has_times(arrow_type: pa.DataType) -> bool:
    inner = (arrow_type.field(index).type for index in range(arrow_type.num_fields))
    return bool(pa.types.is_time(arrow_type)) or any(map(_has_times, inner))


def _within_a_day(times: pa.Array) -> pa.Array:
    """Return times modulo 24 hours. Polars would read times outside of the day as null."""
    arrow_type = times.type
    day = 86_400 * 1_000 ** _UNITS.index(arrow_type.unit)
    stored_as = pa.int32() if pa.types.is_time32(arrow_type) else pa.int64()
    clock = as_series("time", times.view(stored_as)).cast(pl.Int64) % day
    return clock.to_arrow().cast(stored_as).view(arrow_type)


def _timestamps(array: pa.Array, target: pa.TimestampType) -> pa.Array:
    arrow_type = array.type
    if arrow_type.unit != target.unit:
        if _UNITS.index(arrow_type.unit) < _UNITS.index(target.unit):
            array = array.view(pa.timestamp(arrow_type.unit)).cast(pa.timestamp(target.unit))
        else:  # Arrow would round towards 1970; Polars rounds down
            plain = as_series("time", array.view(pa.timestamp(arrow_type.unit)))
            array = plain.dt.cast_time_unit(target.unit).to_arrow()
    return array.view(target)


def _struct(array: pa.Array, target: pa.StructType) -> pa.Array:
    names = [array.type.field(index).name for index in range(array.type.num_fields)]
    children = []
    for field in target:
        found = [array.field(index) for index, name in enumerate(names) if name == field.name]
        children.append(convert_column(found, field.type, len(array)))
    fields = [pa.field(field.name, child.type) for field, child in zip(target, children, strict=True)]
    return pa.Array.from_buffers(pa.struct(fields), len(array), [_validity(array)], children=children)


def _list(array: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        elements, layout = convert(array.values, target.value_type), array.type
        buffers, offset = array.buffers()[:2], array.offset
    else:  # fixed-size lists and list views: flatten the elements, without those of null lists
        elements, layout = convert(array.flatten(), target.value_type), pa.large_list(pa.null())
        lengths = array.value_lengths().fill_null(0).cast(pa.int64())
        buffers, offset = [_validity(array), _running(lengths).buffers()[1]], 0
    arrow_type = pa.large_list(elements.type) if pa.types.is_large_list(layout) else pa.list_(elements.type)
    found = pa.Array.from_buffers(arrow_type, len(array), buffers, offset=offset, children=[elements])
    return _as_layout(found, target)


def _as_layout(lists: pa.Array, target: pa.DataType) -> pa.Array:
    is_large = pa.types.is_large_list(target)
    if is_large == pa.types.is_large_list(lists.type):
        return lists
    return lists.cast(pa.large_list(lists.type.value_type) if is_large else pa.list_(lists.type.value_type))


def _map(array: pa.Array, target: pa.MapType) -> pa.Array:
    """Convert the keys and values of a map. A map with optional keys comes as a list of records."""
    if not pa.types.is_map(array.type):
        array = _without_null_keys(array)
    entries = array.values if pa.types.is_list(array.type) else None
    keys = entries.field(0) if entries is not None else array.keys
    items = entries.field(1) if entries is not None else array.items
    pairs = [convert(keys, target.key_type), convert(items, target.item_type)]
    fields = [pa.field("key", pairs[0].type, nullable=False), pa.field("value", pairs[1].type)]
    inside = pa.StructArray.from_arrays(pairs, fields=fields)
    arrow_type = pa.map_(pairs[0].type, pairs[1].type)
    buffers = [array.buffers()[0], array.buffers()[1]]
    return pa.Array.from_buffers(arrow_type, len(array), buffers, offset=array.offset, children=[inside])


def _without_null_keys(lists: pa.Array) -> pa.Array:
    """Return lists of records without the records whose first field is null."""
    records = lists.flatten()
    is_kept = records.field(0).is_valid()
    kept_before = _running(is_kept.cast(pa.int32()))
    offsets = kept_before.take(_running(lists.value_lengths().fill_null(0)))
    buffers = [_validity(lists), offsets.buffers()[1]]
    return pa.Array.from_buffers(pa.list_(records.type), len(lists), buffers, children=[records.filter(is_kept)])


def _running(numbers: pa.Array) -> pa.Array:
    """Return the cumulative sums of numbers, starting at 0."""
    values = numbers.to_numpy()
    return to_array(np.cumsum(np.append(np.zeros(1, values.dtype), values), dtype=values.dtype))


def _validity(array: pa.Array) -> pa.Buffer | None:
    """Return the validity bitmap from the array's first row on; None if no value is null."""
    if not array.null_count:
        return None
    return array.is_valid().buffers()[1] if array.offset else array.buffers()[0]


def _presence(*arrays: pa.Array) -> pa.Array:
    """Return true for rows with a value in any of the arrays, and null for other rows."""
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    there = reduce(pc.or_, (array.is_valid() for array in arrays))
    return pc.if_else(there, pa.scalar(value=True), pa.scalar(None, pa.bool_()))


def _uuid_texts(values: pa.Array) -> pa.Array:
    """Return UUIDs as text in canonical form, in lower case."""
    digits = pl.Series("it", values.cast(pa.binary())).bin.encode("hex")
    parts = [pl.col("it").str.slice(start, length) for start, length in _UUID_PARTS]
    return digits.to_frame().select(pl.concat_str(parts, separator="-")).to_series().to_arrow()
