"""SQL that reads a column as another type, for rules with `as`; most of it only for DuckDB."""

from collections.abc import Callable

from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.rule_fields import RuleField
from segbatch.model.operators import ReadingName
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind
from segbatch.sql.columns import Column
from segbatch.sql.dialects import Refused, call, text, whole
from segbatch.sql.texts import number_in_text
from segbatch.sql.times import local_day

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = (
    f"({_DAY})[T ]([0-9]{{2}}:[0-9]{{2}})(:[0-9]{{2}})?([.][0-9]{{1,6}})?[0-9]{{0,3}}"
    "(?:Z|([+-][0-9]{2}):?([0-9]{2})?)?"
)
_ISO = f"{_DAY}[T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]{{1,9}})?)?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)?"
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_SPACE = " \t\n\r\f\v"

_Reader = Callable[[Column, Clock], exp.Expr]


def read_column(column: Column, source: RuleField, clock: Clock) -> Column:
    """Return a column as the rule reads it.

    Raises:
        Refused: The conversion has no equivalent in SQL, or none that is known to be the same in the dialect.
    """
    if source.reading is None or source.read is source.found or source.found.kind is Kind.NOTHING:
        return column
    reader = _READERS.get((source.reading.name, column.kind))
    if column.dialect != "duckdb":
        reader = _portable(source.reading.name, column)
    if reader is None or column.dtype == ANY_LENGTH:
        raise Refused(f"reading this field as {source.reading.name} is not supported in SQL")
    return Column(reader(column, clock), source.read.dtype, source.read.kind, column.dialect)


def _portable(name: ReadingName, column: Column) -> _Reader:
    """Return a reader whose SQL means the same in every dialect.

    Raises:
        Refused: Dialects write the type in different ways, or parse it by rules of their own.
    """
    reader = _PORTABLE.get((name, column.kind))
    is_text_of_fraction = name == "text" and column.kind is Kind.NUMBER and not column.dtype.is_integer()
    if reader is None or is_text_of_fraction or column.is_document:
        raise Refused(f"reading {column.kind.value} as {name} is not supported for {column.dialect}")
    return reader


def _when(test: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=test, true=value)])


def _matches(column: Column, pattern: str) -> exp.Expr:
    return call("REGEXP_FULL_MATCH", column.sql, text(pattern))


def _try_cast(sql: exp.Expr, name: str) -> exp.Expr:
    return exp.TryCast(this=sql.copy(), to=exp.DataType.build(name))


def _in_calendar(day: exp.Expr) -> exp.Expr:
    first, last = (exp.cast(text(written), "date") for written in ("0001-01-01", "9999-12-31"))
    return _when(exp.Between(this=day.copy(), low=first, high=last), day.copy())


def _number_of_text(column: Column, _: Clock) -> exp.Expr:
    number = number_in_text(column)
    return _when(call("ISFINITE", number), number)


def _boolean_of_text(column: Column, _: Clock) -> exp.Expr:
    word = call("LOWER", call("TRIM", column.sql, text(_SPACE)))
    ifs = [
        exp.If(this=exp.In(this=word.copy(), expressions=list(map(text, words))), true=exp.Boolean(this=value))
        for words, value in ((_TRUE, True), (_FALSE, False))
    ]
    return exp.Case(ifs=ifs)


def _boolean_of_number(column: Column, _: Clock) -> exp.Expr:
    ifs = [
        exp.If(this=exp.EQ(this=column.sql.copy(), expression=whole(number)), true=exp.Boolean(this=bool(number)))
        for number in (1, 0)
    ]
    return exp.Case(ifs=ifs)


def _text_of_boolean(column: Column, _: Clock) -> exp.Expr:
    is_true = exp.If(this=column.sql.copy(), true=text("true"))
    return exp.Case(ifs=[is_true, exp.If(this=exp.Not(this=column.sql.copy()), true=text("false"))])


def _text_of(column: Column, _: Clock) -> exp.Expr:
    if column.dtype.is_float():
        raise Refused("reading a floating-point number as text is not supported in SQL")
    value = _in_calendar(column.sql) if column.kind is Kind.DATE else column.sql
    return exp.cast(value, "text")


def _days(column: Column) -> exp.Expr:
    return _in_calendar(_when(_matches(column, _DAY), _try_cast(column.sql, "date")))


def _moments(column: Column) -> exp.Expr:
    """Return the instants of date-times, as times without a zone in UTC."""

    def part(index: int) -> exp.Expr:
        return call("REGEXP_EXTRACT", column.sql, text(_MOMENT), whole(index))

    written = exp.DPipe(this=exp.DPipe(this=part(1), expression=text(" ")), expression=part(2))
    seconds = call("CONCAT", call("IF", exp.EQ(this=part(3), expression=text("")), text(":00"), part(3)), part(4))
    wall = _try_cast(call("CONCAT", written, seconds), "timestamp")
    hours, minutes = (call("COALESCE", _try_cast(part(index), "bigint"), whole(0)) for index in (5, 6))
    sign = call("IF", exp.StartsWith(this=part(5), expression=text("-")), whole(-1), whole(1))
    ahead = exp.Add(this=exp.Mul(this=hours, expression=whole(60)), expression=exp.Mul(this=sign, expression=minutes))
    is_offset = exp.And(
        this=exp.LT(this=call("ABS", hours), expression=whole(24)),
        expression=exp.LT(this=minutes.copy(), expression=whole(60)),
    )
    seconds_ok = exp.And(
        this=_matches(column, _ISO),
        expression=exp.Not(this=call("REGEXP_MATCHES", column.sql, text("[T ](24|..:60|..:..:60)"))),
    )
    moment = exp.Sub(this=wall, expression=call("TO_MINUTES", exp.cast(exp.Paren(this=ahead), "bigint")))
    found = _when(exp.And(this=seconds_ok, expression=is_offset), moment)
    first, last = (exp.cast(text(one), "timestamp") for one in ("0001-01-01", "9999-12-31 23:59:59.999999"))
    return _when(exp.Between(this=found.copy(), low=first, high=last), found)


def _in_utc(sql: exp.Expr) -> exp.Expr:
    return exp.AtTimeZone(this=exp.Paren(this=sql.copy()), zone=text("UTC"))


def _start_of_day(day: exp.Expr, clock: Clock) -> exp.Expr:
    midnight = exp.Paren(this=exp.cast(day.copy(), "timestamp"))
    return exp.AtTimeZone(this=midnight, zone=text(clock.timezone.key))


def _instant_of_text(column: Column, clock: Clock) -> exp.Expr:
    return call("COALESCE", _in_utc(_moments(column)), _start_of_day(_days(column), clock))


def _date_of_text(column: Column, clock: Clock) -> exp.Expr:
    local = exp.AtTimeZone(this=_in_utc(_moments(column)), zone=text(clock.timezone.key))
    return call("COALESCE", _days(column), exp.cast(local, "date"))


def _date_of_instant(column: Column, clock: Clock) -> exp.Expr:
    return _in_calendar(local_day(column, clock))


def _instant_of_date(column: Column, clock: Clock) -> exp.Expr:
    return _start_of_day(_in_calendar(column.sql), clock)


_READERS: dict[tuple[ReadingName, Kind], _Reader] = {
    ("text", Kind.NUMBER): _text_of,
    ("text", Kind.BOOLEAN): _text_of,
    ("text", Kind.DATE): _text_of,
    ("text", Kind.UUID): _text_of,
    ("number", Kind.TEXT): _number_of_text,
    ("boolean", Kind.TEXT): _boolean_of_text,
    ("boolean", Kind.NUMBER): _boolean_of_number,
    ("date", Kind.TEXT): _date_of_text,
    ("date", Kind.DATETIME): _date_of_instant,
    ("datetime", Kind.TEXT): _instant_of_text,
    ("datetime", Kind.DATE): _instant_of_date,
}

_PORTABLE: dict[tuple[ReadingName, Kind], _Reader] = {
    ("text", Kind.NUMBER): _text_of,
    ("text", Kind.BOOLEAN): _text_of_boolean,
    ("boolean", Kind.NUMBER): _boolean_of_number,
}
