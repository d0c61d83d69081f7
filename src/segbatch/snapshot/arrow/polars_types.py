"""Conversion from the Arrow types that contacts are read as to Polars types."""

import polars as pl
import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.platform.arrow import as_series
from segbatch.snapshot.arrow.arrays import convert, convert_column
from segbatch.snapshot.arrow.types import (
    Opaque,
    is_list,
    is_text,
    is_uuid_type,
    readable_schema,
    readable_type,
    unmarked,
)
from segbatch.snapshot.fields.types import OpaqueType, UuidType, in_words
from segbatch.text import clipped

_SCALARS: dict[pa.DataType, pl.DataType] = {
    pa.null(): pl.Null(),
    pa.bool_(): pl.Boolean(),
    pa.int8(): pl.Int8(),
    pa.int16(): pl.Int16(),
    pa.int32(): pl.Int32(),
    pa.int64(): pl.Int64(),
    pa.uint8(): pl.UInt8(),
    pa.uint16(): pl.UInt16(),
    pa.uint32(): pl.UInt32(),
    pa.uint64(): pl.UInt64(),
    pa.float32(): pl.Float32(),
    pa.float64(): pl.Float64(),
    pa.date32(): pl.Date(),
}


def polars_schema(schema: pa.Schema) -> dict[str, pl.DataType]:
    """Return the columns with their Polars types. A type that cannot be evaluated is an `OpaqueType`."""
    return {field.name: polars_type(field.type) for field in readable_schema(schema)}


def polars_type(arrow_type: pa.DataType) -> pl.DataType:
    """Return the Polars type of an Arrow type that contacts are read as."""
    if isinstance(arrow_type, Opaque):
        return OpaqueType(arrow_type.reason)
    if arrow_type in _SCALARS:
        return _SCALARS[arrow_type]
    if pa.types.is_struct(arrow_type):
        return pl.Struct({field.name: polars_type(field.type) for field in arrow_type})
    if pa.types.is_map(arrow_type):
        return pl.Map(polars_type(arrow_type.key_type), polars_type(arrow_type.item_type))
    if is_list(arrow_type):
        return pl.List(polars_type(arrow_type.value_type))
    if pa.types.is_timestamp(arrow_type):
        return pl.Datetime(arrow_type.unit, arrow_type.tz)
    if pa.types.is_duration(arrow_type):
        return pl.Duration("ms" if arrow_type.unit == "s" else arrow_type.unit)
    if pa.types.is_decimal(arrow_type):
        return pl.Decimal(arrow_type.precision, arrow_type.scale)
    return pl.Time() if pa.types.is_time(arrow_type) else _text_or_bytes(arrow_type)


def _text_or_bytes(arrow_type: pa.DataType) -> pl.DataType:
    if is_uuid_type(arrow_type):
        return UuidType()
    return pl.String() if is_text(arrow_type) or isinstance(arrow_type, pa.BaseExtensionType) else pl.Binary()


def describe_arrow_type(arrow_type: pa.DataType) -> str:
    """Return the name of an Arrow type for messages."""
    return in_words(polars_type(readable_type(arrow_type)))


def to_frame(table: pa.Table, schema: pa.Schema | None = None, file_name: str = "") -> pl.DataFrame:
    """Convert Arrow data to a frame. Opaque data is reduced to whether it is present.

    Args:
        schema: The columns of the frame with the Arrow types that contacts are read as. Columns that the data lacks are
            null. The default is the columns of the data.
        file_name: The name of the file with the data, for errors.

    Raises:
        SnapshotError: A value does not fit into its column's type, which is common to all files.
    """
    schema = readable_schema(table.schema) if schema is None else schema
    found: dict[str, list[pa.Array]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        found.setdefault(name, []).append(_one_array(column))
    return pl.DataFrame([_series(field, found.get(field.name, []), table.num_rows, file_name) for field in schema])


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array; PyArrow would copy a single chunk too."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _series(field: pa.Field, arrays: list[pa.Array], rows: int, file_name: str) -> pl.Series:
    try:
        marked = convert_column(arrays, field.type, rows)
        return as_series(field.name, convert(marked, unmarked(field.type)))
    except pa.ArrowInvalid:
        problem = f"has a value that does not fit into {field.type}, the common type of all files"
        raise SnapshotError(
            f"{file_name}: the column '{clipped(field.name)}' {problem}; export all files with the same schema"
        ) from None
