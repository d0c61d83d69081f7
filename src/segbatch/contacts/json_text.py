"""A column of JSON texts, read as the struct that its values show over the whole snapshot.

DuckDB's JSON functions do the reading. Only the keys that some rule names are looked at.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from segbatch.contacts.json_faults import fault_of

__all__ = ["JsonColumn"]

_MOST_SPLITS = 6
"""Paths with more dots than this are taken to have a key at every dot."""

_KEYS_SAMPLED = 500

_KINDS = {
    "VARCHAR": "text",
    "BIGINT": "integer",
    "UBIGINT": "integer",
    "HUGEINT": "integer",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "ARRAY": "list",
    "OBJECT": "object",
}
"""What DuckDB calls the kinds of JSON values; its NULL is no value at all."""

_SQL_TYPES = {"text": "VARCHAR", "integer": "HUGEINT", "number": "DOUBLE", "boolean": "BOOLEAN"}

_POLARS_TYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Decimal(38, 0),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "object": pl.Struct([]),
    "list": pl.List(pl.Null),
}

_KIND = "CASE WHEN json_valid(j) THEN json_type(j) END"

_LOOSE = r"(?i)nan|inf|,\s*[}\]]"
_QUOTED = r'"(?:\\.|[^"\\])*"'

_CHUNK = 16_384
"""How many texts DuckDB takes at a time, on each of its threads."""

_Keys = tuple[str, ...]


@dataclass(slots=True)
class _Node:
    """What was seen at one path: the kinds of its values, and where they are lists, those of the elements."""

    kinds: set[str] = field(default_factory=set)
    elements: set[str] = field(default_factory=set)


class JsonColumn:
    """A column of JSON texts.

    First `look` at every batch of the snapshot, then `dtype` says what the column is, and `decode` reads it so.

    Attributes:
        broken: How many texts are no JSON, or JSON but no object.
        first_broken: The row of the first of them, counted from 0.
        fault: What is wrong with the first of them.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        """Prepare to look.

        Args:
            paths: The dotted paths into the column that rules name; empty for the column itself.
        """
        keys = sorted({prefix for path in paths if path for split in _splits(path) for prefix in _prefixes(split)})
        self._nodes: dict[_Keys, _Node] = {path: _Node() for path in keys}
        self._known: set[str] = set()
        self._rows = 0
        self._connection = duckdb.connect()
        self.broken = 0
        self.first_broken = 0
        self.fault = ""

    def look(self, texts: pl.Series) -> None:
        """Take in the kinds of the values of one batch."""
        kinds = self._kinds_of(texts)
        self._count_broken(texts, kinds)
        self._register(_objects(texts, kinds))
        self._look_for_kinds()
        self._look_for_elements()
        if len(self._known) < _KEYS_SAMPLED:
            self._known |= {key for (key,) in self._rows_of("SELECT DISTINCT unnest(json_keys(j)) FROM batch")}
        self._rows += len(texts)

    def _register(self, texts: pl.Series) -> None:
        """Let DuckDB see texts, in chunks that it reads side by side."""
        table = pa.table({"j": texts.to_arrow()})
        self._connection.register("batch", pa.Table.from_batches(table.to_batches(_CHUNK), table.schema))

    def _kinds_of(self, texts: pl.Series) -> pl.Series:
        """Return what kind of JSON each text is; null for what is none."""
        self._register(texts)
        kinds = pl.Series(self._connection.sql(f"SELECT {_KIND} AS kind FROM batch").to_arrow_table().column("kind"))
        return _strictly(texts, kinds)

    def _count_broken(self, texts: pl.Series, kinds: pl.Series) -> None:
        rows = (texts.is_not_null() & ~kinds.is_in(["OBJECT", "NULL"]).fill_null(value=False)).arg_true()
        if len(rows) and not self.broken:
            self.first_broken = self._rows + rows[0]
            self.fault = fault_of(texts[rows[0]])
        self.broken += len(rows)

    def _look_for_kinds(self) -> None:
        pointers = ", ".join(_quoted(_pointer(path)) for path in self._nodes)
        for (kinds,) in self._rows_of(f"SELECT DISTINCT json_type(j, [{pointers}]) FROM batch") if pointers else ():
            for node, kind in zip(self._nodes.values(), kinds or (), strict=False):
                if kind in _KINDS:
                    node.kinds.add(_KINDS[kind])

    def _look_for_elements(self) -> None:
        for path, node in self._nodes.items():
            if "list" in node.kinds:
                value = f"json_extract(j, {_quoted(_pointer(path))})"
                found = self._rows_of(f"SELECT DISTINCT unnest(json_type({value}, '$[*]')) FROM batch")
                node.elements |= {_KINDS[kind] for (kind,) in found if kind in _KINDS}

    def _rows_of(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    @property
    def mixed(self) -> frozenset[str]:
        """The dotted paths whose values, or elements, are of several kinds and read as text."""
        texts = {path for path, node in self._nodes.items() if _is_mixed(node.kinds) or _is_mixed(node.elements)}
        return frozenset(".".join(path) for path in texts)

    @property
    def dtype(self) -> pl.DataType:
        """The struct that the values show; keys that no rule names are in it without a type."""
        fields = self._children(())
        others = {key: pl.Null() for key in sorted(self._known - fields.keys())}
        return pl.Struct({**fields, **others})

    def _children(self, parent: _Keys) -> dict[str, pl.DataType]:
        return {path[-1]: self._polars_type(path) for path in self._below(parent)}

    def _below(self, parent: _Keys) -> list[_Keys]:
        """Return the paths one key below another, where some value was seen."""
        depth = len(parent) + 1
        return [path for path, node in self._nodes.items() if len(path) == depth and path[:-1] == parent and node.kinds]

    def _polars_type(self, path: _Keys) -> pl.DataType:
        node = self._nodes[path]
        kind = _one_kind(node.kinds)
        if kind == "object":
            return pl.Struct(self._children(path))
        if kind == "list" and node.elements:
            return pl.List(_POLARS_TYPES[_one_kind(node.elements)])
        return _POLARS_TYPES[kind]

    def decode(self, texts: pl.Series) -> pl.Series:
        """Read a batch of texts as `dtype` says; a text that is broken, or no object, is null.

        An object into which no rule looks, and a list that cannot be compared, come as texts: only their being there
        can be asked for.
        """
        self._register(_objects(texts, self._kinds_of(texts)))
        structure = self._structure(()) or "JSON"
        value = f"json_transform(j, {_quoted(json.dumps(structure))})"
        found = self._connection.sql(f"SELECT {value} AS it FROM batch").to_arrow_table()
        return pl.Series(texts.name, found.column("it"))

    def _structure(self, parent: _Keys) -> dict[str, object]:
        return {path[-1]: self._structure_of(path) for path in self._below(parent)}

    def _structure_of(self, path: _Keys) -> object:
        node = self._nodes[path]
        match _one_kind(node.kinds):
            case "object":
                return self._structure(path) or "JSON"
            case "list":
                return [_SQL_TYPES.get(_one_kind(node.elements), "JSON")]
            case kind:
                return _SQL_TYPES[kind]


def _objects(texts: pl.Series, kinds: pl.Series) -> pl.Series:
    """Return the texts that are objects; null in place of the others."""
    return texts.to_frame("j").select(pl.when(kinds == "OBJECT").then("j")).to_series()


def _strictly(texts: pl.Series, kinds: pl.Series) -> pl.Series:
    """Take away the kind of what DuckDB takes for JSON and the standard does not.

    That is NaN, Infinity, and a comma before an end. They are looked for outside of the quoted texts, and only where
    the whole text has something like them.
    """
    rows = texts.str.contains(_LOOSE).arg_true()
    outside = texts.gather(rows).str.replace_all(_QUOTED, "0")
    return kinds.scatter(rows.filter(outside.str.contains(_LOOSE)), None)


def _one_kind(kinds: set[str]) -> str:
    """Return the kind that holds all values: a number where some are whole, a text where they are of several kinds."""
    match sorted(kinds):
        case []:
            return "list"
        case [kind]:
            return kind
        case ["integer", "number"]:
            return "number"
        case _:
            return "text"


def _is_mixed(kinds: set[str]) -> bool:
    return len(kinds) > 1 and _one_kind(kinds) == "text"


def _splits(path: str) -> Iterator[_Keys]:
    """Yield every way to read a dotted path as keys, since a key can have dots itself."""
    parts = path.split(".")
    if len(parts) > _MOST_SPLITS:
        yield tuple(parts)
        return
    for number in range(len(parts)):
        for cuts in combinations(range(1, len(parts)), number):
            bounds = (0, *cuts, len(parts))
            yield tuple(".".join(parts[low:high]) for low, high in pairwise(bounds))


def _prefixes(keys: _Keys) -> Iterator[_Keys]:
    return (keys[:length] for length in range(1, len(keys) + 1))


def _pointer(path: _Keys) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
