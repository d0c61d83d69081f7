"""A column of JSON texts: the types of the values at paths over the whole snapshot, and the values.

The texts are parsed by DuckDB's JSON functions. Only the keys that rules name are examined.
"""

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from typing import Self

import duckdb
import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.json_look import JsonLook, JsonPath, look_at
from segbatch.snapshot.fields.json_numbers import of_any_length
from segbatch.snapshot.fields.json_text import listed, pointer_of, ways_to_split
from segbatch.snapshot.fields.json_texts import JsonTexts
from segbatch.snapshot.fields.json_types import CommonType, Shape, common_type

_SQL_TYPES: Mapping[Shape, str] = {"integer": "DECIMAL(38, 0)", "number": "DOUBLE", "boolean": "BOOLEAN"}


class JsonColumn:
    """A column of JSON texts.

    First, `look_at` returns the looks at the batches of the snapshot, which are merged to `look`. After that,
    `common_type` returns the type of the values at a path, and `decode` reads them as that type. A path is
    dotted; None means the whole text.

    Attributes:
        look: The look at all texts.
    """

    def __init__(self, paths: Iterable[JsonPath], *, objects: bool) -> None:
        """Prepare to examine texts.

        Args:
            objects: Whether every text must be an object.
        """
        self._pointers = {
            path: {pointer_of(keys): keys for keys in ways_to_split(path)} for path in dict.fromkeys(paths)
        }
        self._types: dict[JsonPath, CommonType] = {}
        self._texts = JsonTexts(objects=objects)
        self._are_sound = True
        self.look = JsonLook()

    def for_other_texts(self) -> Self:
        """Return a column with the same types whose texts are others than those that were looked at."""
        found = copy(self)
        found._are_sound = False  # noqa: SLF001 - of the same class
        return found

    def look_at(self, texts: pl.Series) -> JsonLook:
        """Return the look at one batch."""
        return look_at(texts, {path: [*pointers] for path, pointers in self._pointers.items()}, self._texts)

    def common_type(self, path: JsonPath) -> CommonType:
        """Return the type of the values at a path."""
        if path not in self._types:
            self._types[path] = common_type(self.look.of(path))
        return self._types[path]

    def splits(self, path: JsonPath) -> tuple[tuple[str, ...], ...]:
        """Return the ways to split a path into keys that find a value in some text; the first one counts."""
        return tuple(keys for pointer, keys in self._pointers[path].items() if pointer in self.look.found(path))

    def decode(self, texts: pl.Series, paths: Collection[JsonPath]) -> dict[JsonPath, pl.Series]:
        """Return the values of some paths in a batch, read as `common_type` determines. Missing values are null.

        Objects, and lists that cannot be compared, are returned as text: they can only be checked for presence.
        """
        pointers = {path: [one for one in self._pointers[path] if one in self.look.found(path)] for path in paths}
        flat = [pointer for found in pointers.values() for pointer in found]
        values, first = list[str](), 1
        for path, found in pointers.items():
            values.append(_value(self.common_type(path), range(first, first + len(found))))
            first += len(found)
        lists = any(self.common_type(path).shape == "list" for path in paths)
        found_by = listed(flat)
        types = f", json_type(j, {found_by}) AS t" if lists and flat else ""
        source = f"SELECT json_extract_string(j, {found_by}) AS s{types} FROM batch" if flat else "FROM batch"
        columns = ", ".join(f"{value} AS c{index}" for index, value in enumerate(values))
        table = self._query(f"SELECT {columns} FROM ({source})", texts)
        return {path: _finish(pl.Series(table.column(i)), self.common_type(path)) for i, path in enumerate(pointers)}

    def _query(self, sql: str, texts: pl.Series) -> pa.Table:
        """Return the rows of a query over a batch. Texts that cannot be read are null in it."""
        if self._are_sound and not self.look.broken:
            try:
                with self._texts.using(texts):
                    return self._texts.table_of(sql)
            except duckdb.InvalidInputException:  # the file was written since the look, which is reported at its end
                pass
        with self._texts.using(self._texts.readable(texts)):
            return self._texts.table_of(sql)


def _value(kind: CommonType, numbers: range) -> str:
    """Return SQL for the value at a path: the first text that is not null at some positions of the list `s`."""
    if not numbers:
        return "NULL"
    value = f"coalesce({', '.join(f's[{number}]' for number in numbers)})"
    if kind.shape != "list":
        return f"TRY_CAST({value} AS {_SQL_TYPES[kind.shape]})" if kind.shape in _SQL_TYPES else value
    types = ", ".join(f"nullif(t[{number}], 'NULL')" for number in numbers)
    elements = f"json_extract_string({value}, '$[*]')"
    elements = f"CASE WHEN coalesce({types}) = 'ARRAY' THEN {elements} WHEN {value} IS NOT NULL THEN [{value}] END"
    return f"TRY_CAST({elements} AS {_SQL_TYPES[kind.element]}[])" if kind.element in _SQL_TYPES else elements


def _finish(values: pl.Series, kind: CommonType) -> pl.Series:
    """Convert values that no SQL type holds."""
    column = pl.col(values.name)
    if kind.shape == "any length":
        return values.to_frame().select(of_any_length(column).alias(values.name)).to_series()
    if kind.element == "any length":
        read = column.list.eval(of_any_length(pl.element()))
        return values.to_frame().select(read.alias(values.name)).to_series()
    return values
