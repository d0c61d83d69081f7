"""SQL that reads a field of the snapshot's schema."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import assert_never

import polars as pl
from sqlglot import exp

from segbatch.snapshot.fields.custom_fields import Form
from segbatch.snapshot.fields.keys import heads
from segbatch.snapshot.fields.paths import Step, Way
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind, children_of, element_type, kind_of, pair_of, value_type
from segbatch.sql.dialects import Refused, call, identifier, is_null, key_text, text
from segbatch.sql.json_values import DOCUMENTS, in_document, merged, read_json, whole_document
from segbatch.sql.names import DialectName

_NO_NULL_LISTS = {"bigquery", "clickhouse"}
_ONE_WIDTH_OF_FLOATS = {"snowflake", "bigquery"}
_ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a rule reads.

    Attributes:
        sql: The SQL that reads it, null if it is missing.
        dtype: Its Polars type.
        kind: The kind of the type.
        dialect: The dialect of the SQL.
        is_document: Whether it is a value in a JSON document.
    """

    sql: exp.Expr
    dtype: pl.DataType
    kind: Kind
    dialect: DialectName
    is_document: bool = False

    @property
    def missing(self) -> exp.Expr:
        """SQL that tests whether it is missing.

        Raises:
            Refused: The dialect cannot test this.
        """
        if self.kind is Kind.LIST and self.dialect in _NO_NULL_LISTS:
            raise Refused(f"{self.dialect} stores a missing list as an empty list")
        if self.kind is Kind.STRUCT and self.dialect == "clickhouse":
            raise Refused(f"{self.dialect} stores a missing struct as an empty struct")
        return exp.Boolean(this=True) if self.kind is Kind.NOTHING else is_null(self.sql)

    def refuse_outside_duckdb(self, what: str) -> None:
        """Raise an error if the dialect is not DuckDB, for an expression that may mean something else elsewhere.

        Raises:
            Refused: The dialect is not DuckDB.
        """
        if self.dialect != "duckdb":
            raise Refused(f"{what} may mean something else in {self.dialect}")


@dataclass(frozen=True, slots=True)
class Table:
    """The contacts as a table in SQL.

    Attributes:
        schema: The columns of the snapshot with their Polars types.
        forms: The columns that are read as another type than they are stored as.
        dialect: The dialect of the SQL.
    """

    schema: Mapping[str, pl.DataType]
    forms: Mapping[str, Form]
    dialect: DialectName

    def column(self, field: Field) -> Column:
        """Return the SQL that reads a field.

        Raises:
            Refused: The dialect cannot read it, or may read it differently.
        """
        if field.kind is Kind.NOTHING:
            return Column(exp.Null(), field.dtype, field.kind, self.dialect)
        _ensure_one(field.column, self.schema, "column")
        if self.dialect in DOCUMENTS and (field.column in self.forms or any(way.steps for way, _ in field.ways)):
            return self._in_document(field)
        if len(field.ways) == 1:
            [(way, dtype)] = field.ways
            return without_nan(Column(self._read(way, dtype), field.dtype, field.kind, self.dialect))
        if self.dialect != "duckdb":
            raise Refused(f"a path that leads to several places is not supported for {self.dialect}")
        read = [merged(self._read(way, dtype), dtype, field.dtype) for way, dtype in field.ways]
        column = Column(exp.Coalesce(this=read[0], expressions=read[1:]), field.dtype, field.kind, self.dialect)
        return without_nan(column)

    def _in_document(self, field: Field) -> Column:
        whole: exp.Expr = exp.column(identifier(field.column))
        keys = _keys_in_document(field, self.dialect)
        if not keys and field.kind is not Kind.STRUCT and field.column in self.forms and field.ways[0][0].json:
            raise Refused(f"a JSON column of other values than objects is not supported for {self.dialect}")
        if not keys:
            return Column(whole_document(whole, self.dialect), field.dtype, field.kind, self.dialect)
        if field.is_mixed:
            kinds = "values of several kinds, which are read as text"
            raise Refused(f"'{field.leaf}' has {kinds}: {self.dialect} may write them differently")
        sql = in_document(whole, keys, field.dtype, self.dialect)
        column = Column(sql, field.dtype, field.kind, self.dialect, is_document=True)
        return column if self.dialect == "postgres" else without_nan(column)  # a number in JSON is never NaN

    def _read(self, way: Way, dtype: pl.DataType) -> exp.Expr:
        """Return SQL that reads a value by one path."""
        sql: exp.Expr = exp.column(identifier(way.leaf if not way.steps else self._column_of(way)))
        inside = self.schema[self._column_of(way)]
        for step in way.steps:
            match step.into:
                case "struct":
                    sql = self._child(sql, str(step.key), inside)
                    inside = _fields(inside)[str(step.key)]
                case "map":
                    sql, inside = self._value(sql, str(step.key)), value_type(inside)
                case "pairs":
                    sql, inside = self._value_of_pair(sql, step), _value_of_pair(inside)
                case "json":
                    if self.dialect != "duckdb":
                        raise Refused(f"a path into JSON texts is not supported for {self.dialect}")
                    return read_json(sql, step.splits, dtype)
                case _:
                    assert_never(step.into)
        if kind_of(dtype) is Kind.LIST and kind_of(element_type(dtype)) is Kind.UUID:
            return exp.cast(sql, "text[]")
        return exp.cast(sql, "text") if kind_of(dtype) is Kind.UUID else sql

    def _column_of(self, way: Way) -> str:
        return next(head for head, _ in heads(way.leaf) if head in self.schema)

    def _child(self, sql: exp.Expr, key: str, dtype: pl.DataType) -> exp.Expr:
        if self.dialect == "bigquery" and set(key) & set(".\\"):
            raise Refused(f"{self.dialect} has no fields with a dot or a backslash in their name")
        _ensure_one(key, _fields(dtype), "key")
        match self.dialect:
            case "duckdb":
                return exp.Bracket(this=sql, expressions=[text(key)])
            case "clickhouse":
                return call("tupleElement", sql, key_text(key, self.dialect))
            case _:
                return exp.Dot(this=sql, expression=identifier(key))

    def _value(self, sql: exp.Expr, key: str) -> exp.Expr:
        """Return SQL that reads a value of a map."""
        written = key_text(key, self.dialect)
        match self.dialect:
            case "duckdb":
                return exp.Bracket(this=sql, expressions=[written])
            case "spark":
                return call("TRY_ELEMENT_AT", sql, written)
            case _:
                raise Refused(f"a path into a map is not supported for {self.dialect}")

    def _value_of_pair(self, sql: exp.Expr, step: Step) -> exp.Expr:
        """Return SQL that reads the value of the first record with a key."""
        if self.dialect != "duckdb" or step.names is None:
            raise Refused(f"a path into records of keys and values is not supported for {self.dialect}")
        key, value = (exp.Bracket(this=exp.column(_ENTRY), expressions=[text(name)]) for name in step.names)
        has_key = exp.Lambda(
            this=exp.EQ(this=key, expression=text(str(step.key))), expressions=[exp.to_identifier(_ENTRY)]
        )
        first = call("LIST_EXTRACT", call("LIST_FILTER", sql, has_key), exp.Literal.number(1))
        return exp.Bracket(this=first, expressions=[value.expressions[0]])


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the columns of a table, and records which.

    Attributes:
        table: The table.
        columns: The columns that were read.
    """

    table: Table
    columns: set[str] = dataclass_field(default_factory=set)

    def column(self, field: Field) -> Column:
        """Return the SQL that reads a field; the errors are those of the table."""
        self.columns.add(field.column)
        return self.table.column(field)


def _value_of_pair(dtype: pl.DataType) -> pl.DataType:
    pair = pair_of(dtype)
    return pl.Null() if pair is None else pair[2]


def _keys_in_document(field: Field, dialect: DialectName) -> list[str]:
    """Return the keys from a document to a value.

    Raises:
        Refused: The path is not a single path through objects.
    """
    splits = [split for way, _ in field.ways for step in way.steps[-1:] for split in step.splits]
    if len(field.ways) > 1 or len(splits) > 1:
        raise Refused(f"a path that leads to several places is not supported for {dialect}")
    steps = field.ways[0][0].steps
    if any(step.into == "pairs" or (step.into == "json" and index) for index, step in enumerate(steps)):
        raise Refused(f"a path into JSON texts or records inside a column is not supported for {dialect}")
    return [*(str(step.key) for step in steps if step.into != "json"), *(key for split in splits for key in split)]


def element_column(column: Column, name: str) -> Column:
    """Return the elements of a list as a separate column with this name."""
    inner = element_type(column.dtype)
    return without_nan(Column(exp.column(identifier(name)), inner, kind_of(inner), column.dialect))


def without_nan(column: Column) -> Column:
    """Convert NaN to null; a column of another type is returned as it is.

    The statistics of Parquet files ignore NaN, and DuckDB 2.0 assumes that `ISNAN` is false if they have a minimum and
    a maximum; it does evaluate `ISFINITE`. The CASE hides the column from the statistics in later tests of it.
    """
    if not column.dtype.is_float():
        return column
    if column.dialect in _ONE_WIDTH_OF_FLOATS and not isinstance(column.dtype, pl.Float64):
        raise Refused(f"{column.dialect} has no 32-bit floats, and would compare them as another type")
    if column.dialect == "duckdb":
        is_number: exp.Expr = exp.Or(this=call("ISFINITE", column.sql), expression=call("ISINF", column.sql))
    elif column.dialect in {"postgres", "snowflake"}:
        is_number = exp.Not(this=exp.EQ(this=column.sql, expression=exp.cast(text("NaN"), "double")))
    else:
        is_number = exp.Not(this=exp.IsNan(this=column.sql))
    guard = exp.Case(ifs=[exp.If(this=is_number, true=column.sql.copy())])
    return replace(column, sql=guard)


def _fields(dtype: pl.DataType) -> Mapping[str, pl.DataType]:
    return children_of(dtype)


def _ensure_one(name: str, names: Iterable[str], noun: str) -> None:
    """Raise an error if a name differs from another only by case, which SQL ignores."""
    twins = [other for other in names if other.lower() == name.lower() and other != name]
    if twins:
        reason = f"SQL ignores case in names, and the {noun} '{name}' has the twin '{twins[0]}'"
        raise Refused(reason, "rename one of the two in the export")
