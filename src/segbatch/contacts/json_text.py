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
        self._connection.register(
            "batch", pa.table({"j": texts.to_arrow(), "row": pl.int_range(len(texts), eager=True)})
        )
        self._count_broken(texts)
        self._look_for_kinds()
        self._look_for_elements()
        if len(self._known) < _KEYS_SAMPLED:
            self._known |= {key for (key,) in self._rows_of(f"SELECT DISTINCT unnest(json_keys({_OBJECT})) FROM batch")}
        self._rows += len(texts)

    def _count_broken(self, texts: pl.Series) -> None:
        sql = f"SELECT count(*), min(row) FROM batch WHERE j IS NOT NULL AND ({_OBJECT}) IS NULL AND NOT ({_IS_NULL})"
        [(count, first)] = self._rows_of(sql)
        if count and not self.broken:
            self.first_broken = self._rows + first
            self.fault = fault_of(texts[first])
        self.broken += count

    def _look_for_kinds(self) -> None:
        pointers = ", ".join(_quoted(_pointer(path)) for path in self._nodes)
        for (kinds,) in (
            self._rows_of(f"SELECT DISTINCT json_type({_OBJECT}, [{pointers}]) FROM batch") if pointers else ()
        ):
            for node, kind in zip(self._nodes.values(), kinds or (), strict=False):
                if kind in _KINDS:
                    node.kinds.add(_KINDS[kind])

    def _look_for_elements(self) -> None:
        for path, node in self._nodes.items():
            if "list" in node.kinds:
                value = f"json_extract({_OBJECT}, {_quoted(_pointer(path))})"
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
        self._connection.register("batch", pa.table({"j": texts.to_arrow()}))
        structure = self._structure(()) or "JSON"
        value = f"json_transform({_OBJECT}, {_quoted(json.dumps(structure))})"
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


# DuckDB takes NaN, Infinity and a comma before an end for JSON, which they are not: they are looked for outside of
# the quoted texts.
_OUTSIDE = r"""regexp_replace(j, '"(\\.|[^"\\])*"', '0', 'g')"""
_VALID = f"(json_valid(j) AND NOT regexp_matches({_OUTSIDE}, '(?i)nan|inf|,\\s*[}}\\]]'))"
_OBJECT = f"CASE WHEN {_VALID} AND json_type(CASE WHEN {_VALID} THEN j END) = 'OBJECT' THEN j END"
_IS_NULL = f"{_VALID} AND json_type(CASE WHEN {_VALID} THEN j END) = 'NULL'"


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
