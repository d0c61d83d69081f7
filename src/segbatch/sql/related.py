"""Related tables of a query: their rows in SQL, and the joins that the rules on them need."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC

import pyarrow as pa
from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.table_rules import aggregate_field
from segbatch.model.rule import TableRule
from segbatch.snapshot.fields.resolution import resolve
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.related.ids import family_of
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.related.tables import RelatedTable
from segbatch.snapshot.snapshot import Snapshot
from segbatch.sql.aggregates import AggregateSql, with_default
from segbatch.sql.columns import Column, Reader, Table, without_nan
from segbatch.sql.dialects import Refused, identifier, is_null
from segbatch.sql.joins import Join, free_alias
from segbatch.sql.list_rows import ListRows
from segbatch.sql.names import DialectName
from segbatch.sql.sources import read_parquet
from segbatch.sql.times import compare_date, compare_instant

_OF_ONE_ROW = {"min", "max", "first", "last"}
"""The aggregates that are the value of a row, as it is stored."""


class RelatedTables:
    """The joins of a query with related tables; each table is joined once."""

    def __init__(self, prepared: PreparedEvaluation, dialect: DialectName, contacts: exp.Table | None) -> None:
        """Begin without joins.

        Args:
            prepared: The snapshot and its tables.
            dialect: The dialect of the SQL.
            contacts: The table of the contacts; None if their files are read.
        """
        self._prepared, self._dialect, self._contacts = prepared, dialect, contacts
        self._joins: dict[str, Join] = {}

    @property
    def joins(self) -> Sequence[Join]:
        """The joins, in the order in which rules need them."""
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

    def aggregate(self, rule: TableRule, condition: exp.Expr | None) -> Column:
        """Return the column with the aggregate of a rule, null if it is missing.

        Args:
            rule: A rule on a table.
            condition: The condition that rows must meet; None for all rows.

        Raises:
            Refused: The dialect cannot express it with the same meaning.
        """
        join, table = self.join(rule.table), self._prepared.tables[rule.table]
        field = None if rule.field is None else resolve(rule.field, table.snapshot.schema)
        result = aggregate_field(rule, field)
        if result.kind is Kind.NOTHING:
            return Column(exp.Null(), result.dtype, result.kind, self._dialect)
        column = None if field is None else join.reader.column(field)
        time = self._time(table, join) if rule.aggregate in {"first", "last"} else None
        sql = AggregateSql(rule.aggregate, result.dtype, column, time, condition, self._dialect).sql()
        found = with_default(join.add(sql), rule.aggregate)
        is_value = column is not None and rule.aggregate in _OF_ONE_ROW
        dtype = column.dtype if is_value and column is not None else result.dtype  # a run converts times to UTC
        return without_nan(Column(found, dtype, result.kind, self._dialect))

    def _time(self, table: RelatedTable, join: Join) -> Column | None:
        return None if table.time is None else join.reader.column(table.time)


def _exists(time: Column, clock: Clock) -> exp.Expr | None:
    """Return the condition of the rows that are not later than the time of the run; a row without a time exists."""
    if time.kind is Kind.NOTHING:
        return None
    if time.kind is Kind.DATE:
        found = compare_date(time, "lte", clock.day_of(clock.as_of))
    else:
        found = compare_instant(time, "lte", clock.as_of.astimezone(UTC))
    return exp.or_(found, is_null(time.sql))
