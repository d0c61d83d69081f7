"""From the field of a rule to the expression that reads it, and to its type."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl
from polars.datatypes import DataTypeClass

from segbatch.contacts.kinds import Kind, element_type, kind_of
from segbatch.errors import clipped, did_you_mean, some_of

__all__ = ["Field", "UnknownColumnError", "element_of", "resolve"]


class UnknownColumnError(Exception):
    """A field whose column the snapshot does not have; its text is the message to show."""


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
        UnknownColumnError: The snapshot has no such column.
    """
    column, rest = _longest_key(name, schema)
    if column is None:
        raise UnknownColumnError(_no_column(name, schema))
    expr, dtype, path = pl.col(column), schema[column], column
    while rest:
        keys = {field.name: field.dtype for field in dtype.fields} if isinstance(dtype, pl.Struct) else {}
        key, beyond = _longest_key(rest, keys)
        if key is None:
            return _nowhere(name, column, path, _no_key(path, rest, dtype, list(keys)))
        expr, dtype, path, rest = expr.struct.field(key), _instance(keys[key]), f"{path}.{key}", beyond
    if kind_of(dtype) is Kind.NOTHING:
        return _nowhere(name, column, path, f"'{clipped(name)}' holds nothing but nulls in this snapshot")
    return Field(_readable(expr, dtype), dtype, kind_of(dtype), column, path)


def element_of(field: Field) -> Field:
    """Return the elements of a list as a field of their own, to be read inside `list.eval`."""
    dtype = element_type(field.dtype)
    return replace(field, expr=_readable(pl.element(), dtype), dtype=dtype, kind=kind_of(dtype))


def _longest_key(name: str, keys: Mapping[str, object]) -> tuple[str | None, str]:
    """Split a dotted name into the longest leading part that is a key, and what follows it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        head = ".".join(parts[:length])
        if head in keys:
            return head, ".".join(parts[length:])
    return None, name


def _nowhere(name: str, column: str, leaf: str, warning: str) -> Field:
    return Field(pl.lit(None).alias(name), pl.Null(), Kind.NOTHING, column, leaf, warning)


def _no_column(name: str, schema: Mapping[str, object]) -> str:
    head = name.split(".", 1)[0]
    near = did_you_mean(name, schema) or did_you_mean(head, schema)
    return f"the snapshot has no column '{clipped(head)}'" + (near or f"; it has {some_of(schema)}")


def _no_key(path: str, rest: str, dtype: pl.DataType, keys: list[str]) -> str:
    head = rest.split(".", 1)[0]
    if not isinstance(dtype, pl.Struct):
        found = f"is {kind_of(dtype)} and has no '{clipped(head)}' in it"
    else:
        found = f"has no '{clipped(head)}' in this snapshot"
    return f"'{clipped(path)}' {found}, so it is missing for every contact{did_you_mean(head, keys)}"


def _instance(dtype: DataTypeClass | pl.DataType) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()


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
