"""A look at JSON texts: the kinds of the values at paths, the keys, and the texts that are not JSON.

Looks at parts of a column are merged to that of the whole column, so parts can be examined by several processes. The
result does not depend on how the column was cut.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from segbatch.snapshot.fields.json_text import describe_fault, listed
from segbatch.snapshot.fields.json_texts import JsonTexts
from segbatch.snapshot.fields.json_types import KINDS, ValueCounts
from segbatch.snapshot.fields.keys import MOST_KEYS, merge_keys

JsonPath = str | None
"""A dotted path into a JSON text; None is the whole text."""

Pointers = Mapping[JsonPath, Sequence[str]]
"""The pointers that read a path, the first one to find a value first."""

_NUMBERS = "('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"


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


def look_at(texts: pl.Series, pointers: Pointers, reader: JsonTexts) -> JsonLook:
    """Return the look at some texts.

    Args:
        pointers: The paths to look at.
        reader: Reads the texts.
    """
    if texts.null_count() == len(texts):  # such as the values of a map at a key that no contact has
        nothing: dict[JsonPath, ValueCounts] = {path: ValueCounts() for path in pointers}
        return JsonLook(nothing, dict.fromkeys(pointers, frozenset[str]()), rows=len(texts))
    kinds = reader.kinds_of(texts)
    rows = reader.broken_rows(texts, kinds)
    look = JsonLook(rows=len(texts), objects=int((kinds == "OBJECT").sum()), broken=len(rows))
    if look.broken:
        look.first_broken, look.fault = rows[0], describe_fault(texts[rows[0]])
    with reader.using(reader.readable(texts, kinds)):
        _PathLooks(look, pointers, reader).examine()
        look.keys = frozenset() if all(look.used.values()) else _keys_in(reader)
    return look


def _keys_in(reader: JsonTexts) -> frozenset[str]:
    objects = "SELECT unnest(json_keys(j)) AS k FROM batch WHERE json_type(j) = 'OBJECT'"
    return frozenset(
        key for (key,) in reader.rows_of(f"SELECT DISTINCT k FROM ({objects}) ORDER BY k LIMIT {MOST_KEYS}")
    )


class _PathLooks:
    """Examines the values at the paths of a batch."""

    def __init__(self, look: JsonLook, pointers: Pointers, reader: JsonTexts) -> None:
        self._look, self._pointers, self._reader = look, pointers, reader

    def examine(self) -> None:
        """Add the values at all paths to the look."""
        numbers, others = dict[str, ValueCounts](), dict[str, ValueCounts]()
        for path, counts in self._kinds_by_path().items():
            seen = self._look.values[path] = ValueCounts()
            self._look.used[path] = frozenset(counts)
            if len(counts) > 1:
                self._look_at_first(seen, [one for one in self._pointers[path] if one in counts])
                continue
            for pointer, found in counts.items():
                seen.kinds += found
                if found.keys() <= {"integer", "number"}:
                    numbers[pointer] = seen
                elif found.keys() & {"integer", "number", "list"}:
                    others[pointer] = seen
        self._measure(numbers)
        if others:
            self._look_closer(_each_of(list(others)), list(others.values()))

    def _kinds_by_path(self) -> dict[JsonPath, dict[str, Counter[str]]]:
        """Count the kinds of the values that each pointer of each path finds in the batch."""
        flat = [(path, pointer) for path, pointers in self._pointers.items() for pointer in pointers]
        found: dict[JsonPath, dict[str, Counter[str]]] = {path: {} for path in self._pointers}
        types = f"SELECT json_type(j, {listed(pointer for _, pointer in flat)}) AS t FROM batch WHERE j IS NOT NULL"
        each = f"SELECT unnest(t) AS k, generate_subscripts(t, 1) AS i FROM ({types})"
        for index, kind, number in self._counted(f"SELECT i, k, count(*) FROM ({each}) GROUP BY i, k") if flat else ():
            path, pointer = flat[index - 1]
            found[path].setdefault(pointer, Counter())[kind] += number
        return found

    def _counted(self, sql: str) -> Iterator[tuple[int, str, int]]:
        """Yield an index, a kind and a number for each row of a query with the kinds of DuckDB."""
        return ((index, KINDS[kind], number) for index, kind, number in self._reader.rows_of(sql) if kind in KINDS)

    def _look_at_first(self, seen: ValueCounts, pointers: Sequence[str]) -> None:
        """Examine values that several pointers find. For each contact, the first value counts."""
        values = _first_of(pointers)
        for _, kind, number in self._counted(f"SELECT 1, k, count(*) FROM ({values}) GROUP BY k"):
            seen.kinds[kind] += number
        self._look_closer(values, [seen])

    def _measure(self, numbers: Mapping[str, ValueCounts]) -> None:
        """Record the length of whole numbers, for pointers that find only numbers."""
        if not numbers:
            return
        found = list[str]()
        for index, seen in enumerate(numbers.values(), 1):
            where = f"FILTER ({_is_whole(f's[{index}]')})" if "number" in seen.kinds else ""
            found += f"count(s[{index}]) {where}", f"max({_digits(f's[{index}]')}) {where}"
        texts = f"SELECT json_extract_string(j, {listed(numbers)}) AS s FROM batch"
        [row] = self._reader.rows_of(f"SELECT {', '.join(found)} FROM ({texts})")
        for seen, number, digits in zip(numbers.values(), row[::2], row[1::2], strict=True):
            seen.digits = digits or 0
            _add_long(seen, number - seen.kinds["integer"])

    def _look_closer(self, values: str, paths: Sequence[ValueCounts]) -> None:
        """Record the length of whole numbers, and the elements of lists."""
        where = f"k IN {_NUMBERS} AND {_is_whole('s')}"
        whole = f"SELECT i, k, count(*), max({_digits('s')}) FROM ({values}) WHERE {where} GROUP BY i, k"
        for index, kind, number, digits in self._reader.rows_of(whole):
            seen = paths[index - 1]
            seen.digits = max(seen.digits, digits)
            if kind == "DOUBLE":
                _add_long(seen, number)
        if any(seen.kinds["list"] for seen in paths):
            self._look_into_lists(values, paths)

    def _look_into_lists(self, values: str, paths: Sequence[ValueCounts]) -> None:
        lists = f"SELECT r, i, s FROM ({values}) WHERE k = 'ARRAY'"
        each = "unnest(json_type(s, '$[*]')) AS k, unnest(json_extract_string(s, '$[*]')) AS s"
        is_whole = f"k IN {_NUMBERS} AND {_is_whole('s')}"
        kinds = f"r, i, CASE WHEN {is_whole} THEN 'HUGEINT' ELSE k END AS k, {_digits('s')} AS n"
        elements = f"SELECT {kinds} FROM (SELECT r, i, {each} FROM ({lists}))"
        counted = f"SELECT i, k, count(DISTINCT r), max(n) FROM ({elements}) GROUP BY i, k"
        for index, kind, number, digits in self._reader.rows_of(counted):
            if kind in KINDS:
                seen = paths[index - 1]
                seen.elements[KINDS[kind]] += number
                if kind == "HUGEINT":
                    seen.element_digits = max(seen.element_digits, digits)


def _is_whole(number: str) -> str:
    """Return SQL for whether the text of a number is a whole number.

    The search for a point takes a tenth of the time of the pattern, and rules out nearly all others.
    """
    return f"(NOT contains({number}, '.') AND regexp_full_match({number}, '-?[0-9]+'))"


def _digits(number: str) -> str:
    return f"length(ltrim({number}, '-'))"


def _add_long(seen: ValueCounts, number: int) -> None:
    """Count whole numbers beyond 64 bits, for which DuckDB uses the kind DOUBLE, as whole numbers."""
    if number:
        seen.kinds += Counter({"integer": number})
        seen.kinds -= Counter({"number": number})


def _each_of(pointers: Sequence[str]) -> str:
    """Return SQL for every value that some pointers find: its row, its pointer's number, its kind and its text."""
    found = f"json_type(j, {listed(pointers)}) AS t, json_extract_string(j, {listed(pointers)}) AS s"
    source = f"SELECT row_number() OVER () AS r, {found} FROM batch"
    return f"SELECT r, generate_subscripts(t, 1) AS i, unnest(t) AS k, unnest(s) AS s FROM ({source})"


def _first_of(pointers: Sequence[str]) -> str:
    """Return SQL for each row's first value that some pointers find, in the form of `_each_of`."""
    source = f"SELECT r, i, k, s FROM ({_each_of(pointers)}) WHERE k IS NOT NULL AND k <> 'NULL'"
    return f"SELECT r, 1 AS i, arg_min(k, i) AS k, arg_min(s, i) AS s FROM ({source}) GROUP BY r"
