"""The same contacts in other Parquet files: one or several, each with text layouts, units, zones and orders of its own.

Whatever the layout, the members must be those of the plain table. Nothing here is known to the evaluator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis.strategies import DrawFn

PLAIN_TEXTS: tuple[pa.DataType, ...] = (
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.large_string()),
)
MARKLESS_TEXTS: tuple[pa.DataType, ...] = (pa.binary(), pa.large_binary())
ZONES = (None, "UTC", "+05:30", "-03:30", "+05:45", "-11:00", "Asia/Kolkata")


@dataclass(frozen=True)
class Dialect:
    """How one file stores what another file stores differently.

    Attributes:
        text: The type of its texts outside of lists and maps.
        zone: The zone of its timestamps with a zone.
        is_reversed: Whether columns and struct keys come in reverse order.
        is_large: Whether lists are large lists, with another name for their elements.
        is_wide: Whether whole numbers, floats and decimals are wider than they need to be.
        drops_empty: Whether columns and struct keys without values are left out.
    """

    text: pa.DataType
    zone: str | None
    is_reversed: bool
    is_large: bool
    is_wide: bool
    drops_empty: bool

    def apply(self, table: pa.Table) -> pa.Table:
        """Return the same rows, stored in this dialect; the id stays."""
        names = [name for name in table.column_names if name == "id" or not self._leaves_out(table[name])]
        if self.is_reversed:
            names.reverse()
        columns = {name: self._store(table[name].combine_chunks()) for name in names}
        return pa.table(columns)

    def _leaves_out(self, column: pa.Array | pa.ChunkedArray) -> bool:
        return self.drops_empty and bool(column.null_count == len(column)) and len(column) > 0

    def _store(self, array: pa.Array) -> pa.Array:
        kind = array.type
        if pa.types.is_struct(kind):
            return self._store_struct(array)
        if pa.types.is_string(kind):
            return _as_text(array, self.text)
        return array.cast(self._scalar(kind))

    def _store_struct(self, array: pa.StructArray) -> pa.Array:
        names = [field.name for field in array.type]
        # `flatten` applies the parents' nulls to the children, so that none has a value below a null.
        children = dict(zip(names, array.flatten(), strict=True))
        kept = [name for name in names if not self._leaves_out(children[name])] or names[:1]
        if self.is_reversed:
            kept.reverse()
        return pa.StructArray.from_arrays([self._store(children[name]) for name in kept], kept, mask=array.is_null())

    def _scalar(self, kind: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            # Through `us` alone, since a cell in nanoseconds has another range.
            return pa.timestamp("us", self.zone or kind.tz)
        if pa.types.is_list(kind) and self.is_large:
            return pa.large_list(pa.field("piece", kind.value_type))
        if self.is_wide and pa.types.is_signed_integer(kind):
            return pa.int64()
        if self.is_wide and pa.types.is_decimal128(kind):
            return pa.decimal128(20, kind.scale + 2)
        return kind


def _as_text(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pc.dictionary_encode(array.cast(kind.value_type)).cast(kind)
    return array.cast(kind)


@dataclass(frozen=True)
class Layout:
    """How a table is spread over files.

    Attributes:
        dialects: One for each file of a folder.
        partition: A column of texts that is in the names of the folders and not in the files, if any.
    """

    dialects: tuple[Dialect, ...]
    partition: str | None = None

    def write(self, table: pa.Table, folder: Path) -> None:
        """Write the rows; a file may have none."""
        if not self._can_partition(table):
            self._write_files(table, folder)
            return
        values = table[self.partition]
        for value in values.unique().to_pylist():
            is_here = values.is_null() if value is None else pc.equal(values, value)
            inside = folder / f"{self.partition}={'__HIVE_DEFAULT_PARTITION__' if value is None else value}"
            inside.mkdir()
            self._write_files(table.filter(is_here).drop_columns([self.partition]), inside)

    def _can_partition(self, table: pa.Table) -> bool:
        """Return whether names of folders can hold the values, and show that they are texts."""
        if self.partition is None:
            return False
        present = table[self.partition].drop_null().unique().to_pylist()
        return bool(present) and all(present)

    def _write_files(self, table: pa.Table, folder: Path) -> None:
        rows = -(-table.num_rows // len(self.dialects))
        for number, dialect in enumerate(self.dialects):
            part = dialect.apply(table.slice(number * rows, rows))
            pq.write_table(part, folder / f"part-{number}.parquet")


@st.composite
def layouts(draw: DrawFn, most_files: int = 3, *, with_markless: bool = True) -> Layout:
    """Draw a layout.

    Args:
        draw: Given by Hypothesis.
        most_files: The largest number of files in a folder.
        with_markless: Whether texts may be stored as bytes without the mark that they are UTF-8.
    """
    texts = (*PLAIN_TEXTS, *(MARKLESS_TEXTS if with_markless else ()))
    flags: dict[str, Any] = {name: st.booleans() for name in ("is_reversed", "is_large", "is_wide", "drops_empty")}
    dialects = st.builds(Dialect, text=st.sampled_from(texts), zone=st.sampled_from(ZONES), **flags)
    first, *others = draw(st.lists(dialects, min_size=1, max_size=most_files))
    # The first file has every column, so that none is missing from the whole snapshot.
    partition = draw(st.sampled_from((None, None, "project_id", "status")))
    return Layout((replace(first, drops_empty=False), *others), partition)
