"""The values of every field in the columns of a snapshot: through structs, maps, records and JSON texts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from segbatch.authoring.columns.json_values import JsonValues
from segbatch.authoring.columns.value_sketch import LEAST_CONTACTS, ValueSketch
from segbatch.snapshot.fields.custom_fields import Form
from segbatch.snapshot.fields.keys import CUSTOM_FIELDS
from segbatch.snapshot.fields.types import (
    Kind,
    OpaqueType,
    children_of,
    element_type,
    instance,
    is_map_of_keys,
    kind_of,
    pair_of,
    value_type,
)

MOST_PATHS = 1_000
"""Maximum number of keys of one column of JSON texts or of maps. It bounds the memory if keys are, for example, ids."""

_OBJECT = pl.Struct([])
_COMPARED = {Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME, Kind.UUID}
_ORDERED = {Kind.NUMBER, Kind.DATE, Kind.DATETIME}


@dataclass(slots=True)
class FieldValues:
    """What is known of a field.

    Attributes:
        path: The path as rules name it.
        dtype: The type that rules read it as.
        present: The number of contacts with a value.
        values: The values; for a list, its elements.
        is_mixed: Whether the values are of several kinds, and are read as text.
    """

    path: str
    dtype: pl.DataType
    present: int = 0
    values: ValueSketch = field(default_factory=ValueSketch)
    is_mixed: bool = False


class FieldCounter:
    """Counts the values of all fields, batch by batch.

    Attributes:
        left_out: The columns with more keys than are counted.
    """

    def __init__(
        self, columns: Mapping[str, pl.DataType], forms: Mapping[str, Form], alias: str | None, *, is_table: bool
    ) -> None:
        """Prepare to count.

        Args:
            columns: The columns of the snapshot with their types.
            forms: The columns that are read in another form than they are stored in.
            alias: The column that definitions call `custom_fields`, if it has another name.
            is_table: Whether a contact may have several rows.
        """
        self._is_table, self._rows = is_table, 0
        self._alias, self._forms = alias, forms
        self._columns = {
            name: _Column(self._rule_name(name), dtype, is_table=is_table) for name, dtype in columns.items()
        }
        self._json = {name: self._json_values(name) for name, form in forms.items() if form == "json"}
        self._undecided = {name for name, dtype in columns.items() if kind_of(dtype) is Kind.TEXT} - self._json.keys()
        self.left_out: set[str] = set()

    def _rule_name(self, column: str) -> str:
        return CUSTOM_FIELDS if column == self._alias else column

    def _json_values(self, name: str) -> JsonValues:
        return JsonValues(MOST_PATHS, objects=name == (self._alias or CUSTOM_FIELDS))

    def add(self, frame: pl.DataFrame, ids: pl.Series) -> None:
        """Add a batch, which has every column of the snapshot, with the contact of each row."""
        rows = pl.int_range(self._rows, self._rows + len(frame), dtype=pl.UInt64, eager=True)
        owners = ids.hash() if self._is_table else rows
        self._rows += len(frame)
        for name, column in self._columns.items():
            values = frame.get_column(name)
            if name in self._undecided and values.null_count() < len(values):
                self._undecided.discard(name)
                if _looks_like_json(values):
                    self._json[name] = self._json_values(name)
            if name in self._json:
                self._json[name].add(values.cast(pl.String), owners)
            column.add(column.path, column.dtype, values, owners)

    def fields(self) -> Iterator[FieldValues]:
        """Yield the fields, each column followed by the fields in it."""
        for name, column in self._columns.items():
            json = self._json.get(name)
            if column.has_more_keys or (json and json.left_out):
                self.left_out.add(column.path)
            if json is None or not json.paths:
                yield from column.fields.values()
                continue
            whole = column.fields[column.path]
            yield replace(whole, dtype=_OBJECT if name in self._forms else whole.dtype, values=ValueSketch())
            for key, found in sorted(json.paths.items()):
                common = found.common
                path, is_mixed = f"{column.path}.{key}", common.mixed is not None
                yield FieldValues(path, instance(common.dtype), found.present, found.values, is_mixed)


class _Column:
    """The fields in a column.

    Attributes:
        path: The name of the column in rules.
        fields: The values of the column and of the fields in it, by path.
        has_more_keys: Whether a map has more keys than are counted.
    """

    def __init__(self, path: str, dtype: pl.DataType, *, is_table: bool) -> None:
        self.path, self.dtype, self._is_table = path, dtype, is_table
        self.fields: dict[str, FieldValues] = {}
        self.has_more_keys = False

    def add(self, path: str, dtype: pl.DataType, values: pl.Series, owners: pl.Series) -> None:
        """Add the values of the column, or of a field in it, and those of the fields inside, with their contacts."""
        found = self.fields.setdefault(path, FieldValues(path, dtype))
        if isinstance(dtype, OpaqueType):
            found.present += int(values.fill_null(value=False).sum())
            return
        values = _readable(values)
        found.present += len(values) - values.null_count()
        if is_map_of_keys(dtype):
            parts = {"k": values.map.keys(), "v": values.map.values(), "o": owners}
            entries = pl.DataFrame(parts).explode("k", "v")
            self._add_entries(path, value_type(dtype), entries)
        elif pair := pair_of(dtype):
            key, value, inner = pair
            records = pl.DataFrame({"r": values, "o": owners}).explode("r").drop_nulls("r")
            fields = pl.col("r").struct
            entries = records.select(fields.field(key).alias("k"), fields.field(value).alias("v"), "o")
            self._add_entries(path, inner, entries)
        elif kind_of(dtype) is Kind.STRUCT:
            for key, child in children_of(dtype).items():
                self.add(f"{path}.{key}", child, values.struct.field(key), owners)
        else:
            rows = pl.DataFrame({"v": values, "o": owners})
            _count(found, dtype, rows if self._is_table or kind_of(dtype) is Kind.LIST else rows.select("v"))

    def _add_entries(self, path: str, dtype: pl.DataType, entries: pl.DataFrame) -> None:
        """Add the values of a map, each under its key."""
        for (key,), found in sorted(entries.drop_nulls("k").partition_by("k", as_dict=True).items()):
            name = f"{path}.{key}"
            if name not in self.fields and len(self.fields) > MOST_PATHS:
                self.has_more_keys = True
            else:
                self.add(name, dtype, found.get_column("v"), found.get_column("o"))


def _count(found: FieldValues, dtype: pl.DataType, rows: pl.DataFrame) -> None:
    """Count the distinct values `v` of a field; for a list, those of its elements.

    Args:
        rows: The values, and the contact `o` of each if a contact may have several.
    """
    if kind_of(dtype) is Kind.LIST:
        dtype, rows = element_type(dtype), rows.explode("v")
        rows = rows.with_columns(_readable(rows.get_column("v")))
    kind = kind_of(dtype)
    if kind not in _COMPARED:
        return
    if kind is Kind.TEXT:
        rows = rows.with_columns(pl.col("v").cast(pl.String))
    some = [pl.col("o").unique().head(LEAST_CONTACTS)] if "o" in rows.columns else []
    counted = rows.drop_nulls("v").group_by("v").agg(pl.len().alias("n"), *some)
    found.values.add(counted, is_ordered=kind in _ORDERED)


def _readable(values: pl.Series) -> pl.Series:
    return values.fill_nan(None) if values.dtype.is_float() else values


def _looks_like_json(values: pl.Series) -> bool:
    """Return whether all texts of a batch look like JSON objects."""
    texts = values.cast(pl.String).drop_nulls()
    return bool(len(texts)) and bool((texts.str.starts_with("{") & texts.str.ends_with("}")).all())
