"""The values of every field in the columns of a snapshot: through structs, maps, records and JSON texts."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import duckdb
import polars as pl

from segbatch.authoring.columns.value_sketch import LEAST_CONTACTS, ValueSketch
from segbatch.snapshot.fields.custom_fields import Form
from segbatch.snapshot.fields.json_texts import JsonTexts
from segbatch.snapshot.fields.json_types import KINDS, ValueCounts, common_type
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
_WHOLE = r"^-?[0-9]+$"
_STEP = re.compile(r'\.(?:"((?:[^"\\]|\\.)*)"|([^."\[]+))|\[\d*\]')
_INDEX = "[]"

_COUNT = """
SELECT CASE WHEN contains(fullkey, '"') THEN fullkey ELSE regexp_replace(fullkey, '\\[[0-9]+\\]', '[]', 'g') END AS p,
    type AS k, json_extract_string(atom, '$') AS v, count(*)::BIGINT AS n, list(DISTINCT o)[:5] AS o
FROM texts, json_tree(texts.j) WHERE fullkey <> '$' AND type <> 'NULL' GROUP BY ALL
"""
"""DuckDB's `json_tree` has a row for every value at any depth. `atom` is the text of a scalar.

Of the contacts with a value, as many are listed as must have it before it is shown (`LEAST_CONTACTS`)."""


@dataclass(slots=True)
class FieldValues:
    """The statistics of a field.

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

    def _json_values(self, name: str) -> "_JsonTexts":
        return _JsonTexts(objects=name == (self._alias or CUSTOM_FIELDS))

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
                common = common_type(found.counts)
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


@dataclass(slots=True)
class _JsonPath:
    """The values at a path of all contacts.

    Attributes:
        counts: The kinds of the values.
        values: The scalars, also those in lists.
        present: The number of contacts with a value.
    """

    counts: ValueCounts = field(default_factory=ValueCounts)
    values: ValueSketch = field(default_factory=ValueSketch)
    present: int = 0

    def add(self, counted: pl.DataFrame, *, in_list: bool) -> None:
        """Add the values of a batch: their kinds `k`, texts `v`, numbers `n`, and some of their contacts `o`."""
        kinds = Counter[str]()
        for kind, number in counted.group_by("k").agg(pl.col("n").sum()).rows():
            kinds[KINDS[kind]] += number
        numbers = counted.filter(pl.col("k").is_in(["BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"]))
        whole = numbers.filter(pl.col("v").str.contains(_WHOLE))
        big = int(whole.filter(pl.col("k") == "DOUBLE").get_column("n").sum())  # whole numbers beyond 64 bits
        kinds += Counter({"integer": big})
        kinds -= Counter({"number": big})
        digits = int(whole.select(pl.col("v").str.strip_chars_start("-").str.len_chars().max()).item() or 0)
        if in_list:
            self.counts.elements += kinds
            self.counts.element_digits = max(self.counts.element_digits, digits)
        else:
            self.present += kinds.total()
            self.counts.kinds += kinds
            self.counts.digits = max(self.counts.digits, digits)
        scalars = counted.filter(pl.col("v").is_not_null()).group_by("v")
        self.values.add(scalars.agg(pl.col("n").sum(), pl.col("o").explode()))
        if len(numbers):
            bounds = numbers.select("v", pl.col("v").cast(pl.Float64, strict=False).alias("f")).drop_nulls()
            self._extend(bounds.get_column("f"))

    def _extend(self, numbers: pl.Series) -> None:
        found = [numbers.min(), numbers.max(), self.values.low, self.values.high]
        known = [number for number in found if isinstance(number, float)]
        if known:
            self.values.low, self.values.high = min(known), max(known)


class _JsonTexts:
    """The values in the texts of a column.

    Attributes:
        paths: The values by the dotted path of their keys.
        left_out: The number of times that a value at another path was left out, because there are too many paths.
    """

    def __init__(self, *, objects: bool) -> None:
        """Prepare to read texts.

        Args:
            objects: Whether every text must be an object.
        """
        self.paths: dict[str, _JsonPath] = {}
        self.left_out = 0
        self._texts = JsonTexts(objects=objects)
        self._connection = duckdb.connect()

    def add(self, texts: pl.Series, owners: pl.Series) -> None:
        """Add the texts of a batch, with their contacts as numbers. Texts that are not JSON count as missing."""
        rows = pl.DataFrame({"j": self._texts.readable(texts), "o": owners}).drop_nulls("j")
        self._connection.register("texts", rows.to_arrow())
        found = pl.DataFrame(self._connection.sql(_COUNT).to_arrow_table())
        for (fullkey,), counted in found.partition_by("p", as_dict=True).items():
            keys = list(_keys_of(str(fullkey)))
            in_list = bool(keys) and keys[-1] == _INDEX
            path = ".".join(keys[:-1] if in_list else keys)
            if _INDEX not in keys[:-1]:
                self._path(path, counted, in_list=in_list)

    def _path(self, path: str, counted: pl.DataFrame, *, in_list: bool) -> None:
        if path not in self.paths and len(self.paths) >= MOST_PATHS:
            self.left_out += 1
            return
        self.paths.setdefault(path, _JsonPath()).add(counted, in_list=in_list)


def _keys_of(fullkey: str) -> Iterator[str]:
    """Split a path such as `$.a."b.c"[]` into keys; an index in a list is `[]`."""
    for step in _STEP.finditer(fullkey, 1):
        if step[1] is not None:
            yield json.loads(f'"{step[1]}"', strict=False)
        else:
            yield step[2] or _INDEX
