"""JSON texts in DuckDB's SQL, and values of several places as one type."""

from collections.abc import Iterable, Sequence

import polars as pl
from sqlglot import exp

from segbatch.snapshot.fields.json_text import pointer_of
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, element_type, kind_of
from segbatch.sql.dialects import Refused, text

_QUOTED_TEXT = r'"(\\.|[^"\\])*"'
_NOT_JSON = r"(?i)nan|inf|,\s*[}\]]"
"""NaN, Infinity and a trailing comma, which DuckDB accepts as JSON; searched for outside of the quoted texts."""

_JSON_LISTS: dict[Kind, str] = {Kind.BOOLEAN: "BOOLEAN", Kind.NUMBER: "DECIMAL(38, 0)"}


def read_json(texts: exp.Expr, splits: Sequence[tuple[str, ...]], dtype: pl.DataType) -> exp.Expr:
    """Read a path into JSON texts as a type.

    Args:
        texts: The SQL of the texts.
        splits: The possible splits of the path into keys; the first that finds a value is used.
        dtype: The type of the values.
    """
    outside = _call("REGEXP_REPLACE", texts, text(_QUOTED_TEXT), text("0"), text("g"))
    is_json = exp.not_(_call("REGEXP_MATCHES", outside, text(_NOT_JSON)))
    parsed: exp.Expr = exp.TryCast(this=exp.Case().when(is_json, texts.copy()), to=exp.DataType.build("JSON"))
    is_object = exp.EQ(this=_call("JSON_TYPE", parsed), expression=text("OBJECT"))
    is_whole = splits == ((),)
    if (is_whole and kind_of(dtype) is Kind.STRUCT) or any(key.isdecimal() for split in splits for key in split):
        parsed = exp.Case(ifs=[exp.If(this=is_object, true=parsed)])
    if is_whole and kind_of(dtype) is Kind.STRUCT:
        return parsed
    pointers = [text(pointer_of(keys)) for keys in splits]
    found = _first(_call("JSON_EXTRACT_STRING", parsed, pointer) for pointer in pointers)
    match kind_of(dtype):
        case Kind.LIST:
            present = [
                exp.Nullif(this=_call("JSON_TYPE", parsed, pointer), expression=text("NULL")) for pointer in pointers
            ]
            return _list(found, _first(present), element_type(dtype))
        case Kind.BOOLEAN:
            return exp.TryCast(this=found, to=exp.DataType.build("BOOLEAN"))
        case Kind.NUMBER if dtype != ANY_LENGTH:
            to = exp.DataType.Type.DOUBLE if dtype.is_float() else exp.DataType.Type.INT128
            return exp.TryCast(this=found, to=exp.DataType.build(to))
        case _:
            return found


def _list(found: exp.Expr, kind: exp.Expr, inner: pl.DataType) -> exp.Expr:
    """Read a list; a scalar becomes a list of one element."""
    elements = _call("JSON_EXTRACT_STRING", found, text("$[*]"))
    is_list = exp.EQ(this=kind, expression=text("ARRAY"))
    there = _is_there(found)
    read = exp.Case(
        ifs=[exp.If(this=is_list, true=elements), exp.If(this=there, true=exp.Array(expressions=[found.copy()]))]
    )
    if inner == ANY_LENGTH or kind_of(inner) not in _JSON_LISTS:
        return read
    to = "DOUBLE" if inner.is_float() else _JSON_LISTS[kind_of(inner)]
    return exp.TryCast(this=read, to=exp.DataType.build(f"{to}[]", dialect="duckdb"))


def merged(sql: exp.Expr, dtype: pl.DataType, to: pl.DataType) -> exp.Expr:
    """Cast a value of one of several places to their common type.

    Raises:
        Refused: SQL converts the value to another text.
    """
    is_list = kind_of(dtype) is Kind.LIST
    if dtype == to or (kind_of(dtype), kind_of(to)) == (Kind.DATETIME, Kind.DATETIME):
        return sql
    if isinstance(to, pl.List) and not is_list:
        one = exp.Array(expressions=[merged(sql, dtype, element_type(to))])
        return exp.Case(ifs=[exp.If(this=_is_there(sql), true=one)])
    written = _type_in_sql(dtype, to)
    if written is None or is_list:
        raise Refused("values of several kinds at one path may be written differently in SQL")
    return exp.cast(sql, exp.DataType.build(written, dialect="duckdb"))


def _type_in_sql(dtype: pl.DataType, to: pl.DataType) -> str | None:
    """Return the type for the cast; None if SQL converts the values differently."""
    is_whole = dtype.is_integer() or (isinstance(dtype, pl.Decimal) and not dtype.scale)
    if is_whole and to == pl.Decimal(38, 0):
        return "DECIMAL(38, 0)"
    if dtype.is_float() and to == pl.Float64:
        return "DOUBLE"
    if to == ANY_LENGTH:
        return "TEXT" if is_whole or isinstance(dtype, pl.Float64) else None
    is_same = is_whole or kind_of(dtype) in {Kind.TEXT, Kind.UUID, Kind.BOOLEAN}
    return "TEXT" if isinstance(to, pl.String) and is_same else None


def _is_there(sql: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=sql.copy(), expression=exp.Null()))


def _first(values: Iterable[exp.Expr]) -> exp.Expr:
    first, *others = values
    return exp.Coalesce(this=first, expressions=others) if others else first


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])
