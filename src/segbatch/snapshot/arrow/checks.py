"""Checks of Arrow data that Parquet readers leave out and Polars relies on."""

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.snapshot.arrow.types import is_list, is_text
from segbatch.snapshot.locations import Place
from segbatch.text import clipped

NOT_UNICODE = "has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"


def ensure_sound(place: Place, batch: pa.RecordBatch) -> None:
    """Raise an error if text is not UTF-8 or a value is not valid for its type.

    Raises:
        SnapshotError: A value is not valid. Times outside of the day are accepted, because no rule can compare them.
    """
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            if (problem := _problem(column)) is not None:
                raise SnapshotError(f"{place}: the column '{clipped(name)}' {problem}") from None


def _problem(column: pa.Array) -> str | None:
    """Return the problem with the first invalid part of a column; None if all parts are accepted."""
    for part in _parts(column):
        try:
            part.validate(full=True)
        except pa.ArrowInvalid:
            if is_text(part.type):
                return NOT_UNICODE
            if not pa.types.is_time(part.type) and not pa.types.is_date64(part.type):
                return f"has values that {part.type} cannot hold, or is damaged; export the file again"
    return None


def _parts(array: pa.Array) -> list[pa.Array]:
    """Return the innermost arrays of a nested array."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _parts(array.storage)
    if pa.types.is_dictionary(kind):
        return [*_parts(array.dictionary), array]
    if pa.types.is_struct(kind):
        return [part for index in range(kind.num_fields) for part in _parts(array.field(index))]
    if pa.types.is_map(kind):
        return [*_parts(array.keys), *_parts(array.items)]
    return _parts(array.values) if is_list(kind) else [array]
