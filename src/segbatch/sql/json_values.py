"""Values in JSON, and values of several places as one type.

In DuckDB they are read from texts. Postgres has custom fields as one `jsonb` and Snowflake as one VARIANT or OBJECT,
which are called documents here.
"""

import json
from collections.abc import Iterable, Sequence

import polars as pl
from sqlglot import exp

from segbatch.snapshot.fields.json_text import pointer_of
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, element_type, kind_of
from segbatch.sql.dialects import Refused, call, key_text, text
from segbatch.sql.names import DialectName

DOCUMENTS: frozenset[DialectName] = frozenset(["postgres", "snowflake"])
"""The dialects that read a struct, JSON texts and a map all as a document."""

_QUOTED_TEXT = r'"(\\.|[^"\\])*"'
_NOT_JSON = r"(?i)nan|inf|,\s*[}\]]"
"""NaN, Infinity and a trailing comma, which DuckDB accepts as JSON; searched for outside of the quoted texts."""

_JSON_LISTS: dict[Kind, str] = {Kind.BOOLEAN: "BOOLEAN", Kind.NUMBER: "DECIMAL(38, 0)"}


def read_json(texts: exp.Expr, splits: Sequence[tuple[str, ...]], dtype: pl.DataType) -> exp.Expr:
    """Read a path into JSON texts as a type.

    Args:
        splits: The possible splits of the path into keys; the first that finds a value is used.
    """
    outside = call("REGEXP_REPLACE", texts, text(_QUOTED_TEXT), text("0"), text("g"))
    is_json = exp.not_(call("REGEXP_MATCHES", outside, text(_NOT_JSON)))
    parsed: exp.Expr = exp.TryCast(this=exp.Case().when(is_json, texts.copy()), to=exp.DataType.build("JSON"))
    is_object = exp.EQ(this=call("JSON_TYPE", parsed), expression=text("OBJECT"))
    is_whole = splits == ((),)
    if (is_whole and kind_of(dtype) is Kind.STRUCT) or any(key.isdecimal() for split in splits for key in split):
        parsed = exp.Case(ifs=[exp.If(this=is_object, true=parsed)])
    if is_whole and kind_of(dtype) is Kind.STRUCT:
        return parsed
    pointers = [text(pointer_of(keys)) for keys in splits]
    found = _first(call("JSON_EXTRACT_STRING", parsed, pointer) for pointer in pointers)
    match kind_of(dtype):
        case Kind.LIST:
            present = [
                exp.Nullif(this=call("JSON_TYPE", parsed, pointer), expression=text("NULL")) for pointer in pointers
            ]
            return _list_in_text(found, _first(present), element_type(dtype))
        case Kind.BOOLEAN:
            return exp.TryCast(this=found, to=exp.DataType.build("BOOLEAN"))
        case Kind.NUMBER if dtype != ANY_LENGTH:
            to = exp.DataType.Type.DOUBLE if dtype.is_float() else exp.DataType.Type.INT128
            return exp.TryCast(this=found, to=exp.DataType.build(to))
        case _:
            return found


def whole_document(column: exp.Expr, dialect: DialectName) -> exp.Expr:
    """Read a document; null if it is not an object, for example JSON's own null."""
    if dialect == "postgres":
        kind = exp.Anonymous(this="JSONB_TYPEOF", expressions=[column.copy()])
        return exp.Case().when(exp.EQ(this=kind, expression=text("object")), column.copy())
    return exp.Anonymous(this="AS_OBJECT", expressions=[column.copy()])


def in_document(column: exp.Expr, keys: Sequence[str], dtype: pl.DataType, dialect: DialectName) -> exp.Expr:
    """Read a path into a document as a type; null if it is missing.

    Raises:
        Refused: The type has no reliable representation in a document.
    """
    if kind_of(dtype) is Kind.LIST:
        return _list_in_document(column, keys, dtype, dialect)
    to = _type_in_document(dtype, dialect)
    found = _text_in_document(column, keys) if dialect == "postgres" else exp.cast(_step_into(column, keys), "text")
    if to is None:
        return found
    return exp.cast(found if dialect == "postgres" else found.this, to)


def has_element(found: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Test whether a list in a `jsonb` has an element that equals a value.

    Raises:
        Refused: The value is neither a text nor a boolean.
    """
    match value:
        case exp.Literal(is_string=True):
            written = json.dumps([value.this], ensure_ascii=False)
        case exp.Boolean():
            written = json.dumps([bool(value.this)])
        case _:
            raise Refused("this test of a list in a JSON document is not supported for postgres")
    return exp.ArrayContainsAll(this=exp.Paren(this=found.copy()), expression=text(written))


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
    written = _common_type(dtype, to)
    if written is None or is_list:
        raise Refused("values of several kinds at one path may be written differently in SQL")
    return exp.cast(sql, exp.DataType.build(written, dialect="duckdb"))


def _list_in_text(found: exp.Expr, kind: exp.Expr, inner: pl.DataType) -> exp.Expr:
    """Read a list; a scalar becomes a list of one element."""
    elements = call("JSON_EXTRACT_STRING", found, text("$[*]"))
    is_list = exp.EQ(this=kind, expression=text("ARRAY"))
    there = _is_there(found)
    read = exp.Case(
        ifs=[exp.If(this=is_list, true=elements), exp.If(this=there, true=exp.Array(expressions=[found.copy()]))]
    )
    if inner == ANY_LENGTH or kind_of(inner) not in _JSON_LISTS:
        return read
    to = "DOUBLE" if inner.is_float() else _JSON_LISTS[kind_of(inner)]
    return exp.TryCast(this=read, to=exp.DataType.build(f"{to}[]", dialect="duckdb"))


def _common_type(dtype: pl.DataType, to: pl.DataType) -> str | None:
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


def _text_in_document(column: exp.Expr, keys: Sequence[str]) -> exp.Expr:
    above = _extracted(column, keys[:-1])
    return exp.JSONExtractScalar(this=above, expression=text(keys[-1]), only_json_types=True)


def _extracted(column: exp.Expr, keys: Sequence[str]) -> exp.Expr:
    for key in keys:
        column = exp.JSONExtract(this=column, expression=text(key), only_json_types=True)
    return column


def _step_into(column: exp.Expr, keys: Sequence[str]) -> exp.Expr:
    for key in keys:
        column = exp.Bracket(this=column, expressions=[key_text(key, "snowflake")])
    return column


def _list_in_document(column: exp.Expr, keys: Sequence[str], dtype: pl.DataType, dialect: DialectName) -> exp.Expr:
    """Read a list; null if the value is not a list."""
    if kind_of(element_type(dtype)) not in {Kind.TEXT, Kind.UUID, Kind.BOOLEAN, Kind.NOTHING}:
        raise Refused(f"a list in a JSON document, other than of texts, is not supported for {dialect}")
    if dialect == "snowflake":
        return exp.Anonymous(this="AS_ARRAY", expressions=[_step_into(column, keys)])
    found = _extracted(column, keys)
    kind = exp.Anonymous(this="JSONB_TYPEOF", expressions=[found.copy()])
    return exp.Case().when(exp.EQ(this=kind, expression=text("array")), found)


def _type_in_document(dtype: pl.DataType, dialect: DialectName) -> str | None:
    """Return the type for the cast of a document's value; None if its text is used."""
    match kind_of(dtype):
        case Kind.NUMBER if dtype.is_float():
            return "double" if isinstance(dtype, pl.Float64) else "float"
        case Kind.NUMBER if dialect == "postgres":
            return "decimal"
        case Kind.NUMBER:
            return f"decimal(38, {dtype.scale if isinstance(dtype, pl.Decimal) else 0})"
        case Kind.BOOLEAN:
            return "boolean"
        case Kind.DATE if dialect == "postgres":
            return "date"
        case Kind.DATE | Kind.DATETIME:
            reason = f"a time in a JSON document, which has none, may be read differently by {dialect}"
            raise Refused(reason, "use --dialect duckdb, or keep it in a column of its own")
        case _:
            return None
