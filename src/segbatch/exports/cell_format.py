"""How values are written as text: times as ISO 8601, bytes in hexadecimal, lists and objects as JSON.

And how a spreadsheet is kept from running what a contact typed: a text that it would take for a formula gets a `'`
before it, as OWASP advises, and so does one that another separator of cells would make of a text.
"""

import json
from uuid import UUID

import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.children import child
from segbatch.snapshot.fields.children import column as named
from segbatch.snapshot.fields.types import element_type, instance, is_map_of_keys, value_type
from segbatch.snapshot.id_format import is_uuid

__all__ = ["formula_like", "guarded", "readable_ids", "to_cell", "to_json"]

_SIGNS = r"[=+\-@＝＋－＠]"  # noqa: RUF001 - full-width forms count as well
_UNSEEN = r"\s\p{Z}\p{C}"
"""Blanks and what cannot be seen, which spreadsheets pass over."""

_FORMULA = rf"^(?:[\t\r\n]|[{_UNSEEN}]*{_SIGNS})"
_INNER_FORMULA = rf"([;\t\r\n][{_UNSEEN}\"]*)({_SIGNS})"
"""A program that separates cells by `;` or a tab takes what follows one for a cell, and our quotes for a part of it:
then a line break ends the row as well."""

_BEFORE, _BEHIND = '{"x":', "}"
"""What stands around a value in an object of it alone."""

_NO_BREAKS = str.maketrans("\r\n", "  ")
"""In JSON a line breaks only where a blank would do."""

_INSTANT = "%Y-%m-%dT%H:%M:%S%.fZ"
_MOST_DAYS = 95_000_000
"""Days before and after 1970 for which Polars has a calendar."""


def readable_ids(ids: pl.Series, kind: pa.DataType) -> pl.Series:
    """Write UUIDs in their own form and other bytes in hexadecimal; other ids are as they are."""
    if ids.dtype != pl.Binary:
        return ids
    if not is_uuid(kind):
        return ids.bin.encode("hex")
    return pl.Series(ids.name, [str(UUID(bytes=value)) for value in ids], pl.String)


def formula_like(texts: pl.Series) -> pl.Series:
    """Tell which texts a spreadsheet would take for a formula or find one in, or have another program do so."""
    return (texts.str.contains(_FORMULA) | texts.str.contains(_INNER_FORMULA)).fill_null(value=False)


def guarded(texts: pl.Series) -> pl.Series:
    """Put a `'` before the texts that are like a formula, and inside them wherever a cell that is one could begin."""
    column = named(texts.name)
    inside = column.str.replace_all(_INNER_FORMULA, "${1}'${2}")
    marked = pl.when(column.str.contains(_FORMULA)).then(pl.concat_str(pl.lit("'"), inside)).otherwise(inside)
    return texts.to_frame().select(marked.alias(texts.name)).to_series()


def to_cell(values: pl.Series) -> pl.Series:
    """Return values as a cell of CSV has them: numbers and booleans as such, all else as text."""
    if values.dtype.is_nested():
        return to_json(values, is_json=False)
    return _plain(values, keep_decimals=True)


def to_json(values: pl.Series, *, is_json: bool) -> pl.Series:
    """Return each value as JSON; null stays null.

    Args:
        values: The values.
        is_json: Whether texts are JSON already; those that are none become JSON texts.
    """
    if is_json:
        return pl.Series(values.name, [None if text is None else _one_line(text) for text in values], pl.String)
    if values.dtype.is_decimal():
        return values.cast(pl.String)
    value = pl.struct(_plain(values).alias("x")).struct.json_encode()
    text = pl.select(value.str.strip_prefix(_BEFORE).str.strip_suffix(_BEHIND).alias(values.name)).to_series()
    return text.to_frame().select(pl.when(values.is_not_null()).then(named(values.name))).to_series()


def _one_line(text: str) -> str:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text.translate(_NO_BREAKS)


def _refuse(name: str) -> None:
    raise ValueError(name)


def _plain(values: pl.Series, *, keep_decimals: bool = False) -> pl.Series:
    if keep_decimals and values.dtype.is_decimal():
        return values
    return values.to_frame().select(_expressed(named(values.name), values.dtype).alias(values.name)).to_series()


def _expressed(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a value as what JSON has: numbers, booleans, texts, and lists and structs of these."""
    match dtype:
        case pl.Datetime(time_unit="ns"):
            return value.to_physical().cast(pl.Datetime("ns", "UTC")).dt.strftime(_INSTANT)
        case pl.Datetime():
            a_day = 86_400_000 if dtype.time_unit == "ms" else 86_400_000_000
            return _or_infinity(value, pl.Datetime(dtype.time_unit, "UTC"), _MOST_DAYS * a_day, _INSTANT)
        case pl.Date():
            return _or_infinity(value, dtype, _MOST_DAYS, "%Y-%m-%d")
        case pl.Time() | pl.Duration():
            return value.dt.to_string("iso:strict")
        case pl.Binary():
            return value.bin.encode("hex")
        case pl.Categorical() | pl.Enum() | pl.Null():
            return value.cast(pl.String)
        case pl.Decimal():
            return value.cast(pl.Float64 if dtype.scale else pl.Int128)
        case _:
            return _expressed_parts(value, dtype) if dtype.is_nested() else value


def _or_infinity(value: pl.Expr, dtype: pl.DataType, most: int, form: str) -> pl.Expr:
    """Write a date or date-time; Polars ends the program for one that is as far away as infinity is stored."""
    units = value.to_physical()
    far = pl.when(units > most).then(pl.lit("infinity")).when(units < -most).then(pl.lit("-infinity"))
    return far.otherwise(units.clip(-most, most).cast(dtype).dt.strftime(form))


def _expressed_parts(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    match dtype:
        case pl.Array():
            return _expressed(value.arr.to_list(), pl.List(dtype.inner))
        case pl.List():
            return value.list.eval(_expressed(pl.element(), element_type(dtype)))
        case pl.Map() if not is_map_of_keys(dtype) or not _is_plain(value_type(dtype)):
            return _expressed(value.map.entries(), pl.List(pl.Struct({"key": dtype.key, "value": dtype.value})))
        case pl.Struct() if dtype.fields:
            parts = [
                _expressed(child(value, field.name, instance(field.dtype)), instance(field.dtype)).alias(field.name)
                for field in dtype.fields
            ]
            return pl.when(value.is_not_null()).then(pl.struct(parts))
        case _:
            return value


def _is_plain(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Boolean) or dtype.is_integer() or dtype.is_float()
