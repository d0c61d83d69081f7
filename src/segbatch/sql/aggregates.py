"""SQL that computes one value from the rows of a contact."""

from dataclasses import dataclass
from typing import assert_never

import polars as pl
from sqlglot import exp

from segbatch.model.operators import AggregateName
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind
from segbatch.sql.columns import Column
from segbatch.sql.dialects import Refused, is_null, text, whole
from segbatch.sql.names import DialectName

_OVERFLOWS = {"spark", "bigquery", "clickhouse"}
"""Dialects whose sum of whole numbers has the width of the column."""


@dataclass(frozen=True, slots=True)
class AggregateSql:
    """An aggregate of the rows of a contact.

    Attributes:
        function: How the rows become one value.
        dtype: The type of the value.
        column: The column that is aggregated; None for `count`.
        time: The time of a row, for `first` and `last`.
        condition: The condition that rows must meet; None for all rows. It may be null, which excludes the row.
        dialect: The dialect of the SQL.
    """

    function: AggregateName
    dtype: pl.DataType
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


def with_default(sql: exp.Expr, function: AggregateName) -> exp.Expr:
    """Return an aggregate that is 0 for contacts without rows, if it is a count or a sum."""
    if function in {"count", "count_distinct", "sum"}:
        return exp.Coalesce(this=sql, expressions=[whole(0)])
    return sql
