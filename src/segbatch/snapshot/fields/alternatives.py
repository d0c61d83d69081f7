"""Paths that match several places. The first place with a value counts, and all places are read as one type."""

from collections.abc import Sequence

import polars as pl

from segbatch.snapshot.fields.json_numbers import number_texts, of_any_length
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, element_type, kind_of

_UNITS = ("ns", "us", "ms")


def merged_type(dtypes: Sequence[pl.DataType]) -> tuple[pl.DataType, bool]:
    """Return the type that holds values of several types.

    Returns:
        The type, and whether it is text because no other type holds all values.
    """
    first, *others = dtypes
    if all(dtype == first for dtype in others):
        return first, False
    kinds = {kind_of(dtype) for dtype in dtypes}
    if kinds == {Kind.NUMBER}:
        return _number(dtypes), False
    if kinds <= {Kind.TEXT, Kind.UUID}:
        return pl.String(), False
    if kinds == {Kind.DATETIME}:
        units = [dtype.time_unit for dtype in dtypes if isinstance(dtype, pl.Datetime)]
        return pl.Datetime(next(unit for unit in _UNITS if unit in units), "UTC"), False
    if Kind.LIST in kinds and not kinds & {Kind.STRUCT, Kind.OTHER}:
        scalars = [element_type(dtype) if kind_of(dtype) is Kind.LIST else dtype for dtype in dtypes]
        inner, is_mixed = merged_type([dtype for dtype in scalars if not isinstance(dtype, pl.Null)] or scalars[:1])
        return pl.List(inner), is_mixed
    return pl.String(), True


def _number(dtypes: Sequence[pl.DataType]) -> pl.DataType:
    if all(dtype.is_float() for dtype in dtypes):
        return pl.Float64()
    if all(dtype.is_integer() or _is_whole(dtype) for dtype in dtypes):
        return pl.Decimal(38, 0)
    return ANY_LENGTH


def _is_whole(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Decimal) and dtype.scale == 0


def merge(parts: Sequence[tuple[pl.Expr, pl.DataType]], to: pl.DataType) -> pl.Expr:
    """Return an expression for each contact's first value that is not null, converted to one type."""
    return pl.coalesce(_as(expr, dtype, to) for expr, dtype in parts)


def _as(expr: pl.Expr, dtype: pl.DataType, to: pl.DataType) -> pl.Expr:
    """Convert a value to a type that also holds others."""
    if dtype == to:
        return expr
    if isinstance(to, pl.List):
        return _as_list(expr, dtype, to)
    if to == ANY_LENGTH:
        return of_any_length(expr.cast(pl.String))
    return _text(expr, dtype) if isinstance(to, pl.String) else expr.cast(to)


def _as_list(expr: pl.Expr, dtype: pl.DataType, to: pl.List) -> pl.Expr:
    inner = element_type(to)
    if kind_of(dtype) is Kind.LIST:
        return expr.list.eval(_as(pl.element(), element_type(dtype), inner))
    return pl.when(expr.is_not_null()).then(pl.concat_list(_as(expr, dtype, inner)))


def _text(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Convert a value to text. Objects and lists become JSON."""
    if dtype == ANY_LENGTH:
        return number_texts(expr)
    match kind_of(dtype):
        case Kind.STRUCT if not isinstance(dtype, pl.Struct) or dtype.fields:
            return pl.when(expr.is_not_null()).then(expr.struct.json_encode())
        case Kind.LIST:
            written = pl.struct(expr.alias("v")).struct.json_encode()
            return pl.when(expr.is_not_null()).then(written.str.strip_prefix('{"v":').str.strip_suffix("}"))
        case Kind.OTHER:
            return pl.when(expr.is_not_null()).then(pl.lit("?"))
        case _:
            return expr.cast(pl.String)
