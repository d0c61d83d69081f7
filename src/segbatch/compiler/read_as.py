"""Reading of a field as another type, for rules with `as`. Values that cannot be read are null."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import compare, local_day
from segbatch.compiler.iso_texts import as_instant, days_in, in_calendar, moments_in, start_of_day
from segbatch.compiler.literals import WHITE_SPACE
from segbatch.compiler.numbers import number_in_text
from segbatch.compiler.versions import version_key
from segbatch.model.operators import ReadingName
from segbatch.snapshot.fields.json_numbers import number_texts
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import ANY_LENGTH, FLOAT, WHOLE, Kind, VersionType

_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_LARGEST_PLAIN = 1e15
_INSTANT = pl.Datetime("us", "UTC")
_UNITS: Mapping[ReadingName, int] = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
_LARGEST_MILLISECONDS = 2.6e14
"""A bound on milliseconds since 1970 that is above those of the year 9999."""

_Reader = Callable[[Field, Clock], pl.Expr]


class ReadingError(Exception):
    """A field whose type cannot be read as another one; the text describes what can be read."""


def read_as(field: Field, reading: ReadingName, clock: Clock) -> Field:
    """Return a field that is read as another type; the time zone of the clock decides the days of instants.

    Raises:
        ReadingError: No value of the field's type can be read so.
    """
    if field.kind is Kind.NOTHING:
        return field
    reader = _READERS[reading].get(field.kind)
    if reader is None:
        readable = " or ".join(kind.value for kind in _READERS[reading])
        raise ReadingError(f"only {readable} can be read so")
    if field.kind is _KINDS[reading] and reader is _unchanged:
        return field
    return field.read_as(reader(field, clock), _TYPES[reading], _KINDS[reading])


def days_only(field: Field) -> Field:
    """Return a field of texts that are all dates as a field of dates."""
    return field.read_as(days_in(field.expr), pl.Date(), Kind.DATE)


def _unchanged(field: Field, _: Clock) -> pl.Expr:
    return field.expr


def _text_of_number(field: Field, _: Clock) -> pl.Expr:
    number = field.expr
    if field.dtype == ANY_LENGTH:
        double = number.struct.field(FLOAT)
        return pl.coalesce(_text_of_float(double), number_texts(number))
    return _text_of_float(number) if field.dtype.is_float() else number.cast(pl.String)


def _text_of_float(number: pl.Expr) -> pl.Expr:
    """Return whole numbers as they are usually written, `10` for 10.0, and others in the shortest exact form."""
    is_whole = (number.abs() < _LARGEST_PLAIN) & (number == number.floor())
    whole = pl.when(is_whole).then(number).cast(pl.Int64).cast(pl.String)
    return pl.when(is_whole).then(whole).otherwise(number.cast(pl.String))


def _text_of_date(field: Field, _: Clock) -> pl.Expr:
    return in_calendar(field.expr).cast(pl.String)


def _number_of_text(field: Field, _: Clock) -> pl.Expr:
    number = number_in_text(field.expr)
    return pl.when(number.is_finite()).then(number)


def _boolean_of_text(field: Field, _: Clock) -> pl.Expr:
    word = field.expr.str.strip_chars(WHITE_SPACE).str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(pl.lit(value=True)).when(word.is_in(_FALSE)).then(pl.lit(value=False))


def _boolean_of_number(field: Field, clock: Clock) -> pl.Expr:
    one, zero = (compare(field, "eq", Decimal(value), clock) for value in (1, 0))
    return pl.when(one).then(pl.lit(value=True)).when(zero).then(pl.lit(value=False))


def _date_of_text(field: Field, clock: Clock) -> pl.Expr:
    moments = field.read_as(moments_in(field.expr), _INSTANT, Kind.DATETIME)
    return pl.coalesce(days_in(field.expr), in_calendar(local_day(moments, clock)))


def _date_of_instant(field: Field, clock: Clock) -> pl.Expr:
    return in_calendar(local_day(field, clock))


def _instant_of_text(field: Field, clock: Clock) -> pl.Expr:
    return pl.coalesce(moments_in(field.expr), start_of_day(days_in(field.expr), clock.timezone.key))


def _instant_of_date(field: Field, clock: Clock) -> pl.Expr:
    return start_of_day(in_calendar(field.expr), clock.timezone.key)


def _epoch(reading: ReadingName) -> Mapping[Kind, _Reader]:
    """Return the readers of times that are counted since 1970; fractions are rounded to the nearest microsecond."""
    unit = _UNITS[reading]

    def of_floats(number: pl.Expr) -> pl.Expr:
        near = pl.when(number.abs() <= _LARGEST_MILLISECONDS).then(number)
        return (near * unit).round(mode="half_to_even").cast(pl.Int64)

    def of_integers(number: pl.Expr) -> pl.Expr:
        whole = number.cast(pl.Int128)
        return pl.when(whole.is_between(-int(_LARGEST_MILLISECONDS), int(_LARGEST_MILLISECONDS))).then(whole * unit)

    def of_number(field: Field, _: Clock) -> pl.Expr:
        if field.dtype == ANY_LENGTH:
            whole, double = field.expr.struct.field(WHOLE).to_physical(), field.expr.struct.field(FLOAT)
            return as_instant(pl.coalesce(of_integers(whole).cast(pl.Int64), of_floats(double)))
        is_whole = field.dtype.is_integer()
        number = of_integers(field.expr) if is_whole else of_floats(field.expr.cast(pl.Float64))
        return as_instant(number.cast(pl.Int64))

    def of_text(field: Field, clock: Clock) -> pl.Expr:
        return as_instant(of_floats(_number_of_text(field, clock)))

    return {Kind.NUMBER: of_number, Kind.TEXT: of_text}


_READERS: Mapping[ReadingName, Mapping[Kind, _Reader]] = {
    "text": {
        Kind.TEXT: _unchanged,
        Kind.UUID: _unchanged,
        Kind.NUMBER: _text_of_number,
        Kind.BOOLEAN: lambda field, _: field.expr.cast(pl.String),
        Kind.DATE: _text_of_date,
    },
    "number": {Kind.NUMBER: _unchanged, Kind.TEXT: _number_of_text},
    "boolean": {Kind.BOOLEAN: _unchanged, Kind.TEXT: _boolean_of_text, Kind.NUMBER: _boolean_of_number},
    "date": {Kind.DATE: _unchanged, Kind.TEXT: _date_of_text, Kind.DATETIME: _date_of_instant},
    "datetime": {Kind.DATETIME: _unchanged, Kind.TEXT: _instant_of_text, Kind.DATE: _instant_of_date},
    "epoch_s": _epoch("epoch_s"),
    "epoch_ms": _epoch("epoch_ms"),
    "version": {Kind.TEXT: lambda field, _: version_key(field.expr)},
}
"""For each reading, the kinds of fields that it can read."""

_TYPES: Mapping[ReadingName, pl.DataType] = {
    "text": pl.String(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": _INSTANT,
    "epoch_s": _INSTANT,
    "epoch_ms": _INSTANT,
    "version": VersionType(),
}
_KINDS: Mapping[ReadingName, Kind] = {
    "text": Kind.TEXT,
    "number": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "epoch_s": Kind.DATETIME,
    "epoch_ms": Kind.DATETIME,
    "version": Kind.VERSION,
}


def kind_as(reading: ReadingName) -> Kind:
    """Return the kind of the values of a reading."""
    return _KINDS[reading]
