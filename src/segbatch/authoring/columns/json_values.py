"""The values in a column of JSON texts, at every path, counted batch by batch."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb
import polars as pl

from segbatch.authoring.columns.value_sketch import ValueSketch
from segbatch.snapshot.fields.json_column import JsonColumn
from segbatch.snapshot.fields.json_types import KINDS, CommonType, ValueCounts, common_type

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
class JsonPath:
    """The values at a path of all contacts.

    Attributes:
        counts: The kinds of the values.
        values: The scalars, also those in lists.
        present: The number of contacts with a value.
    """

    counts: ValueCounts = field(default_factory=ValueCounts)
    values: ValueSketch = field(default_factory=ValueSketch)
    present: int = 0

    @property
    def common(self) -> CommonType:
        """The one type that a rule reads the values as."""
        return common_type(self.counts)

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


class JsonValues:
    """The values in the texts of a column.

    Attributes:
        paths: The values by the dotted path of their keys.
        left_out: The number of times that a value at another path was left out, because there are too many paths.
    """

    def __init__(self, most_paths: int, *, objects: bool) -> None:
        """Prepare to read texts.

        Args:
            objects: Whether every text must be an object.
        """
        self.paths: dict[str, JsonPath] = {}
        self.left_out = 0
        self._most = most_paths
        self._texts = JsonColumn((), objects=objects)
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
        if path not in self.paths and len(self.paths) >= self._most:
            self.left_out += 1
            return
        self.paths.setdefault(path, JsonPath()).add(counted, in_list=in_list)


def _keys_of(fullkey: str) -> Iterator[str]:
    """Split a path such as `$.a."b.c"[]` into keys; an index in a list is `[]`."""
    for step in _STEP.finditer(fullkey, 1):
        if step[1] is not None:
            yield json.loads(f'"{step[1]}"', strict=False)
        else:
            yield step[2] or _INDEX
