"""From a field, found in the snapshot's schema, to the SQL that reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl
from polars.datatypes import DataTypeClass
from sqlglot import exp

from segbatch.contacts.custom_fields import Form
from segbatch.contacts.fields import Field
from segbatch.contacts.kinds import Kind, element_type, kind_of
from segbatch.sql.dialects import Refused, identifier, is_null, key_text, text
from segbatch.sql.documents import DOCUMENTS, in_document, whole_document
from segbatch.sql.names import DialectName

__all__ = ["Column", "Table", "element_column"]

_NO_NULL_LISTS = {"bigquery", "clickhouse"}
_ONE_WIDTH_OF_FLOATS = {"snowflake", "bigquery"}
_QUOTED_TEXT = r'"(\\.|[^"\\])*"'
_NOT_JSON = r"(?i)nan|inf|,\s*[}\]]"
"""NaN, Infinity and a comma before an end, which DuckDB takes for JSON; looked for outside of the quoted texts."""

_JSON_LISTS: dict[Kind, str] = {Kind.TEXT: "VARCHAR", Kind.BOOLEAN: "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Column:
    """What a rule looks at.

    Attributes:
        sql: The SQL that reads it, null where it is missing.
        dtype: Its type.
        kind: What the type means to rules.
        dialect: In what it is written.
        is_document: Whether it stands in a JSON document.
    """

    sql: exp.Expr
    dtype: pl.DataType
    kind: Kind
    dialect: DialectName
    is_document: bool = False

    @property
    def missing(self) -> exp.Expr:
        """Ask whether it is missing.

        Raises:
            Refused: The dialect cannot tell.
        """
        if self.kind is Kind.LIST and self.dialect in _NO_NULL_LISTS:
            raise Refused(f"{self.dialect} has no missing lists, but empty ones in their place")
        if self.kind is Kind.STRUCT and self.dialect == "clickhouse":
            raise Refused(f"{self.dialect} has no missing structs, but empty ones in their place")
        return exp.Boolean(this=True) if self.kind is Kind.NOTHING else is_null(self.sql)

    def refuse_outside_duckdb(self, what: str) -> None:
        """Refuse what only DuckDB says with the right meaning.

        Raises:
            Refused: It is another dialect.
        """
        if self.dialect != "duckdb":
            raise Refused(f"{what} may mean something else in {self.dialect}")


@dataclass(frozen=True, slots=True)
class Table:
    """The contacts, as SQL sees them.

    Attributes:
        schema: The columns of the snapshot with their Polars types.
        forms: The columns that are read as structs and stored as something else.
        dialect: In what is written.
        mixed: The paths into JSON texts whose values are of several kinds.
        uuids: The paths to UUIDs and lists of UUIDs, which rules see as texts.
    """

    schema: Mapping[str, pl.DataType]
    forms: Mapping[str, Form]
    dialect: DialectName
    mixed: frozenset[str] = frozenset()
    uuids: frozenset[str] = frozenset()

    def column(self, field: Field) -> Column:
        """Return the SQL that reads a field.

        Raises:
            Refused: The dialect cannot read it, or may read it differently.
        """
        if field.kind is Kind.NOTHING:
            return Column(exp.Null(), field.dtype, field.kind, self.dialect)
        _ensure_one(field.column, self.schema, "column")
        keys = _keys(field.leaf.removeprefix(field.column).removeprefix("."), self.schema[field.column])
        whole: exp.Expr = exp.column(identifier(field.column))
        if self.dialect in DOCUMENTS and (keys or field.column in self.forms):
            return self._in_document(whole, keys, field)
        match self.forms.get(field.column):
            case "json":
                return self._readable(self._in_json(whole, keys, field), field)
            case "map" if keys:
                return self._readable(self._in_map(whole, keys, self.schema[field.column]), field)
            case _:
                return self._readable(self._in_struct(whole, keys, self.schema[field.column]), field)

    def _in_document(self, whole: exp.Expr, keys: list[str], field: Field) -> Column:
        if not keys:
            return Column(whole_document(whole, self.dialect), field.dtype, field.kind, self.dialect)
        if field.leaf in self.mixed:
            kinds = "values of several kinds, which are read as text"
            raise Refused(f"'{field.leaf}' has {kinds}: {self.dialect} may write them differently")
        sql = in_document(whole, keys, field.dtype, self.dialect)
        column = Column(sql, field.dtype, field.kind, self.dialect, is_document=True)
        return column if self.dialect == "postgres" else _guarded(column)  # a number of JSON is never NaN

    def _in_struct(self, sql: exp.Expr, keys: Iterable[str], dtype: pl.DataType) -> exp.Expr:
        for key in keys:
            if self.dialect == "bigquery" and set(key) & set(".\\"):
                raise Refused(f"{self.dialect} has no fields with a dot or a backslash in their name")
            inner = _fields(dtype)
            _ensure_one(key, inner, "key")
            sql, dtype = self._field(sql, key), inner[key]
        return sql

    def _field(self, sql: exp.Expr, key: str) -> exp.Expr:
        match self.dialect:
            case "duckdb":
                return exp.Bracket(this=sql, expressions=[text(key)])
            case "clickhouse":
                return _call("tupleElement", sql, key_text(key, self.dialect))
            case _:
                return exp.Dot(this=sql, expression=identifier(key))

    def _in_map(self, sql: exp.Expr, keys: list[str], dtype: pl.DataType) -> exp.Expr:
        """Read a value of a map, and what is in it where that is a struct."""
        key = key_text(keys[0], self.dialect)
        match self.dialect:
            case "duckdb":
                value: exp.Expr = exp.Bracket(this=sql, expressions=[key])
            case "spark":
                value = _call("TRY_ELEMENT_AT", sql, key)
            case _:
                raise Refused(f"a path into a map is not supported for {self.dialect}")
        return self._in_struct(value, keys[1:], _fields(dtype)[keys[0]])

    def _in_json(self, sql: exp.Expr, keys: list[str], field: Field) -> exp.Expr:
        if self.dialect != "duckdb":
            raise Refused(f"a path into JSON texts is not supported for {self.dialect}")
        outside = _call("REGEXP_REPLACE", sql, text(_QUOTED_TEXT), text("0"), text("g"))
        is_json = exp.not_(_call("REGEXP_MATCHES", outside, text(_NOT_JSON)))
        strict = exp.Case().when(is_json, sql.copy())
        parsed: exp.Expr = exp.TryCast(this=strict, to=exp.DataType.build("JSON"))
        is_object = exp.EQ(this=_call("JSON_TYPE", parsed), expression=text("OBJECT"))
        if not keys or keys[0].isdecimal():  # a number would find the element of a list
            parsed = exp.Case(ifs=[exp.If(this=is_object, true=parsed)])
        if not keys:
            return parsed
        pointer = text("".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys))
        found = _call("JSON_EXTRACT_STRING", parsed, pointer)
        match field.kind:
            case Kind.LIST:
                inner = element_type(field.dtype)
                kind = _JSON_LISTS.get(kind_of(inner)) or ("DOUBLE" if inner.is_float() else "HUGEINT")
                kind = "JSON" if isinstance(inner, pl.Null) else kind
                return _call("JSON_TRANSFORM", _call("JSON_EXTRACT", parsed, pointer), text(f'["{kind}"]'))
            case Kind.BOOLEAN:
                return exp.TryCast(this=found, to=exp.DataType.build("BOOLEAN"))
            case Kind.NUMBER:
                to = exp.DataType.Type.DOUBLE if field.dtype.is_float() else exp.DataType.Type.INT128
                return exp.TryCast(this=found, to=exp.DataType.build(to))
            case _:
                return found

    def _readable(self, sql: exp.Expr, field: Field) -> Column:
        if field.leaf in self.uuids:
            sql = exp.cast(sql, "text[]" if field.kind is Kind.LIST else "text")
        return _guarded(Column(sql, field.dtype, field.kind, self.dialect))


def element_column(column: Column, name: str) -> Column:
    """Return the elements of a list as a column of their own, under a name."""
    inner = element_type(column.dtype)
    return _guarded(Column(exp.column(identifier(name)), inner, kind_of(inner), column.dialect))


def _guarded(column: Column) -> Column:
    """Make a NaN null.

    The statistics of Parquet files know of no NaN, and DuckDB 2.0 takes `ISNAN` for false where they have a least and a
    greatest value; `ISFINITE` it really asks. The CASE hides the column from them in what is asked of it afterwards.
    """
    if not column.dtype.is_float():
        return column
    if column.dialect in _ONE_WIDTH_OF_FLOATS and not isinstance(column.dtype, pl.Float64):
        raise Refused(f"{column.dialect} has no 32-bit floats, and would compare them as something else")
    if column.dialect == "duckdb":
        is_number: exp.Expr = exp.Or(this=_call("ISFINITE", column.sql), expression=_call("ISINF", column.sql))
    elif column.dialect in {"postgres", "snowflake"}:
        is_number = exp.Not(this=exp.EQ(this=column.sql, expression=exp.cast(text("NaN"), "double")))
    else:
        is_number = exp.Not(this=exp.IsNan(this=column.sql))
    guard = exp.Case(ifs=[exp.If(this=is_number, true=column.sql.copy())])
    return replace(column, sql=guard)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _fields(dtype: pl.DataType) -> dict[str, pl.DataType]:
    fields = dtype.fields if isinstance(dtype, pl.Struct) else []
    return {field.name: _instance(field.dtype) for field in fields}


def _instance(dtype: DataTypeClass | pl.DataType) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def _keys(path: str, dtype: pl.DataType) -> list[str]:
    """Split a path that is known to lead somewhere into keys, the longest that exists first."""
    if not path:
        return []
    inner, parts = _fields(dtype), path.split(".")
    heads = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    key = next(head for head in heads if head in inner)
    return [key, *_keys(path[len(key) + 1 :], inner[key])]


def _ensure_one(name: str, names: Iterable[str], noun: str) -> None:
    """Refuse a name that SQL, which ignores case, cannot tell from another."""
    twins = [other for other in names if other.lower() == name.lower() and other != name]
    if twins:
        reason = f"SQL ignores case in names, and the {noun} '{name}' has the twin '{twins[0]}'"
        raise Refused(reason, "rename one of the two in the export")
