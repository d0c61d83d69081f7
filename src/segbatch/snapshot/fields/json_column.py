"""A column of JSON texts: the types of the values at paths over the whole snapshot, and the values.

The texts are parsed by DuckDB's JSON functions. Only the keys that rules name are examined.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.json_numbers import of_any_length
from segbatch.snapshot.fields.json_text import describe_fault, pointer_of, quoted, ways_to_split
from segbatch.snapshot.fields.json_types import KINDS, CommonType, Shape, ValueCounts, common_type

_KEYS_SAMPLED = 500

_KIND, _KIND_IF_VALID = "json_type(j)", "CASE WHEN json_valid(j) THEN json_type(j) END"
"""The kind of a text. The first expression parses once instead of twice, and fails for a text that is not JSON."""

_LOOSE = (r"(?i)nan|inf", r",\s*[}\]]")
"""Patterns of texts that may not be JSON in the standard. Two searches are three times as fast as one for both."""
_QUOTED = r'"(?:\\.|[^"\\])*"'

_CHUNK = 16_384
"""Number of texts that DuckDB processes at a time, on each of its threads."""

_NUMBERS = "('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"
_WHOLE = "'-?[0-9]+'"
_SQL_TYPES: Mapping[Shape, str] = {"integer": "DECIMAL(38, 0)", "number": "DOUBLE", "boolean": "BOOLEAN"}

_Path = str | None


class JsonColumn:
    """A column of JSON texts.

    First, call `examine` with every batch of the snapshot. After that, `common_type` returns the type of the values at
    a path, and `decode` reads them as that type. A path is dotted; None means the whole text.

    Attributes:
        broken: The number of texts that are not JSON, or not an object if objects are required.
        first_broken: The row of the first such text, counted from 0.
        fault: The problem with the first such text.
        keys: A sample of the keys of the objects.
        objects: The number of texts that are JSON objects.
    """

    def __init__(self, paths: Iterable[_Path], *, objects: bool) -> None:
        """Prepare to examine texts.

        Args:
            objects: Whether every text must be an object.
        """
        self._pointers = {
            path: {pointer_of(keys): keys for keys in ways_to_split(path)} for path in dict.fromkeys(paths)
        }
        self._seen = {path: ValueCounts() for path in self._pointers}
        self._used: dict[_Path, set[str]] = {path: set() for path in self._pointers}
        self._types: dict[_Path, CommonType] = {}
        self._objects = objects
        self._rows = 0
        self._is_clean = True
        self._database = _Database()
        self.keys: set[str] = set()
        self.objects = 0
        self.broken = 0
        self.first_broken = 0
        self.fault = ""

    def examine(self, texts: pl.Series) -> None:
        """Record the kinds of the values in one batch."""
        kinds = self._kinds_of(texts)
        self._count_broken(texts, kinds)
        readable = self._readable(texts, kinds)
        self._is_clean &= readable.null_count() == texts.null_count()
        self._register(readable)
        simple = dict[str, _Path]()
        for path, counts in self._kinds_by_path().items():
            self._used[path] |= counts.keys()
            if len(counts) == 1:
                [(pointer, found)] = counts.items()
                self._seen[path].kinds += found
                if found.keys() & {"number", "list"} or "number" in self._seen[path].kinds:
                    simple[pointer] = path
                elif "integer" in found:
                    self._seen[path].is_measured = False
            elif counts:
                self._look_at_first(path, [one for one in self._pointers[path] if one in counts])
        if simple:
            self._look_closer(_each_of(list(simple)), list(simple.values()))
        if len(self.keys) < _KEYS_SAMPLED:
            sql = "SELECT DISTINCT unnest(json_keys(j)) FROM batch WHERE json_type(j) = 'OBJECT'"
            self.keys |= {key for (key,) in self._rows_of(sql)}
        self._rows += len(texts)

    def common_type(self, path: _Path) -> CommonType:
        """Return the type of the values at a path."""
        if path not in self._types:
            self._types[path] = common_type(self._seen[path])
        return self._types[path]

    def splits(self, path: _Path) -> tuple[tuple[str, ...], ...]:
        """Return the ways to split a path into keys that find a value in some text; the first one counts."""
        return tuple(keys for pointer, keys in self._pointers[path].items() if pointer in self._used[path])

    def _register(self, texts: pl.Series) -> None:
        """Register texts in DuckDB, in chunks that it reads in parallel."""
        table = pa.table({"j": texts.to_arrow()})
        self._database.connection.register("batch", pa.Table.from_batches(table.to_batches(_CHUNK), table.schema))

    def _kinds_of(self, texts: pl.Series) -> pl.Series:
        """Return the kind of JSON of each text; null for texts that are not JSON."""
        self._register(texts)
        try:
            kinds = self._column(_KIND_IF_VALID if self.broken else _KIND)
        except duckdb.InvalidInputException:
            kinds = self._column(_KIND_IF_VALID)
        return _strictly(texts, kinds)

    def readable(self, texts: pl.Series) -> pl.Series:
        """Return the texts that can be read, with null in place of the others."""
        return self._readable(texts, self._kinds_of(texts))

    def _column(self, expression: str) -> pl.Series:
        """Return an expression of SQL over the registered texts."""
        return pl.Series(self._database.connection.sql(f"SELECT {expression} FROM batch").to_arrow_table().column(0))

    def _readable(self, texts: pl.Series, kinds: pl.Series) -> pl.Series:
        """Return the texts that can be examined, with null in place of the others."""
        good = kinds == "OBJECT" if self._objects else kinds.is_not_null()
        return texts.to_frame("j").select(pl.when(good).then("j")).to_series()

    def _count_broken(self, texts: pl.Series, kinds: pl.Series) -> None:
        good = kinds.is_in(["OBJECT", "NULL"]).fill_null(value=False) if self._objects else kinds.is_not_null()
        rows = (texts.is_not_null() & ~good).arg_true()
        if len(rows) and not self.broken:
            self.first_broken = self._rows + rows[0]
            self.fault = describe_fault(texts[rows[0]])
        self.broken += len(rows)
        self.objects += int((kinds == "OBJECT").sum())

    def _kinds_by_path(self) -> dict[_Path, dict[str, Counter[str]]]:
        """Count the kinds of the values that each pointer of each path finds in the batch."""
        flat = [(path, pointer) for path, pointers in self._pointers.items() for pointer in pointers]
        found: dict[_Path, dict[str, Counter[str]]] = {path: {} for path in self._pointers}
        listed = _listed(pointer for _, pointer in flat)
        types = f"SELECT json_type(j, {listed}) AS t FROM batch WHERE j IS NOT NULL"
        each = f"SELECT unnest(t) AS k, generate_subscripts(t, 1) AS i FROM ({types})"
        for index, kind, number in self._rows_of(f"SELECT i, k, count(*) FROM ({each}) GROUP BY i, k") if flat else ():
            if kind in KINDS:
                path, pointer = flat[index - 1]
                found[path].setdefault(pointer, Counter())[KINDS[kind]] += number
        return found

    def _look_at_first(self, path: _Path, pointers: Sequence[str]) -> None:
        """Examine values that several pointers find. For each contact, the first value counts."""
        values = _first_of(pointers)
        for kind, number in self._rows_of(f"SELECT k, count(*) FROM ({values}) GROUP BY k"):
            if kind in KINDS:
                self._seen[path].kinds[KINDS[kind]] += number
        self._look_closer(values, [path])

    def _look_closer(self, values: str, paths: Sequence[_Path]) -> None:
        """Record the length of whole numbers, and the elements of lists."""
        where = f"k IN {_NUMBERS} AND regexp_full_match(s, {_WHOLE})"
        whole = f"SELECT i, k, count(*), max(length(ltrim(s, '-'))) FROM ({values}) WHERE {where} GROUP BY i, k"
        for index, kind, number, digits in self._rows_of(whole):
            seen = self._seen[paths[index - 1]]
            seen.digits = max(seen.digits, digits)
            if kind == "DOUBLE":  # DuckDB also uses this kind for whole numbers beyond 64 bits
                seen.kinds += Counter({"integer": number})
                seen.kinds -= Counter({"number": number})
        if any(self._seen[path].kinds["list"] for path in paths):
            self._look_into_lists(values, paths)

    def _look_into_lists(self, values: str, paths: Sequence[_Path]) -> None:
        lists = f"SELECT r, i, s FROM ({values}) WHERE k = 'ARRAY'"
        each = "unnest(json_type(s, '$[*]')) AS k, unnest(json_extract_string(s, '$[*]')) AS s"
        is_whole = f"k IN {_NUMBERS} AND regexp_full_match(s, {_WHOLE})"
        kinds = f"r, i, CASE WHEN {is_whole} THEN 'HUGEINT' ELSE k END AS k, length(ltrim(s, '-')) AS n"
        elements = f"SELECT {kinds} FROM (SELECT r, i, {each} FROM ({lists}))"
        counted = f"SELECT i, k, count(DISTINCT r), max(n) FROM ({elements}) GROUP BY i, k"
        for index, kind, number, digits in self._rows_of(counted):
            if kind in KINDS:
                seen = self._seen[paths[index - 1]]
                seen.elements[KINDS[kind]] += number
                if kind == "HUGEINT":
                    seen.element_digits = max(seen.element_digits, digits)

    def _rows_of(self, sql: str) -> list[tuple[Any, ...]]:
        return self._database.connection.execute(sql).fetchall()

    def decode(self, texts: pl.Series, paths: Collection[_Path]) -> dict[_Path, pl.Series]:
        """Return the values of some paths in a batch, read as `common_type` determines. Missing values are null.

        Objects, and lists that cannot be compared, are returned as text: they can only be checked for presence.
        """
        self._register(self.readable(texts))
        pointers = {path: [one for one in self._pointers[path] if one in self._used[path]] for path in paths}
        flat = [pointer for found in pointers.values() for pointer in found]
        values, first = list[str](), 1
        for path, found in pointers.items():
            values.append(_value(self.common_type(path), range(first, first + len(found))))
            first += len(found)
        lists = any(self.common_type(path).shape == "list" for path in paths)
        listed = _listed(flat)
        types = f", json_type(j, {listed}) AS t" if lists and flat else ""
        source = f"SELECT json_extract_string(j, {listed}) AS s{types} FROM batch" if flat else "FROM batch"
        columns = ", ".join(f"{value} AS c{index}" for index, value in enumerate(values))
        table = self._database.connection.sql(f"SELECT {columns} FROM ({source})").to_arrow_table()
        return {path: _finish(pl.Series(table.column(i)), self.common_type(path)) for i, path in enumerate(pointers)}


class _Database:
    """A DuckDB connection that is opened on first use, and again in a process that unpickles it."""

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect()

    def __reduce__(self) -> tuple[type["_Database"], tuple[()]]:
        return _Database, ()


def _strictly(texts: pl.Series, kinds: pl.Series) -> pl.Series:
    """Replace by null the kind of texts that are JSON for DuckDB, but not in the standard.

    Such texts have NaN, Infinity, or a comma before a closing bracket. These are searched outside of quoted texts, and
    only if the whole text has something like them.
    """
    rows = _is_loose(texts).arg_true()
    outside = texts.gather(rows).str.replace_all(_QUOTED, "0")
    return kinds.scatter(rows.filter(_is_loose(outside)), None)


def _is_loose(texts: pl.Series) -> pl.Series:
    words, commas = (texts.str.contains(pattern) for pattern in _LOOSE)
    return words | commas


def _listed(pointers: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, pointers))}]"


def _each_of(pointers: Sequence[str]) -> str:
    """Return SQL for every value that some pointers find: its row, its pointer's number, its kind and its text."""
    listed = _listed(pointers)
    found = f"json_type(j, {listed}) AS t, json_extract_string(j, {listed}) AS s"
    source = f"SELECT row_number() OVER () AS r, {found} FROM batch"
    return f"SELECT r, generate_subscripts(t, 1) AS i, unnest(t) AS k, unnest(s) AS s FROM ({source})"


def _first_of(pointers: Sequence[str]) -> str:
    """Return SQL for each row's first value that some pointers find, in the form of `_each_of`."""
    source = f"SELECT r, i, k, s FROM ({_each_of(pointers)}) WHERE k IS NOT NULL AND k <> 'NULL'"
    return f"SELECT r, 1 AS i, arg_min(k, i) AS k, arg_min(s, i) AS s FROM ({source}) GROUP BY r"


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
