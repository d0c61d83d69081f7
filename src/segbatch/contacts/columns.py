"""From the types of Parquet to those of Polars, and what to do with the few that Polars does not have."""

import re
from zoneinfo import available_timezones

import polars as pl
import pyarrow as pa

from segbatch.contacts.kinds import in_words
from segbatch.errors import SnapshotError

__all__ = ["OPAQUE", "is_text", "kind_words", "polars_schema", "shared_schema", "to_frame"]

OPAQUE = pl.Object()
"""The type of a column that can only be asked whether it is there."""

_OFFSET = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")

_NOT_IN_POLARS = (
    pa.types.is_decimal256,
    pa.types.is_interval,
    pa.types.is_union,
    pa.types.is_run_end_encoded,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def shared_schema(schemas: dict[str, pa.Schema]) -> pa.Schema:
    """Return the one schema of the files of a snapshot.

    Args:
        schemas: The schema of each file by its name; at least one.

    Raises:
        SnapshotError: Two files differ in their columns, or in the type of one; the order does not matter, and a
            column without type (all null) fits any.
    """
    (first_name, merged), *others = schemas.items()
    _ensure_named_once(first_name, merged)
    for name, schema in others:
        _ensure_named_once(name, schema)
        for column in sorted({*merged.names} ^ {*schema.names}):
            without = name if column in merged.names else first_name
            message = f"has no column '{column}', which other files of the snapshot have; export all files alike"
            raise SnapshotError(f"{without}: {message}")
        merged = pa.schema([_merge(field, schema.field(field.name), first_name, name) for field in merged])
    return merged


def _ensure_named_once(name: str, schema: pa.Schema) -> None:
    twice = sorted({column for column in schema.names if schema.names.count(column) > 1})
    if twice:
        raise SnapshotError(f"{name}: the column '{twice[0]}' is there twice; rename one in the export")


def _merge(field: pa.Field, other: pa.Field, first_name: str, name: str) -> pa.Field:
    if pa.types.is_null(field.type):
        return other
    if not pa.types.is_null(other.type) and other.type != field.type:
        types = f"{kind_words(other.type)} here and {kind_words(field.type)} in {first_name}"
        raise SnapshotError(f"{name}: the column '{field.name}' is {types}; export all files alike")
    return field


def polars_schema(schema: pa.Schema) -> dict[str, pl.DataType]:
    """Return the columns with their Polars types; a type that Polars lacks is `OPAQUE`."""
    empty = schema.empty_table()
    return {
        field.name: to_frame(empty.select([index])).schema[field.name] if _in_polars(field.type) else OPAQUE
        for index, field in enumerate(schema)
    }


def kind_words(kind: pa.DataType) -> str:
    """Name an Arrow type as all messages name types."""
    [dtype] = polars_schema(pa.schema([("it", kind)])).values()
    return in_words(dtype)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type is text, in whichever layout."""
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def to_frame(table: pa.Table) -> pl.DataFrame:
    """Turn Arrow data into a frame; of an opaque column only whether it is null is kept."""
    return pl.DataFrame(
        {
            name: pl.Series(name, _plain(column) if _in_polars(column.type) else _presence(column))
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def _in_polars(kind: pa.DataType) -> bool:
    """Tell whether Polars has a type; asked before, since Polars panics over some that it has not."""
    if any(is_kind(kind) for is_kind in _NOT_IN_POLARS) or _has_unknown_zone(kind):
        return False
    return all(_in_polars(kind.field(index).type) for index in range(kind.num_fields))


def _has_unknown_zone(kind: pa.DataType) -> bool:
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    return zone is not None and not _OFFSET.fullmatch(zone) and zone not in available_timezones()


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Replace an extension type, such as JSON or UUID, by what it is stored as."""
    if isinstance(column.type, pa.BaseExtensionType):
        return column.cast(column.type.storage_type)
    return column


def _presence(column: pa.ChunkedArray) -> pl.Series:
    """Return true where there is something, null where there is nothing."""
    return pl.select(pl.when(pl.Series(column.is_valid())).then(statement=True)).to_series()
