"""Comparisons of two columns of a contact with each other."""

import polars as pl
from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.typed_test import Comparison
from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind
from segbatch.sql.columns import Column
from segbatch.sql.comparisons import in_lower_case
from segbatch.sql.dialects import Refused, text
from segbatch.sql.numbers import COMPARISONS
from segbatch.sql.times import local_day

_FOLDED = ("i\u0307", "\u03c3\u03c2")
"""The letters whose lower case `in_lower_case` corrects."""


def compare_columns(
    column: Column, comparison: Comparison, other: Column, clock: Clock, *, lower_case: bool
) -> exp.Expr:
    """Compare a column with another one of a kind that fits; the result may be null if one of them is missing.

    Raises:
        Refused: The dialect may compare the two types with another result.
    """
    left, right = (in_lower_case(one, _FOLDED) for one in (column, other)) if lower_case else (column, other)
    compared = COMPARISONS[comparison]
    match {column.kind, other.kind}:
        case kinds if kinds == {Kind.NUMBER}:
            return _compare_numbers(left, comparison, right)
        case kinds if Kind.DATETIME in kinds:
            return compared(**dict(zip(("this", "expression"), _times(left, right, clock), strict=True)))
        case kinds if kinds == {Kind.TEXT} and comparison != "eq" and column.dialect == "postgres":
            collated = exp.Collate(this=exp.Paren(this=left.sql.copy()), expression=exp.to_identifier("C", quoted=True))
            return compared(this=collated, expression=right.sql.copy())
        case _:
            return compared(this=left.sql.copy(), expression=right.sql.copy())


def _times(column: Column, other: Column, clock: Clock) -> tuple[exp.Expr, exp.Expr]:
    if column.kind is not other.kind:
        column.refuse_outside_duckdb("a date and a date-time")
        return _day(column, clock), _day(other, clock)
    dtypes = _datetimes(column, other)
    units = {dtype.time_unit for dtype in dtypes}
    if len({bool(dtype.time_zone) for dtype in dtypes}) == 1 and ("ns" not in units or len(units) == 1):
        return column.sql.copy(), other.sql.copy()
    column.refuse_outside_duckdb("date-times of different types")
    if "ns" in units:
        raise Refused("date-times in nanoseconds and in another unit are not compared in SQL")
    return _zoned(column), _zoned(other)


def _datetimes(*columns: Column) -> list[pl.Datetime]:
    return [one.dtype for one in columns if isinstance(one.dtype, pl.Datetime)]


def _day(column: Column, clock: Clock) -> exp.Expr:
    return local_day(column, clock) if column.kind is Kind.DATETIME else column.sql.copy()


def _zoned(column: Column) -> exp.Expr:
    """Return an instant with a time zone; a column without one is in UTC."""
    [dtype] = _datetimes(column)
    return column.sql.copy() if dtype.time_zone else exp.AtTimeZone(this=column.sql.copy(), zone=text("UTC"))


def _compare_numbers(column: Column, comparison: Comparison, other: Column) -> exp.Expr:
    compared, dtypes = COMPARISONS[comparison], (column.dtype, other.dtype)
    plain = compared(this=column.sql.copy(), expression=other.sql.copy())
    if all(dtype.is_integer() for dtype in dtypes) or (dtypes[0] == dtypes[1] and ANY_LENGTH not in dtypes):
        return plain
    column.refuse_outside_duckdb("numbers of different types")
    if any(dtype.is_float() for dtype in dtypes):
        single = any(isinstance(dtype, pl.Float32) for dtype in dtypes)
        left, right = (_as_type(_double(one), "float") if single else _double(one) for one in (column, other))
        return compared(this=left, expression=right)
    if ANY_LENGTH in dtypes:
        exact = compared(this=_whole(column), expression=_whole(other))
        return exp.Coalesce(this=exact, expressions=[compared(this=_double(column), expression=_double(other))])
    scale = max(_scale(dtype) for dtype in dtypes)
    if max(_whole_digits(dtype) for dtype in dtypes) + scale > DIGITS:
        raise Refused("decimals of such different sizes are not compared in SQL")
    left, right = (_as_type(one.sql.copy(), f"DECIMAL({DIGITS}, {scale})") for one in (column, other))
    return compared(this=left, expression=right)


def _as_type(sql: exp.Expr, name: str) -> exp.Expr:
    return exp.cast(sql, exp.DataType.build(name))


def _double(column: Column) -> exp.Expr:
    return exp.TryCast(this=column.sql.copy(), to=exp.DataType.build("double"))


def _whole(column: Column) -> exp.Expr:
    """Return whole numbers of up to 38 digits; null for other values, and for decimals with a fraction."""
    if _scale(column.dtype):
        return exp.Null()
    whole = exp.TryCast(this=column.sql.copy(), to=exp.DataType.build(f"DECIMAL({DIGITS}, 0)"))
    if column.dtype != ANY_LENGTH:
        return whole
    arguments = [column.sql.copy(), text(f"-?[0-9]{{1,{DIGITS}}}")]
    return exp.Case(ifs=[exp.If(this=exp.Anonymous(this="REGEXP_FULL_MATCH", expressions=arguments), true=whole)])


def _scale(dtype: pl.DataType) -> int:
    return dtype.scale if isinstance(dtype, pl.Decimal) else 0


def _whole_digits(dtype: pl.DataType) -> int:
    return dtype.precision - dtype.scale if isinstance(dtype, pl.Decimal) else 20
