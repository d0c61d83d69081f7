"""Values as text: times as ISO 8601, bytes in hexadecimal, lists and objects as JSON.

The module also protects against CSV injection: spreadsheets would execute text from a contact that looks like a
formula. As OWASP advises, a `'` is put before such text, and before such a part of a text that another cell separator
would turn into a cell.
"""

import json
from uuid import UUID

import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.children import child
from segbatch.snapshot.fields.children import column as named
from segbatch.snapshot.fields.types import element_type, instance, is_map_of_keys, value_type
from segbatch.snapshot.id_format import is_uuid

_SIGNS = r"[=+\-@＝＋－＠]"  # noqa: RUF001 - full-width forms count as well
_UNSEEN = r"\s\p{Z}\p{C}"
"""White space and invisible characters, which spreadsheets skip."""

_FORMULA = rf"^(?:[\t\r\n]|[{_UNSEEN}]*{_SIGNS})"
_INNER_FORMULA = rf"([;\t\r\n][{_UNSEEN}\"]*)({_SIGNS})"
"""The start of a formula after a `;`, a tab or a line break inside a text.

Programs that separate cells by `;` or a tab start a new cell there. They read our quotes as a part of the cell, so a
line break ends the row as well.
"""

_BEFORE, _BEHIND = '{"x":', "}"
"""The JSON before and after a value in an object with that value only."""

_NO_BREAKS = str.maketrans("\r\n", "  ")
"""In JSON, line breaks are only valid where a blank is valid too."""

_INSTANT = "%Y-%m-%dT%H:%M:%S%.fZ"
_MOST_DAYS = 95_000_000
"""The number of days before and after 1970 that Polars' calendar covers."""


def format_ids(ids: pl.Series, arrow_type: pa.DataType) -> pl.Series:
    """Format UUIDs as UUIDs and other binary ids in hexadecimal. Other ids are returned unchanged."""
    if ids.dtype != pl.Binary:
        return ids
    if not is_uuid(arrow_type):
        return ids.bin.encode("hex")
    return pl.Series(ids.name, [str(UUID(bytes=value)) for value in ids], pl.String)


def find_formulas(texts: pl.Series) -> pl.Series:
    """Return which texts a spreadsheet or another program would read as a formula, or would find a formula in."""
    return (texts.str.contains(_FORMULA) | texts.str.contains(_INNER_FORMULA)).fill_null(value=False)


def escape_formulas(texts: pl.Series) -> pl.Series:
    """Put a `'` before texts that look like a formula, and inside texts before each formula that could start a cell."""
    column = named(texts.name)
    inside = column.str.replace_all(_INNER_FORMULA, "${1}'${2}")
    marked = pl.when(column.str.contains(_FORMULA)).then(pl.concat_str(pl.lit("'"), inside)).otherwise(inside)
    return texts.to_frame().select(marked.alias(texts.name)).to_series()


def format_cells(values: pl.Series) -> pl.Series:
    """Return values as CSV cells: numbers and booleans unchanged, all other types as text."""
    if values.dtype.is_nested():
        return format_json(values, is_json=False)
    return _plain(values, keep_decimals=True)


def format_json(values: pl.Series, *, is_json: bool) -> pl.Series:
    """Return each value as JSON. Null stays null.

    Args:
        values: The values to convert.
        is_json: Whether the texts are already JSON. Texts that are not valid JSON become JSON strings.
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
    """Convert a value to the types of JSON: numbers, booleans, texts, and lists and structs of these."""
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
    """Format a date or timestamp, with far values as `infinity`. Polars aborts the process on values that far away."""
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
