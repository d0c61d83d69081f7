"""Custom fields as JSON documents: a `jsonb` in Postgres, a VARIANT or OBJECT in Snowflake."""

import json
from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from segbatch.snapshot.fields.types import Kind, element_type, kind_of
from segbatch.sql.dialects import Refused, key_text, text
from segbatch.sql.names import DialectName

DOCUMENTS: frozenset[DialectName] = frozenset(["postgres", "snowflake"])
"""The dialects that read a struct, JSON texts and a map all as a document."""


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
        return _list(column, keys, dtype, dialect)
    to = _type_in_sql(dtype, dialect)
    found = _as_text(column, keys) if dialect == "postgres" else exp.cast(_step_into(column, keys), "text")
    if to is None:
        return found
    return exp.cast(found if dialect == "postgres" else found.this, to)


def _as_text(column: exp.Expr, keys: Sequence[str]) -> exp.Expr:
    above = _parts(column, keys[:-1])
    return exp.JSONExtractScalar(this=above, expression=text(keys[-1]), only_json_types=True)


def _parts(column: exp.Expr, keys: Sequence[str]) -> exp.Expr:
    for key in keys:
        column = exp.JSONExtract(this=column, expression=text(key), only_json_types=True)
    return column


def _step_into(column: exp.Expr, keys: Sequence[str]) -> exp.Expr:
    for key in keys:
        column = exp.Bracket(this=column, expressions=[key_text(key, "snowflake")])
    return column


def _list(column: exp.Expr, keys: Sequence[str], dtype: pl.DataType, dialect: DialectName) -> exp.Expr:
    """Read a list; null if the value is not a list."""
    if kind_of(element_type(dtype)) not in {Kind.TEXT, Kind.UUID, Kind.BOOLEAN, Kind.NOTHING}:
        raise Refused(f"a list in a JSON document, other than of texts, is not supported for {dialect}")
    if dialect == "snowflake":
        return exp.Anonymous(this="AS_ARRAY", expressions=[_step_into(column, keys)])
    found = _parts(column, keys)
    kind = exp.Anonymous(this="JSONB_TYPEOF", expressions=[found.copy()])
    return exp.Case().when(exp.EQ(this=kind, expression=text("array")), found)


def _type_in_sql(dtype: pl.DataType, dialect: DialectName) -> str | None:
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
