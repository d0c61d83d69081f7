"""From the field of a rule to the expression that reads it, and to its type."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from segbatch.contacts.custom_fields import CUSTOM_FIELDS
from segbatch.contacts.keys import longest_key
from segbatch.contacts.kinds import Kind, OpaqueType, element_type, in_words, instance, is_map_of_keys, kind_of
from segbatch.errors import clipped, did_you_mean, some_of

__all__ = ["Field", "UnknownColumnError", "element_of", "resolve"]

_FORMS = "a path leads into a struct, JSON texts, or a map with texts as keys, so export it as one of these"


class UnknownColumnError(Exception):
    """A field that cannot be found in the snapshot's columns; its text is the message to show."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of contacts, found in a snapshot's schema.

    Attributes:
        expr: The expression that reads it, null where it is missing; a NaN is made null.
        dtype: Its type.
        kind: What the type means to rules.
        column: The top-level column that it stands in.
        leaf: The dotted path to read from the file, the column included; no more of a struct is needed.
        warning: Why it is missing for every contact, where it is.
    """

    expr: pl.Expr
    dtype: pl.DataType
    kind: Kind
    column: str
    leaf: str
    warning: str | None = None

    def with_expr(self, expr: pl.Expr, dtype: pl.DataType | None = None) -> "Field":
        """Return the same field, read in another way."""
        return replace(self, expr=expr, dtype=dtype or self.dtype)


def resolve(name: str, schema: Mapping[str, pl.DataType]) -> Field:
    """Find a field in a schema.

    A column whose whole name is the field wins over a path; otherwise the longest leading part that is a column is
    one, and what follows is a path into it, where again the longest key that exists is taken first.

    Args:
        name: The field as a rule names it, such as `custom_fields.plan`.
        schema: The columns of the snapshot with their types.

    Returns:
        The field. A key that is nowhere gives a field of kind `NOTHING`, with a warning.

    Raises:
        UnknownColumnError: The snapshot has no such column, or the path goes on in a map where only its data could
            tell how.
    """
    column, rest = longest_key(name, schema)
    if column is None:
        raise UnknownColumnError(_no_column(name, schema))
    expr, dtype, path = pl.col(column), schema[column], column
    while rest:
        keys = {field.name: field.dtype for field in dtype.fields} if isinstance(dtype, pl.Struct) else {}
        key, beyond = longest_key(rest, keys)
        if is_map_of_keys(dtype):
            reason = "is a map, into which a path leads only where it is a column of a snapshot; make it a struct"
            raise UnknownColumnError(f"'{clipped(path)}' {reason}")
        if isinstance(dtype, OpaqueType):
            raise UnknownColumnError(f"no path leads into '{clipped(path)}' ({dtype.reason})")
        if key is None:
            return _nowhere(name, column, path, _no_key(path, rest, dtype, list(keys)))
        expr, dtype, path, rest = expr.struct.field(key), instance(keys[key]), f"{path}.{key}", beyond
    if kind_of(dtype) is Kind.NOTHING:
        return _nowhere(name, column, path, f"'{clipped(name)}' holds nothing but nulls in this snapshot")
    return Field(_readable(expr, dtype), dtype, kind_of(dtype), column, path)


def element_of(field: Field) -> Field:
    """Return the elements of a list as a field of their own, to be read inside `list.eval`."""
    dtype = element_type(field.dtype)
    return replace(field, expr=_readable(pl.element(), dtype), dtype=dtype, kind=kind_of(dtype))


def _nowhere(name: str, column: str, leaf: str, warning: str) -> Field:
    return Field(pl.lit(None).alias(name), pl.Null(), Kind.NOTHING, column, leaf, warning)


def _no_column(name: str, schema: Mapping[str, object]) -> str:
    head = name.split(".", 1)[0]
    near = did_you_mean(name, schema) or did_you_mean(head, schema)
    return f"the snapshot has no column '{clipped(head)}'" + (near or f"; it has {some_of(schema)}")


def _no_key(path: str, rest: str, dtype: pl.DataType, keys: list[str]) -> str:
    head = clipped(rest.split(".", 1)[0])
    missing = "so it is missing for every contact"
    if isinstance(dtype, pl.Struct):
        found = f"has no '{head}' in this snapshot, {missing}"
    elif path == CUSTOM_FIELDS or kind_of(dtype) is Kind.OTHER:
        found = f"is {in_words(dtype)}, and so '{head}' in it is missing for every contact; {_FORMS}"
    elif kind_of(dtype) is Kind.LIST:
        found = f"is {in_words(dtype)}, and no path leads into a list, {missing}"
    else:
        found = f"is {in_words(dtype)} and has no '{head}' in it, {missing}"
    return f"'{clipped(path)}' {found}{did_you_mean(rest.split('.', 1)[0], keys)}"


def _readable(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Bring the forms in which one kind comes to one: text as String, times in UTC, no NaN, lists of any length."""
    match dtype:
        case pl.Categorical() | pl.Enum():
            return expr.cast(pl.String)
        case pl.Datetime(time_zone=None):
            return expr.dt.replace_time_zone("UTC")
        case pl.Datetime():
            return expr.dt.convert_time_zone("UTC")
        case pl.Array():
            return expr.arr.to_list()
        case _:
            return expr.fill_nan(None) if dtype.is_float() else expr
