"""Types of aggregates, and the columns that they accept."""

from collections.abc import Mapping

import polars as pl

from segbatch.compiler.rule_errors import RuleError
from segbatch.model.operators import AggregateName
from segbatch.model.rule import TableRule
from segbatch.snapshot.fields.resolution import Field, readable
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, UuidType, describe, kind_of

_ORDERED = {Kind.TEXT, Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.UUID, Kind.NOTHING}
_SINGLE = _ORDERED | {Kind.BOOLEAN}
_KINDS: Mapping[AggregateName, tuple[set[Kind], str]] = {
    "count_distinct": (_SINGLE, "it needs single values"),
    "sum": ({Kind.NUMBER, Kind.NOTHING}, "it needs numbers"),
    "avg": ({Kind.NUMBER, Kind.NOTHING}, "it needs numbers"),
    "min": (_ORDERED, "it needs values with an order"),
    "max": (_ORDERED, "it needs values with an order"),
    "first": (_SINGLE, "it needs single values"),
    "last": (_SINGLE, "it needs single values"),
}
"""For each aggregate of a column, the kinds of columns that it accepts, and why not the others."""

_DECIMAL_DIGITS = 38


def aggregate_field(rule: TableRule, column: Field | None) -> Field:
    """Return an aggregate as a field of contacts.

    Args:
        rule: The rule with the aggregate.
        column: The column of the table to aggregate; None for `count`.

    Raises:
        RuleError: The aggregate does not accept the column.
    """
    if column is None:
        return _field(rule, pl.Int64())
    kinds, needs = _KINDS[rule.aggregate]
    if column.kind not in kinds:
        _refuse(rule, column, needs)
    if column.dtype == ANY_LENGTH and rule.aggregate != "count_distinct":
        _refuse(rule, column, "its numbers are too long for it")
    if column.kind is Kind.NOTHING and rule.aggregate not in {"sum", "count_distinct"}:
        return Field(pl.lit(None), pl.Null(), Kind.NOTHING, rule.key, rule.key)
    return _field(rule, _type_of(rule.aggregate, readable(column.expr, column.dtype)[1]))


def _refuse(rule: TableRule, column: Field, needs: str) -> None:
    raise RuleError("field", f"'{rule.aggregate}' is not for '{rule.field}' ({describe(column.dtype)}): {needs}")


def _type_of(function: AggregateName, dtype: pl.DataType) -> pl.DataType:
    match function:
        case "count" | "count_distinct":
            return pl.Int64()
        case "avg":
            return pl.Float64()
        case "sum" if isinstance(dtype, pl.Decimal):
            return pl.Decimal(_DECIMAL_DIGITS, dtype.scale)
        case "sum":
            return pl.Float64() if dtype.is_float() else pl.Int128()
        case _:
            return dtype


def stored_type(dtype: pl.DataType) -> pl.DataType:
    """Return the type that frames store values of a type in: UUIDs are texts."""
    return pl.String() if isinstance(dtype, UuidType) else dtype


def _field(rule: TableRule, dtype: pl.DataType) -> Field:
    expr = pl.col(rule.key)
    expr = expr.fill_nan(None) if dtype.is_float() else expr  # infinity and minus infinity add up to NaN
    return Field(expr, dtype, kind_of(dtype), rule.key, rule.key)
