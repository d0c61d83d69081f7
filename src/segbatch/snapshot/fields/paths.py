"""The ways to read a dotted path in a column: through structs, maps, key-value records, and JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from segbatch.snapshot.fields.children import child, column
from segbatch.snapshot.fields.keys import heads
from segbatch.snapshot.fields.types import Kind, children_of, is_map_of_keys, kind_of, pair_of, value_type

_TYPED, _TYPED_TEXT = "_value", "string_value"
"""The names of the children into which Google Analytics splits a value by type."""

_MOST_HEADS = 6
"""Maximum number of dots in a path whose keys in maps are tried in all ways. A path with more dots has a key at every
dot, or is one key."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step into a value.

    Attributes:
        into: The target: a child of a struct, a value of a map, a value of key-value records, or a path into a JSON
            text.
        key: The key; for a JSON text, the path.
        names: The names of key and value in the records.
        splits: For a path into a JSON text, the ways to split it into keys that find a value.
    """

    into: Literal["struct", "map", "pairs", "json"]
    key: str | None
    names: tuple[str, str] | None = None
    splits: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """One way to read a path.

    Attributes:
        expr: The expression that reads the stored columns; for a path into a JSON text, it reads the text.
        dtype: The type of the expression.
        leaf: The dotted path to read from the file.
        steps: The steps from the column on. A step into a JSON text is the last one.
    """

    expr: pl.Expr
    dtype: pl.DataType
    leaf: str
    steps: tuple[Step, ...] = ()

    @property
    def json(self) -> Step | None:
        """The step into a JSON text, or None."""
        return self.steps[-1] if self.steps and self.steps[-1].into == "json" else None

    @property
    def is_static(self) -> bool:
        """Whether the column's type alone determines where the way leads: all steps go through structs."""
        return all(step.into == "struct" for step in self.steps)

    def to(self, expr: pl.Expr, dtype: pl.DataType, leaf: str, step: Step) -> "Way":
        """Return the way with one more step."""
        return Way(expr, dtype, leaf, (*self.steps, step))


def ways_of(name: str, dtype: pl.DataType, path: str | None) -> list[Way]:
    """Return the ways to read a path in a column. For each contact, the first way that finds a value counts.

    Args:
        path: The rest of the path inside the column, or None.
    """
    return list(_ways(Way(column(name), dtype, name), path))


def whole_text(name: str, dtype: pl.DataType) -> Way:
    """Return the way to read a column of JSON texts as a whole."""
    return Way(column(name), dtype, name, (Step("json", None),))


def _ways(way: Way, path: str | None) -> Iterator[Way]:
    if path is None:
        yield from _ends(way)
    elif isinstance(way.dtype, pl.Struct):
        children = children_of(way.dtype)
        for key, rest in heads(path):
            if key in children:
                inner = child(way.expr, key, children[key])
                leaf = f"{way.leaf}.{key}" if way.is_static else way.leaf
                step = way.to(inner, children[key], leaf, Step("struct", key))
                yield from _ways(step, rest)
    elif kind_of(way.dtype) is Kind.TEXT:
        yield way.to(way.expr.cast(pl.String), pl.String(), way.leaf, Step("json", path))
    else:
        yield from _through_entries(way, path)


def _ends(way: Way) -> Iterator[Way]:
    """Yield the ways that end here: one per child if Google Analytics splits the value into children by type."""
    is_entry = bool(way.steps) and way.steps[-1].into == "pairs"
    children = children_of(way.dtype) if is_entry else {}
    typed = [name for name in children if name.endswith(_TYPED)] if _TYPED_TEXT in children else []
    for name in typed:
        inner = child(way.expr, name, children[name])
        yield way.to(inner, children[name], way.leaf, Step("struct", name))
    if not typed:
        yield way


def _through_entries(way: Way, path: str) -> Iterator[Way]:
    """Continue in a map, or in a list of records that reads like a map. Any key may be present."""
    pair = pair_of(way.dtype)
    if not is_map_of_keys(way.dtype) and pair is None:
        return
    for key, rest in _likely_splits(path):
        if pair is None:
            value, step = value_type(way.dtype), Step("map", key)
            inner = way.expr.map.get(key)
        else:
            key_name, value_name, value = pair
            step = Step("pairs", key, (key_name, value_name))
            inner = _value_of(way.expr, key_name, value_name, value, key)
        yield from _ways(way.to(inner, value, way.leaf, step), rest)


def _likely_splits(path: str) -> Iterator[tuple[str, str | None]]:
    """Yield splits of a path after a key. For a very long path, these are only the whole path and its first part."""
    found = list(heads(path))
    return iter(found if len(found) <= _MOST_HEADS + 1 else [found[0], found[-1]])


def _value_of(records: pl.Expr, key_name: str, value_name: str, value: pl.DataType, key: str) -> pl.Expr:
    """Return an expression for the value of the first record with a key."""
    element = pl.element()
    has_key = (child(element, key_name, pl.String()).cast(pl.String) == pl.lit(key)).fill_null(value=False)
    return records.list.eval(child(element, value_name, value).filter(has_key)).list.first()
