"""Checks of Arrow data that Parquet's readers leave out, and that Polars relies on."""

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.snapshot.arrow.types import is_list, is_text
from segbatch.snapshot.locations import Place
from segbatch.text import clipped

__all__ = ["NOT_UNICODE", "ensure_sound"]

NOT_UNICODE = "has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"


def ensure_sound(place: Place, batch: pa.RecordBatch) -> None:
    """Check that texts are UTF-8 and that values are what their types can hold.

    Raises:
        SnapshotError: Some are not. A time of day outside of the day is not refused: no rule can compare it.
    """
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            if (problem := _problem(column)) is not None:
                raise SnapshotError(f"{place}: the column '{clipped(name)}' {problem}") from None


def _problem(column: pa.Array) -> str | None:
    """Return what is wrong with the first part of a column that is not sound."""
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
    """Return the arrays of which a nested one is made, the innermost."""
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
