"""Resolution of a rule's field to the expression that reads it, and to its type."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from segbatch.snapshot.fields.alternatives import merge, merged_type
from segbatch.snapshot.fields.children import column
from segbatch.snapshot.fields.keys import CUSTOM_FIELDS, Columns, UnknownColumnError, find_column, heads
from segbatch.snapshot.fields.paths import Way, ways_of
from segbatch.snapshot.fields.types import (
    Kind,
    OpaqueType,
    children_of,
    element_type,
    in_words,
    is_map_of_keys,
    kind_of,
    pair_of,
    value_type,
)
from segbatch.snapshot.source_words import OF_CONTACTS, SourceWords
from segbatch.text import clipped, did_you_mean, some_of

_FORMS = "paths can lead into a struct, JSON texts, or a map with text keys; export it as one of these"


@dataclass(frozen=True, slots=True)
class Derived:
    """A field whose values are in the data of columns: in JSON texts, in maps, or in several places.

    Attributes:
        dtype: The type of the values.
        column: The top-level column.
        ways: The ways to read the field that find a value for some contact, each with its type. The first way counts.
        warning: The reason why the field is missing for every contact, or how its values may differ from expectations.
        is_mixed: Whether the field is read as text because its values are of several kinds.
        kinds: The kinds of the values, or of the elements if the values are lists, sorted by name.
    """

    dtype: pl.DataType
    column: str
    ways: Sequence[tuple[Way, pl.DataType]]
    warning: str | None = None
    is_mixed: bool = False
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadingCounts:
    """Numbers of contacts by whether a field can be read as another type.

    Attributes:
        present: The contacts that have a value.
        readable: Those whose value can be read.
        days: Those whose value is a text with a date without a time.
    """

    present: int
    readable: int
    days: int

    def plus(self, other: "ReadingCounts") -> "ReadingCounts":
        """Return the counts of these contacts and of others."""
        return ReadingCounts(self.present + other.present, self.readable + other.readable, self.days + other.days)


class FieldColumns(Columns):
    """The columns of a snapshot, and the fields that were looked up in their data.

    Attributes:
        derived: The fields in the data by name.
        readings: The counts of fields that rules read as another type, by field and type; empty if not counted.
    """

    def __init__(
        self,
        columns: Mapping[str, pl.DataType],
        alias: str | None = None,
        derived: Mapping[str, Derived] | None = None,
        words: SourceWords = OF_CONTACTS,
    ) -> None:
        super().__init__(columns, alias)
        self.derived: Mapping[str, Derived] = derived or {}
        self.words = words
        self.readings: Mapping[tuple[str, str], ReadingCounts] = {}

    def with_readings(self, readings: Mapping[tuple[str, str], ReadingCounts]) -> "FieldColumns":
        """Return the columns with counts of fields that rules read as another type."""
        columns = FieldColumns(self, self.alias, self.derived, self.words)
        columns.readings = readings
        return columns


@dataclass(frozen=True, slots=True)
class Field:
    """A field of contacts, found in a snapshot's schema.

    Attributes:
        expr: The expression that reads the field. It is null if the field is missing or NaN.
        dtype: The type of the expression.
        kind: The kind of the type in rules.
        column: The top-level column that contains the field.
        leaf: The path to read: the dotted path in the file, including the column, or the name of a derived field.
        warning: The reason why the field is missing for every contact, or another warning about its values.
        ways: The ways to read the field, for callers that do not use the expression.
        is_mixed: Whether the field is read as text because its values are of several kinds.
        kinds: The kinds of the values, if they are known only from the data.
    """

    expr: pl.Expr
    dtype: pl.DataType
    kind: Kind
    column: str
    leaf: str
    warning: str | None = None
    ways: Sequence[tuple[Way, pl.DataType]] = ()
    is_mixed: bool = False
    kinds: tuple[str, ...] = ()

    def with_expr(self, expr: pl.Expr, dtype: pl.DataType | None = None) -> "Field":
        """Return the same field with another expression."""
        return replace(self, expr=expr, dtype=dtype or self.dtype)

    def read_as(self, expr: pl.Expr, dtype: pl.DataType, kind: Kind) -> "Field":
        """Return the same field with an expression that reads its values as another type."""
        return replace(self, expr=expr, dtype=dtype, kind=kind)


def resolve(name: str, schema: Mapping[str, pl.DataType]) -> Field:
    """Find a field in a schema.

    A column whose whole name is the field takes precedence over a path. Otherwise, the longest leading part that is a
    column is used, and the rest is a path into it. In a path, a key with dots takes precedence over several keys,
    contact by contact.

    Args:
        name: The field as a rule names it, such as `custom_fields.plan`.

    Returns:
        The field. If a key does not exist, the field has the kind `NOTHING` and a warning.

    Raises:
        UnknownColumnError: The snapshot has no such column, or the rest of the path can only be resolved with the data
            of a snapshot.
    """
    derived = schema.derived.get(name) if isinstance(schema, FieldColumns) else None
    if derived is not None:
        return _of_derived(name, derived, words_of(schema))
    found = find_column(name, schema)
    if found is None:
        raise UnknownColumnError(no_column(name, schema))
    head, path = found
    ways = ways_of(head, schema[head], path)
    opaque = next((way for way in ways if not way.is_static), None)
    if opaque is not None:
        raise UnknownColumnError(_needs_data(opaque.leaf, schema[head], opaque))
    if not ways:
        return _missing_field(name, head, missing_key_warning(head, schema[head], str(path), words_of(schema)))
    field = _of_ways(name, head, ways)
    if field.kind is Kind.NOTHING:
        return _missing_field(name, head, _only_nulls(name, words_of(schema)))
    return field


def _of_derived(name: str, found: Derived, words: SourceWords) -> Field:
    kind = kind_of(found.dtype)
    if kind is Kind.NOTHING:
        return _missing_field(name, found.column, found.warning or _only_nulls(name, words))
    expr, dtype = column(name), found.dtype
    return Field(expr, dtype, kind, found.column, name, found.warning, found.ways, found.is_mixed, found.kinds)


def _only_nulls(name: str, words: SourceWords) -> str:
    return f"'{clipped(name)}' contains only nulls in {_this(words)}"


def _this(words: SourceWords) -> str:
    return "this snapshot" if words == OF_CONTACTS else words.owner


def _of_ways(name: str, head: str, ways: Sequence[Way]) -> Field:
    """Return a field that is read through structs. If it has several places, the first one with a value counts."""
    typed = tuple((way, way.dtype) for way in ways if kind_of(way.dtype) is not Kind.NOTHING)
    if not typed:
        return _missing_field(name, head, "")
    if len(typed) == 1:
        [(way, dtype)] = typed
        return Field(readable(way.expr, dtype)[0], dtype, kind_of(dtype), head, way.leaf, None, typed)
    parts = [readable(way.expr, dtype) for way, dtype in typed]
    dtype, is_mixed = merged_type([dtype for _, dtype in parts])
    return Field(merge(parts, dtype), dtype, kind_of(dtype), head, ways[0].leaf, None, typed, is_mixed)


def element_of(field: Field) -> Field:
    """Return the elements of a list as a field to read inside `list.eval`."""
    dtype = element_type(field.dtype)
    return replace(field, expr=readable(pl.element(), dtype)[0], dtype=dtype, kind=kind_of(dtype))


def _missing_field(name: str, head: str, warning: str) -> Field:
    return Field(pl.lit(None).alias(name), pl.Null(), Kind.NOTHING, head, head, warning)


def _needs_data(leaf: str, dtype: pl.DataType, way: Way) -> str:
    what = {"json": "is text", "map": "is a map", "pairs": "is a list of keys and values"}
    into = next(step.into for step in way.steps if step.into != "struct")
    reason = "and paths into it need a snapshot; make it a struct"
    return f"'{clipped(leaf)}' {what.get(into, in_words(dtype))}, {reason}"


def words_of(schema: Mapping[str, object]) -> SourceWords:
    """Return the words for the owner of columns in messages."""
    return schema.words if isinstance(schema, Columns) else OF_CONTACTS


def no_column(name: str, schema: Mapping[str, object]) -> str:
    """Return the message about a field whose column does not exist, with similar columns."""
    head = name.split(".", 1)[0]
    near = did_you_mean(name, schema) or did_you_mean(head, schema)
    return f"{words_of(schema).owner} has no column '{clipped(head)}'" + (near or f"; it has {some_of(schema)}")


def missing_key_warning(head: str, dtype: pl.DataType, path: str, words: SourceWords, keys: Iterable[str] = ()) -> str:
    """Return the reason why a path into a column finds nothing.

    Args:
        words: The words for the owner of the column.
        keys: Keys that were found in the column's data.

    Raises:
        UnknownColumnError: The path leads into values that cannot be read.
    """
    leaf, rest, inner = _follow_path(head, dtype, path, keys := set(keys))
    missing = f"so it is missing for every {words.row}"
    key, _, beyond = rest.partition(".")
    if key in keys and not isinstance(inner, pl.Struct):
        return f"'{clipped(leaf)}' has '{clipped(key)}', but no {words.row} has '{clipped(beyond)}' in it, {missing}"
    if isinstance(inner, OpaqueType):
        raise UnknownColumnError(f"no path leads into '{clipped(leaf)}' ({inner.reason})")
    if isinstance(inner, pl.Struct):
        keys = {field.name for field in inner.fields}
    shown = clipped(key)
    if isinstance(inner, pl.Struct) or kind_of(inner) is Kind.TEXT or is_map_of_keys(inner) or pair_of(inner):
        found = f"has no '{shown}' in {_this(words)}, {missing}"
    elif leaf == CUSTOM_FIELDS or kind_of(inner) is Kind.OTHER:
        found = f"is {in_words(inner)}, and so '{shown}' in it is missing for every {words.row}; {_FORMS}"
    elif kind_of(inner) is Kind.LIST:
        found = f"is {in_words(inner)}, and no path leads into a list, {missing}"
    else:
        found = f"is {in_words(inner)} and has no '{shown}' in it, {missing}"
    return f"'{clipped(leaf)}' {found}{did_you_mean(key, keys)}"


def no_object_warning(leaf: str, path: str, words: SourceWords) -> str:
    """Return a warning that a path leads into texts without any JSON object."""
    key = clipped(path.split(".", 1)[0])
    missing = f"so it is missing for every {words.row}"
    return f"'{clipped(leaf)}' is text, and none of its texts is a JSON object with '{key}' in it, {missing}"


def _follow_path(leaf: str, dtype: pl.DataType, path: str, keys: Iterable[str] = ()) -> tuple[str, str, pl.DataType]:
    """Follow a path through structs and the keys of a map as far as possible, the longest keys first."""
    children = children_of(dtype)
    if is_map_of_keys(dtype):
        children = dict.fromkeys(keys, value_type(dtype))
    for key, rest in heads(path):
        if key in children and rest is not None:
            return _follow_path(f"{leaf}.{key}", children[key], rest)
    return leaf, path, dtype


def readable(expr: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.DataType]:
    """Normalize the types of a kind: text to String, times to UTC, NaN to null, lists to any length."""
    match dtype:
        case pl.Categorical() | pl.Enum():
            return expr.cast(pl.String), pl.String()
        case pl.Datetime(time_zone=None):
            utc = pl.Datetime(dtype.time_unit, "UTC")
            return expr.to_physical().cast(utc), utc  # `replace_time_zone` crashes for years beyond 262,000
        case pl.Datetime():
            return expr.dt.convert_time_zone("UTC"), pl.Datetime(dtype.time_unit, "UTC")
        case pl.Array():
            return expr.arr.to_list(), pl.List(dtype.inner)
        case _:
            return (expr.fill_nan(None) if dtype.is_float() else expr), dtype
