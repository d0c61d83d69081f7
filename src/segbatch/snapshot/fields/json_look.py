"""A look at JSON texts: the kinds of the values at paths, the keys, and the texts that are not JSON.

Looks at parts of a column are merged to that of the whole column, so parts can be examined by several processes. The
result does not depend on how the column was cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.json_text import describe_fault
from segbatch.snapshot.fields.json_texts import JsonTexts
from segbatch.snapshot.fields.json_types import ValueCounts
from segbatch.snapshot.fields.json_values import BatchValues
from segbatch.snapshot.fields.keys import MOST_KEYS, merge_keys

JsonPath = str | None
"""A dotted path into a JSON text; None is the whole text."""

Pointers = Mapping[JsonPath, Sequence[str]]
"""The pointers that read a path, the first one to find a value first."""


@dataclass(slots=True)
class JsonLook:
    """A look at some texts of a column, as plain data.

    Attributes:
        values: The values at each path.
        used: For each path, the pointers that find a value in some text.
        keys: A sample of the keys of the objects, unless every path finds a value: it is for warnings about others.
        rows: The number of rows.
        objects: The number of texts that are JSON objects.
        broken: The number of texts that are not JSON, or not an object if objects are required.
        first_broken: The row of the first such text, counted from 0.
        fault: The problem with the first such text.
    """

    values: dict[JsonPath, ValueCounts] = field(default_factory=dict)
    used: dict[JsonPath, frozenset[str]] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    rows: int = 0
    objects: int = 0
    broken: int = 0
    first_broken: int = 0
    fault: str = ""

    def then(self, following: "JsonLook") -> "JsonLook":
        """Return the look at these texts and the texts that follow them in the column."""
        first = (self.first_broken, self.fault)
        if not self.broken and following.broken:
            first = (self.rows + following.first_broken, following.fault)
        used = {path: self.found(path) | following.found(path) for path in {**self.used, **following.used}}
        return JsonLook(
            {path: self.of(path).plus(following.of(path)) for path in {**self.values, **following.values}},
            used,
            frozenset() if all(used.values()) else merge_keys(self.keys, following.keys),
            self.rows + following.rows,
            self.objects + following.objects,
            self.broken + following.broken,
            *first,
        )

    def of(self, path: JsonPath) -> ValueCounts:
        """Return the values at a path."""
        return self.values.get(path) or ValueCounts()

    def found(self, path: JsonPath) -> frozenset[str]:
        """Return the pointers of a path that find a value in some text."""
        return self.used.get(path, frozenset())


def look_at(texts: pl.Series, pointers: Pointers, reader: JsonTexts) -> tuple[JsonLook, dict[JsonPath, pa.Array]]:
    """Return the look at some texts, and the JSON values at each path.

    Args:
        pointers: The paths to look at.
        reader: Reads the texts.
    """
    flat = [(path, pointer) for path, found in pointers.items() for pointer in found]
    kinds, found = reader.read(texts, [pointer for _, pointer in flat])
    rows = reader.broken_rows(texts, kinds)
    look = JsonLook(rows=len(texts), objects=int((kinds == "OBJECT").sum()), broken=len(rows))
    if look.broken:
        look.first_broken, look.fault = rows[0], describe_fault(texts[rows[0]])
    values, columns = BatchValues(found, reader), dict[JsonPath, pa.Array]()
    for path in pointers:
        numbers = [number for number, (of_path, _) in enumerate(flat) if of_path == path]
        codes = values.first_of(numbers)
        look.values[path], columns[path] = values.count(codes), values.column(codes)
        look.used[path] = frozenset(flat[number][1] for number in numbers if values.is_found(number))
    if not all(look.used.values()):
        look.keys = _keys_in(reader, reader.readable(texts, kinds))
    return look, columns


def _keys_in(reader: JsonTexts, texts: pl.Series) -> frozenset[str]:
    """Return a sample of the keys of the objects among some texts."""
    objects = "SELECT unnest(json_keys(j)) AS k FROM batch WHERE json_type(j) = 'OBJECT'"
    with reader.using(texts):
        rows = reader.rows_of(f"SELECT DISTINCT k FROM ({objects}) ORDER BY k LIMIT {MOST_KEYS}")
    return frozenset(key for (key,) in rows)
