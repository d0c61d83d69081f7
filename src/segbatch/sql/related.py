"""Related tables of a query: each is joined as one subquery that has the aggregates of the rules on it.

A subquery has one row per contact that has rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import assert_never

import pyarrow as pa
from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.table_rules import aggregate_field
from segbatch.model.operators import AggregateName
from segbatch.model.rule import TableRule
from segbatch.snapshot.fields.resolution import resolve
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind
from segbatch.snapshot.related.ids import family_of
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.related.tables import RelatedTable
from segbatch.snapshot.snapshot import Snapshot
from segbatch.sql.bool_sql import BoolSql, Part, as_expression
from segbatch.sql.columns import Column, Reader, Table, without_nan
from segbatch.sql.dialects import Refused, free_alias, identifier, is_null, text, whole
from segbatch.sql.names import DialectName
from segbatch.sql.sources import ListRows, read_parquet
from segbatch.sql.times import compare_date, compare_instant

_OF_ONE_ROW = {"min", "max", "first", "last"}
"""The aggregates that are the value of a row, as it is stored."""

_OVERFLOWS = {"spark", "bigquery", "clickhouse"}
"""Dialects whose sum of whole numbers has the width of the column."""

_INDENT = "  "


@dataclass(slots=True)
class Join:
    """A subquery of a related table, grouped by contact.

    Attributes:
        alias: The name of the subquery; the names of its columns begin with it.
        reader: Reads the columns of the table.
        contact: The id of the contact of a row.
        source: Returns the rows for the FROM clause, given the columns that are read.
        exists: The condition of the rows that existed at the time of the run; None for all rows.
    """

    alias: str
    reader: Reader
    contact: exp.Expr
    source: Callable[[Iterable[str]], exp.Expr]
    exists: exp.Expr | None = None
    _aggregates: dict[str, exp.Expr] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The column with the id of the contact."""
        return f"{self.alias}_contact"

    def add(self, aggregate: exp.Expr) -> exp.Column:
        """Add an aggregate, unless the subquery has it already, and return its column."""
        name = next((name for name, known in self._aggregates.items() if known == aggregate), None)
        if name is None:
            name = f"{self.alias}_{len(self._aggregates) + 1}"
            self._aggregates[name] = aggregate
        return exp.column(identifier(name))

    def lines(self, contact_id: str, dialect: DialectName) -> Iterator[str]:
        """Yield the lines of the join.

        Args:
            contact_id: The column with the ids of the contacts.
        """
        contact = self.contact.sql(dialect=dialect)
        parts = [f"{contact} AS {_name(self.key, dialect)}"]
        parts += [f"{sql.sql(dialect=dialect)} AS {_name(name, dialect)}" for name, sql in self._aggregates.items()]
        yield "LEFT JOIN ("
        yield f"{_INDENT}SELECT"
        yield from (f"{_INDENT * 2}{part}{',' if index < len(parts) - 1 else ''}" for index, part in enumerate(parts))
        yield f"{_INDENT}FROM {self.source(self.reader.columns).sql(dialect=dialect)}"
        if self.exists is not None:
            yield f"{_INDENT}WHERE {self.exists.sql(dialect=dialect)}"
        yield f"{_INDENT}GROUP BY {contact}"
        on = exp.EQ(this=exp.column(identifier(self.key)), expression=exp.column(identifier(contact_id)))
        yield f") AS {_name(self.alias, dialect)} ON {on.sql(dialect=dialect)}"


class RelatedTables:
    """The joins of a query with related tables; each table is joined once."""

    def __init__(self, prepared: PreparedEvaluation, dialect: DialectName, contacts: exp.Table | None) -> None:
        """Begin without joins.

        Args:
            prepared: The snapshot and its tables.
            contacts: The table of the contacts; None if their files are read.
        """
        self._prepared, self._dialect, self._contacts = prepared, dialect, contacts
        self._joins: dict[str, Join] = {}

    @property
    def joins(self) -> Sequence[Join]:
        """The joins, in the order that rules need them."""
        return tuple(self._joins.values())

    def join(self, name: str) -> Join:
        """Return the join with a table.

        Raises:
            Refused: The dialect cannot express it with the same meaning.
        """
        if name not in self._joins:
            self._joins[name] = self._new(name)
        return self._joins[name]

    def _new(self, name: str) -> Join:
        table = self._prepared.tables[name]
        if isinstance(table.snapshot, ListTable):
            elements = ListRows(table.snapshot, self._contacts, self._dialect)
            return Join(
                self._alias(name, elements.table.schema), Reader(elements.table), elements.contact, elements.source
            )
        return self._of_files(table, table.snapshot)

    def _of_files(self, table: RelatedTable, snapshot: Snapshot) -> Join:
        self._ensure_same_ids(snapshot)
        reader = Reader(Table(snapshot.schema, snapshot.forms, self._dialect))
        exists = None if table.time is None else _exists(reader.column(table.time), self._prepared.clock)
        contact: exp.Expr = exp.column(identifier(snapshot.id_column))
        if self._dialect == "duckdb" and pa.types.is_null(snapshot.id_type):
            contact = exp.cast(contact, "TEXT")  # DuckDB reads a column of nulls as numbers, and would cast the ids
        return Join(
            self._alias(table.name, snapshot.schema), reader, contact, self._source(table.name, snapshot), exists
        )

    def _alias(self, name: str, columns: Iterable[str]) -> str:
        aliases = (alias for join in self._joins.values() for alias in (join.alias, join.key))
        return free_alias(name, {*self._prepared.snapshot.schema, *columns, *aliases})

    def _ensure_same_ids(self, snapshot: Snapshot) -> None:
        ours, theirs = self._prepared.snapshot.id_type, snapshot.id_type
        if not pa.types.is_null(theirs) and ours != theirs and family_of(ours) in {"UUIDs", "bytes"}:
            raise Refused("the ids of the table and of the contacts are stored as different types")

    def _source(self, name: str, snapshot: Snapshot) -> Callable[[Iterable[str]], exp.Expr]:
        """Return the FROM clause: the table's files, or the table with its name next to that of the contacts."""
        if self._contacts is None:
            return lambda columns: read_parquet(snapshot, self._dialect, columns)
        found = self._contacts.copy()
        found.set("this", identifier(name))
        return lambda _: found

    def aggregate(self, rule: TableRule, conditions: Sequence[Part]) -> Column:
        """Return the column with the aggregate of a rule, null if it is missing.

        Args:
            conditions: The conditions that rows must meet.

        Raises:
            Refused: The dialect cannot express it with the same meaning.
        """
        join, table = self.join(rule.table), self._prepared.tables[rule.table]
        source = None if rule.field is None else resolve(rule.field, table.snapshot.schema)
        result = aggregate_field(rule, source)
        if result.kind is Kind.NOTHING:
            return Column(exp.Null(), result.dtype, result.kind, self._dialect)
        column = None if source is None else join.reader.column(source)
        time = self._time(table, join) if rule.aggregate in {"first", "last"} else None
        condition = as_expression(BoolSql("all", conditions)) if conditions else None
        sql = _AggregateSql(rule.aggregate, column, time, condition, self._dialect).sql()
        found = _with_default(join.add(sql), rule.aggregate)
        is_value = column is not None and rule.aggregate in _OF_ONE_ROW
        dtype = column.dtype if is_value and column is not None else result.dtype  # a run converts times to UTC
        return without_nan(Column(found, dtype, result.kind, self._dialect))

    def _time(self, table: RelatedTable, join: Join) -> Column | None:
        return None if table.time is None else join.reader.column(table.time)


@dataclass(frozen=True, slots=True)
class _AggregateSql:
    """An aggregate of the rows of a contact.

    Attributes:
        function: How the rows become one value.
        column: The column that is aggregated; None for `count`.
        time: The time of a row, for `first` and `last`.
        condition: The condition that rows must meet; None for all rows. It may be null, which excludes the row.
        dialect: The dialect of the SQL.
    """

    function: AggregateName
    column: Column | None
    time: Column | None
    condition: exp.Expr | None
    dialect: DialectName

    def sql(self) -> exp.Expr:
        """Return the SQL of the aggregate in a subquery that is grouped by contact.

        Raises:
            Refused: The dialect cannot express it with the same meaning.
        """
        if self.column is None:
            return self._filtered(exp.Count(this=exp.Star()))
        if self.column.dtype == ANY_LENGTH:
            raise Refused(f"'{self.function}' of numbers of any length is not supported in SQL", "change the rule")
        value = self.column.sql.copy()
        match self.function:
            case "count" | "count_distinct":
                return self._filtered(exp.Count(this=exp.Distinct(expressions=[value])))
            case "sum":
                return self._filtered(exp.Sum(this=self._wide(value)))
            case "avg":
                return exp.cast(self._filtered(exp.Avg(this=self._wide(value))), "double")
            case "min" | "max":
                return self._filtered(self._extreme(self._collated(value)))
            case "first" | "last":
                return self._in_time(value)
            case _:
                assert_never(self.function)

    def _wide(self, value: exp.Expr) -> exp.Expr:
        """Return a value whose sum does not overflow."""
        if self.dialect not in _OVERFLOWS or not (self.column and self.column.dtype.is_integer()):
            return value
        return exp.cast(value, "bigdecimal" if self.dialect == "bigquery" else "decimal(38, 0)")

    def _extreme(self, value: exp.Expr) -> exp.Expr:
        return exp.Min(this=value) if self.function in {"min", "first"} else exp.Max(this=value)

    def _collated(self, value: exp.Expr) -> exp.Expr:
        """Return a text that Postgres orders by code point."""
        if self.dialect != "postgres" or self.column is None or self.column.kind is not Kind.TEXT:
            return value
        return exp.Collate(this=exp.paren(value), expression=exp.to_identifier("C", quoted=True))

    def _in_time(self, value: exp.Expr) -> exp.Expr:
        """Return the value in the earliest or latest row; of rows at the same time, the smallest or largest value.

        Records are compared part by part. The second part puts a value that is present before a missing one.
        """
        if self.dialect != "duckdb" or self.time is None:
            raise Refused(f"'{self.function}' is not supported for {self.dialect}")
        is_missing = is_null(value)
        rank: exp.Expr = is_missing if self.function == "first" else exp.Not(this=is_missing)
        parts = {"at": self.time.sql.copy(), "rank": rank, "value": value}
        record = exp.Struct(
            expressions=[exp.PropertyEQ(this=text(key), expression=part) for key, part in parts.items()]
        )
        has_time = exp.Not(this=is_null(self.time.sql))
        found = self._filtered(self._extreme(record), has_time)
        return exp.Bracket(this=exp.paren(found), expressions=[text("value")])

    def _filtered(self, aggregate: exp.Expr, *more: exp.Expr) -> exp.Expr:
        conditions = [one.copy() for one in (self.condition, *more) if one is not None]
        if not conditions:
            return aggregate
        return exp.Filter(this=aggregate, expression=exp.Where(this=exp.and_(*conditions)))


def _with_default(sql: exp.Expr, function: AggregateName) -> exp.Expr:
    """Return an aggregate that is 0 for contacts without rows, if it is a count or a sum."""
    if function in {"count", "count_distinct", "sum"}:
        return exp.Coalesce(this=sql, expressions=[whole(0)])
    return sql


def _exists(time: Column, clock: Clock) -> exp.Expr | None:
    """Return the condition of the rows that are not later than the time of the run; a row without a time exists."""
    if time.kind is Kind.NOTHING:
        return None
    if time.kind is Kind.DATE:
        found = compare_date(time, "lte", clock.day_of(clock.as_of))
    else:
        found = compare_instant(time, "lte", clock.as_of.astimezone(UTC))
    return exp.or_(found, is_null(time.sql))


def _name(name: str, dialect: DialectName) -> str:
    return identifier(name).sql(dialect=dialect)
