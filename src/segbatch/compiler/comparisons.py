"""Comparison of one field with one value, by the kind of the field.

The functions return expressions that may be null if the field is missing; `predicates` decides what a missing value
means. The table for users is in `docs/rules.md`.
"""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import assert_never, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.exact_numbers import (
    COMPARE,
    Comparison,
    compare_any_length,
    compare_float,
    compare_integer,
    compare_scaled,
    never,
)
from segbatch.compiler.literals import (
    WHITE_SPACE,
    Unreadable,
    lowered_uuid,
    number_text,
    read_boolean,
    read_date,
    read_moment,
    read_number,
    read_uuid,
)
from segbatch.model.values import Scalar
from segbatch.snapshot.fields.resolution import Field, element_of
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind

_LARGEST_EXACT_DOUBLE = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY, _LAST_DAY = -719_164, 2_932_899
"""Days since 1970, two before the year 1 and three after 9999."""
_UNITS_PER_MICROSECOND = {"ms": Fraction(1, 1000), "us": Fraction(1), "ns": Fraction(1000)}
_ONLY_PRESENCE = "it can only be asked whether it is there, with 'exists' and 'empty'"


class NotAllowed(Exception):  # noqa: N818 - caught where the rule's place is known; users never see it
    """An operator that the kind of the field does not support; the text describes a valid alternative."""


def holds(field: Field, comparison: Comparison, value: Scalar, clock: Clock) -> pl.Expr:
    """Compare a field with a value.

    Raises:
        NotAllowed: The kind of the field has no such comparison.
        Unreadable: The value cannot be read as the field's type.
    """
    match field.kind:
        case Kind.TEXT:
            return _text(field, comparison, value)
        case Kind.NUMBER:
            return _number(field, comparison, value)
        case Kind.BOOLEAN:
            return _boolean(field, comparison, value)
        case Kind.DATETIME:
            return _datetime(field, comparison, value, clock)
        case Kind.DATE:
            return COMPARE[comparison](field.expr, pl.lit(read_date(value)))
        case Kind.UUID:
            return COMPARE[comparison](field.expr, pl.lit(read_uuid(value)))
        case Kind.LIST:
            return _list(field, comparison, value, clock)
        case Kind.NOTHING:
            return nowhere()
        case Kind.STRUCT | Kind.OTHER:
            raise NotAllowed(_ONLY_PRESENCE)
        case _:
            assert_never(field.kind)


def nowhere() -> pl.Expr:
    """Return an expression that is false for every contact."""
    return pl.repeat(value=False, n=pl.len(), dtype=pl.Boolean)


def contains(field: Field, value: Scalar, clock: Clock) -> pl.Expr:
    """Test whether a text contains another text, or a list contains an element that equals the value.

    Raises:
        NotAllowed: The field is neither text nor list.
        Unreadable: The value cannot be read as the field's type.
    """
    match field.kind:
        case Kind.TEXT | Kind.UUID if isinstance(value, bool):
            raise Unreadable("write a text")
        case Kind.TEXT | Kind.UUID:
            part = value if isinstance(value, str) else number_text(value)
            part = lowered_uuid(part) if field.kind is Kind.UUID else part
            return field.expr.str.contains(part, literal=True)
        case Kind.LIST | Kind.NOTHING | Kind.STRUCT | Kind.OTHER:
            return holds(field, "eq", value, clock)
        case Kind.NUMBER | Kind.BOOLEAN | Kind.DATETIME | Kind.DATE:
            raise NotAllowed("only a text or a list contains something")
        case _:
            assert_never(field.kind)


def is_blank(field: Field) -> pl.Expr:
    """Test whether a text is empty or only white space, or a list is empty; null if the field is missing."""
    match field.kind:
        case Kind.TEXT:
            return field.expr.str.strip_chars_start() == pl.lit("")  # strips Unicode's White_Space, as UNICODE_SPACE
        case Kind.LIST:
            return field.expr.list.len() == pl.lit(0)
        case Kind.NOTHING:
            return ~nowhere()
        case _:
            return field.expr.is_null()


def in_lower_case(field: Field) -> Field:
    """Return a text field in lower case, for a comparison with a value in lower case.

    Raises:
        NotAllowed: The field has no texts.
    """
    if field.kind in {Kind.NOTHING, Kind.UUID}:
        return field
    if field.kind is Kind.TEXT:
        return field.with_expr(field.expr.str.to_lowercase())
    if field.kind is Kind.LIST and element_of(field).kind in {Kind.NOTHING, Kind.UUID}:
        return field
    if field.kind is Kind.LIST and element_of(field).kind is Kind.TEXT:
        lowered = element_of(field).expr.str.to_lowercase()
        return field.with_expr(field.expr.list.eval(lowered), pl.List(pl.String))
    raise NotAllowed("'ignore_case' is for texts and lists of texts")


def _text(field: Field, comparison: Comparison, value: Scalar) -> pl.Expr:
    match value:
        case bool():
            if comparison != "eq":
                raise Unreadable("true and false have no order; write a text or a number")
            return field.expr == pl.lit("true" if value else "false")
        case str():
            return COMPARE[comparison](field.expr, pl.lit(value))
        case _:
            return _text_as_number(field.expr, comparison, value)


def _text_as_number(expr: pl.Expr, comparison: Comparison, value: float) -> pl.Expr:
    number = float(read_number(value))
    if abs(number) >= _LARGEST_EXACT_DOUBLE:
        raise Unreadable("a number this long is not exact in a column of text; write it as a text, in quotes")
    cell = expr.str.strip_chars(WHITE_SPACE).cast(pl.Float64, strict=False)
    return cell.is_finite() & COMPARE[comparison](cell, pl.lit(number))


def _number(field: Field, comparison: Comparison, value: Scalar) -> pl.Expr:
    bound = read_number(value)
    if field.dtype == ANY_LENGTH:
        return compare_any_length(field.expr, comparison, bound)
    if field.dtype.is_float():
        return compare_float(field.expr, field.dtype, comparison, bound)
    if isinstance(field.dtype, pl.Decimal):
        return compare_scaled(field.expr, pl.Int128(), comparison, Fraction(bound) * 10**field.dtype.scale)
    return compare_integer(field.expr, field.dtype, comparison, bound)


def _boolean(field: Field, comparison: Comparison, value: Scalar) -> pl.Expr:
    _only_equality(comparison, "true and false have no order")
    return field.expr if read_boolean(value) else ~field.expr


def _datetime(field: Field, comparison: Comparison, value: Scalar, clock: Clock) -> pl.Expr:
    moment = read_moment(value, clock.timezone)
    if isinstance(moment, datetime):
        return compare_scaled(field.expr, pl.Int64(), comparison, units(moment, field.dtype))
    return COMPARE[comparison](local_day(field, clock), pl.lit(moment))


def units(moment: datetime, dtype: pl.DataType) -> Fraction:
    """Convert a date-time to units of a date-time column since 1970."""
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return microseconds * _UNITS_PER_MICROSECOND[cast("pl.Datetime", dtype).time_unit]


def local_day(field: Field, clock: Clock) -> pl.Expr:
    """Return the calendar day of instants, in the run's time zone.

    Instants before the year 1 or after 9999 get an arbitrary day outside that range. Rules cannot name such days, and
    Polars crashes on years beyond 262,000, which is how infinity is stored. Nanoseconds are cast to microseconds,
    because the first and last instants of nanoseconds cannot be shifted to another zone.
    """
    expr, unit = field.expr, cast("pl.Datetime", field.dtype).time_unit
    if unit == "ns":
        expr, unit = expr.dt.cast_time_unit("us"), "us"
    a_day = 86_400_000 if unit == "ms" else 86_400_000_000
    in_calendar = expr.to_physical().clip(_FIRST_DAY * a_day, _LAST_DAY * a_day)
    return in_calendar.cast(pl.Datetime(unit, "UTC")).dt.convert_time_zone(clock.timezone.key).dt.date()


def _list(field: Field, comparison: Comparison, value: Scalar, clock: Clock) -> pl.Expr:
    _only_equality(comparison, "a list has no order; ask with 'contains' or 'eq'")
    element = element_of(field)
    if element.kind is Kind.NOTHING:
        return never(field.expr)
    if element.kind in {Kind.LIST, Kind.STRUCT, Kind.OTHER}:
        raise NotAllowed("its elements cannot be compared; ask with 'exists' and 'empty'")
    return field.expr.list.eval(holds(element, "eq", value, clock).fill_null(value=False)).list.any()


def _only_equality(comparison: Comparison, reason: str) -> None:
    if comparison != "eq":
        raise NotAllowed(reason)
