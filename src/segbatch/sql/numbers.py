"""Comparisons of columns of numbers, with a number or with each other.

They are exact for whole numbers and decimals, and in the column's precision for floats.
"""

import math
from decimal import Decimal
from fractions import Fraction

import polars as pl
from sqlglot import exp

from segbatch.compiler.typed_test import Comparison
from segbatch.snapshot.fields.json_numbers import DIGITS
from segbatch.snapshot.fields.types import ANY_LENGTH
from segbatch.sql.columns import Column
from segbatch.sql.dialects import Refused, is_null, never, text, whole

COMPARISONS: dict[Comparison, type[exp.Binary]] = {
    "eq": exp.EQ,
    "gt": exp.GT,
    "lt": exp.LT,
    "gte": exp.GTE,
    "lte": exp.LTE,
}

_LARGEST_FLOAT32 = float.fromhex("0x1.fffffep+127")
_EXACT_DOUBLE = 2**53
_LONGEST = 1_000
"""Number of digits that texts of whole numbers are padded to for a comparison."""
_EXACT_FLOAT32 = 2**24
_DIGITS_OF_INTEGERS = 20


def compare_number(column: Column, comparison: Comparison, bound: Decimal) -> exp.Expr:
    """Compare a column of numbers with a number."""
    if column.dtype == ANY_LENGTH:
        column.refuse_outside_duckdb("a number of any length")
        return _compare_any_length(column, comparison, bound)
    if column.dtype.is_float():
        return _compare_float(column, comparison, bound)
    scale = column.dtype.scale if isinstance(column.dtype, pl.Decimal) else 0
    lowest, highest = _limits(column.dtype)
    unit = _unit(comparison, Fraction(bound) * 10**scale)
    if unit is None:
        return never()
    beyond = compare_outside_range(column, comparison, unit, lowest, highest)
    return beyond or COMPARISONS[comparison](this=column.sql.copy(), expression=_scaled(unit, scale))


def compare_numbers(column: Column, comparison: Comparison, other: Column) -> exp.Expr:
    """Compare two columns of numbers.

    Raises:
        Refused: The dialect may compare the two types with another result.
    """
    compared, dtypes = COMPARISONS[comparison], (column.dtype, other.dtype)
    plain = compared(this=column.sql.copy(), expression=other.sql.copy())
    if all(dtype.is_integer() for dtype in dtypes) or (dtypes[0] == dtypes[1] and ANY_LENGTH not in dtypes):
        return plain
    column.refuse_outside_duckdb("numbers of different types")
    if any(dtype.is_float() for dtype in dtypes):
        single = any(isinstance(dtype, pl.Float32) for dtype in dtypes)
        left, right = (_single(one) if single else _double(one) for one in (column, other))
        return compared(this=left, expression=right)
    if ANY_LENGTH in dtypes:
        exact = compared(this=_whole(column), expression=_whole(other))
        return exp.Coalesce(this=exact, expressions=[compared(this=_double(column), expression=_double(other))])
    scale = max(_scale(dtype) for dtype in dtypes)
    if max(_whole_digits(dtype) for dtype in dtypes) + scale > DIGITS:
        raise Refused("decimals of such different sizes are not compared in SQL")
    left, right = (_as_type(one.sql.copy(), f"DECIMAL({DIGITS}, {scale})") for one in (column, other))
    return compared(this=left, expression=right)


def compare_outside_range(
    column: Column, comparison: Comparison, unit: int, lowest: int, highest: int
) -> exp.Expr | None:
    """Return the result of a comparison with a bound outside the column's range; None if the bound is inside."""
    if lowest <= unit <= highest:
        return None
    holds = comparison in ({"lt", "lte"} if unit > highest else {"gt", "gte"})
    return exp.Not(this=is_null(column.sql)) if holds else never()


def float_literal(number: float, *, is_double: bool) -> exp.Expr:
    """Return a literal of a floating-point number: a double, or a 32-bit float."""
    if number.is_integer() and abs(number) <= (_EXACT_DOUBLE if is_double else _EXACT_FLOAT32):
        return whole(int(number))
    return exp.cast(text(repr(number)), "double" if is_double else "float")


def _limits(dtype: pl.DataType) -> tuple[int, int]:
    if isinstance(dtype, pl.Decimal):
        return 1 - 10**dtype.precision, 10**dtype.precision - 1
    bits = int("".join(filter(str.isdigit, str(dtype))))
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype.is_signed_integer() else (0, 2**bits - 1)


def _unit(comparison: Comparison, bound: Fraction) -> int | None:
    """Return the unit of the column that gives the same result as the bound, or None if no unit equals it."""
    if bound.denominator == 1:
        return int(bound)
    if comparison == "eq":
        return None
    return math.floor(bound) if comparison in {"gt", "lte"} else math.ceil(bound)


def _scaled(unit: int, scale: int) -> exp.Expr:
    if not scale:
        return whole(unit)
    number = exp.Literal.number(f"{Decimal(abs(unit)).scaleb(-scale):f}")
    return exp.Neg(this=number) if unit < 0 else number


def _compare_float(column: Column, comparison: Comparison, bound: Decimal) -> exp.Expr:
    number, operand = float(bound), column.sql.copy()
    is_double = isinstance(column.dtype, pl.Float64)
    if not is_double and abs(number) > _LARGEST_FLOAT32:
        operand, is_double = exp.cast(operand, "double"), True
    return COMPARISONS[comparison](this=operand, expression=float_literal(number, is_double=is_double))


def _compare_any_length(column: Column, comparison: Comparison, bound: Decimal) -> exp.Expr:
    """Compare the texts of numbers of any length: whole ones exactly, others as doubles."""
    unit, number = _unit(comparison, Fraction(bound)), float(bound)
    short: exp.Expr = never()
    long: exp.Expr = never()
    if unit is not None:
        whole_number = exp.TryCast(this=column.sql.copy(), to=exp.DataType.build(f"DECIMAL({DIGITS}, 0)"))
        highest = 10**DIGITS - 1
        beyond = compare_outside_range(column, comparison, unit, -highest, highest)
        short = beyond or COMPARISONS[comparison](this=whole_number, expression=whole(unit))
        long = _compare_long(column, comparison, unit)
    double = exp.TryCast(this=column.sql.copy(), to=exp.DataType.build("double"))
    return (
        exp.Case()
        .when(_matches(column, f"-?[0-9]{{1,{DIGITS}}}"), short)
        .when(_matches(column, "-?[0-9]+"), long)
        .else_(_compare_double(double, comparison, bound, number))
    )


def _matches(column: Column, pattern: str) -> exp.Expr:
    return exp.Anonymous(this="REGEXP_FULL_MATCH", expressions=[column.sql.copy(), text(pattern)])


def _compare_double(operand: exp.Expr, comparison: Comparison, bound: Decimal, number: float) -> exp.Expr:
    """Compare doubles with a number; exactly, if the number is whole and cannot be represented as a double."""
    rounded = Fraction(number) - Fraction(bound)
    if Fraction(bound).denominator == 1 and rounded:
        if comparison == "eq":
            return never()
        is_above = comparison in {"gt", "gte"}
        includes = (rounded > 0) == is_above
        comparison = ("gte" if includes else "gt") if is_above else ("lte" if includes else "lt")
    return COMPARISONS[comparison](this=operand, expression=float_literal(number, is_double=True))


def _compare_long(column: Column, comparison: Comparison, unit: int) -> exp.Expr:
    """Compare texts of whole numbers of more than `DIGITS` digits with a whole number."""
    equal: exp.Expr = exp.EQ(this=column.sql.copy(), expression=text(str(unit)))
    if comparison == "eq":
        return equal
    is_positive = exp.Not(this=exp.StartsWith(this=column.sql.copy(), expression=text("-")))
    above: exp.Expr = is_positive
    if abs(unit) >= 10**DIGITS:
        digits = exp.Anonymous(this="LTRIM", expressions=[column.sql.copy(), text("-")])
        # digit strings of equal length have the same order as their numbers
        padded = exp.Anonymous(this="LPAD", expressions=[digits, exp.Literal.number(_LONGEST), text("0")])
        written = text(str(abs(unit)).rjust(_LONGEST, "0"))
        order = exp.GT if unit > 0 else exp.LT
        farther = order(this=padded, expression=written)
        above = exp.and_(is_positive, farther) if unit > 0 else exp.or_(is_positive, farther)
    if comparison in {"gt", "gte"}:
        return above if comparison == "gt" else exp.or_(above, equal)
    below = exp.not_(exp.or_(above, equal))
    return below if comparison == "lt" else exp.or_(below, equal)


def _as_type(sql: exp.Expr, name: str) -> exp.Expr:
    return exp.cast(sql, exp.DataType.build(name))


def _double(column: Column) -> exp.Expr:
    return exp.TryCast(this=column.sql.copy(), to=exp.DataType.build("double"))


def _single(column: Column) -> exp.Expr:
    """Return numbers as 32-bit floats. Those out of range are infinite, as in Polars, where DuckDB has an error."""
    double = _double(column)
    infinite = (
        exp.If(this=compared(this=double.copy(), expression=whole(0)), true=_as_type(text(name), "float"))
        for compared, name in ((exp.GT, "inf"), (exp.LT, "-inf"))
    )
    rounded = exp.TryCast(this=double, to=exp.DataType.build("float"))
    return exp.Coalesce(this=rounded, expressions=[exp.Case(ifs=[*infinite])])


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
    return dtype.precision - dtype.scale if isinstance(dtype, pl.Decimal) else _DIGITS_OF_INTEGERS
