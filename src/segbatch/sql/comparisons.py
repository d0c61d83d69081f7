"""Comparison of one column with one value, by the kind of the column; null is possible if the column is missing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import assert_never

from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import UNICODE_SPACE
from segbatch.compiler.typed_test import Comparison, TypedLiteral
from segbatch.snapshot.fields.types import Kind
from segbatch.sql.columns import Column, element_column
from segbatch.sql.dialects import Refused, never, text
from segbatch.sql.json_values import has_element
from segbatch.sql.numbers import COMPARISONS, compare_number, compare_text_as_number
from segbatch.sql.regex import SPACE, translated
from segbatch.sql.times import compare_date, compare_day, compare_instant

_CASED = (
    r"\p{Lu}\p{Ll}\p{Lt}ªº\x{2160}-\x{217F}\x{24B6}-\x{24E9}"
    r"\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}"
)
_IGNORABLE = (
    r"\p{Mn}\p{Me}\p{Cf}\p{Lm}\p{Sk}'.:·\x{387}\x{55F}\x{5F4}\x{2018}\x{2019}\x{2024}\x{2027}\x{FE13}"
    r"\x{FE52}\x{FE55}\x{FF07}\x{FF0E}\x{FF1A}"
)
_LENGTHS = {
    "duckdb": "LEN",
    "postgres": "CARDINALITY",
    "snowflake": "ARRAY_SIZE",
    "bigquery": "ARRAY_LENGTH",
    "clickhouse": "length",
    "spark": "SIZE",
}
_ELEMENT = "it"
_PLAIN = {Kind.TEXT, Kind.UUID, Kind.BOOLEAN}
_FINAL_SIGMA = rf"([{_CASED}][{_IGNORABLE}]*)Σ([{_IGNORABLE}]*(?:[^{_CASED}{_IGNORABLE}]|$))"


def in_lower_case(column: Column, values: Iterable[str]) -> Column:
    """Return a text column in lower case, for a comparison with values in lower case.

    DuckDB's LOWER converts `İ` to one letter, and does not use the final form of sigma at the end of a word. The SQL
    corrects both if a value contains an affected letter.
    """
    column.refuse_outside_duckdb("'ignore_case'")
    letters = set("".join(values))
    sql = column.sql.copy()
    if letters & {"i", "\u0307"}:
        sql = exp.Anonymous(this="REPLACE", expressions=[sql, text("İ"), text("i\u0307")])
    if letters & {"\u03c3", "\u03c2"}:
        arguments = [sql, text(_FINAL_SIGMA), text(r"\1ς\2"), text("g")]
        sql = exp.Anonymous(this="REGEXP_REPLACE", expressions=arguments)
    return Column(exp.Lower(this=sql), column.dtype, column.kind, column.dialect)


def compare(column: Column, comparison: Comparison, literal: TypedLiteral, clock: Clock) -> exp.Expr:
    """Compare a column with a literal of its type."""
    match literal:
        case bool():
            return exp.EQ(this=column.sql.copy(), expression=exp.Boolean(this=literal))
        case str():
            return _compare_text(column, comparison, literal)
        case Decimal() if column.kind is Kind.TEXT:
            return compare_text_as_number(column, comparison, literal)
        case Decimal():
            return compare_number(column, comparison, literal)
        case datetime():
            return compare_instant(column, comparison, literal)
        case date() if column.kind is Kind.DATETIME:
            return compare_day(column, comparison, literal, clock)
        case date():
            return compare_date(column, comparison, literal)
        case _:
            assert_never(literal)


def _compare_text(column: Column, comparison: Comparison, value: str) -> exp.Expr:
    operand = column.sql.copy()
    if comparison != "eq" and column.dialect == "postgres":
        operand = exp.Paren(this=operand) if column.is_document else operand
        operand = exp.Collate(this=operand, expression=exp.to_identifier("C", quoted=True))
    return COMPARISONS[comparison](this=operand, expression=_written(value, column))


def _written(value: str, column: Column) -> exp.Expr:
    """Return a text literal; raise an error if a dialect may interpret some of its characters."""
    if column.dialect != "duckdb" and ("\\" in value or not value.isprintable()):
        raise Refused(f"a text with a backslash or a control character may mean something else in {column.dialect}")
    return text(value)


def is_in(column: Column, literals: Sequence[TypedLiteral], clock: Clock) -> exp.Expr:
    """Test whether a column equals one of the literals."""
    tests = [compare(column, "eq", literal, clock) for literal in literals]
    tests = [test for test in tests if not isinstance(test, exp.Boolean)]
    groups: dict[str, list[exp.Expr]] = {}
    for test in tests:
        alike_by = test.this if isinstance(test, exp.EQ) else test
        groups.setdefault(alike_by.sql(dialect=column.dialect), []).append(test)
    joined = [
        alike[0]
        if len(alike) == 1 or not isinstance(alike[0], exp.EQ)
        else exp.In(this=alike[0].this.copy(), expressions=[test.expression.copy() for test in alike])
        for alike in groups.values()
    ]
    return exp.or_(*joined) if joined else never()


def some_element(column: Column, test_of: Callable[[Column], exp.Expr]) -> exp.Expr:
    """Test whether some element of a list passes a test."""
    element = element_column(column, _ELEMENT)
    test = test_of(element)
    if isinstance(test, exp.Boolean):
        return test
    if column.dialect == "duckdb":
        if isinstance(test, exp.EQ) and isinstance(test.this, exp.Column) and element.kind is not Kind.DATETIME:
            return exp.Anonymous(this="LIST_CONTAINS", expressions=[column.sql.copy(), test.expression])
        function = exp.Lambda(this=test, expressions=[exp.to_identifier(_ELEMENT)])
        found = exp.Anonymous(this="LIST_FILTER", expressions=[column.sql.copy(), function])
        return exp.GT(this=exp.Anonymous(this="LEN", expressions=[found]), expression=exp.Literal.number(0))
    if isinstance(test, exp.EQ) and isinstance(test.this, exp.Column):
        return _one_element(column, element, test.expression)
    raise Refused(f"this test of a list is not supported for {column.dialect}")


def _one_element(column: Column, element: Column, value: exp.Expr) -> exp.Expr:
    """Test whether an element of a list equals a value, in a dialect other than DuckDB."""
    found = column.sql.copy()
    match column.dialect:
        case "postgres" if column.is_document:
            return has_element(found, value)
        case "postgres":
            return exp.EQ(this=value, expression=exp.Any(this=exp.Paren(this=found)))
        case "bigquery":
            return exp.In(this=value, unnest=exp.Unnest(expressions=[found]))
        case "clickhouse" if element.kind in _PLAIN:
            return exp.Anonymous(this="has", expressions=[found, value])
        case "spark" if element.kind in _PLAIN:
            return exp.Anonymous(this="ARRAY_CONTAINS", expressions=[found, value])
        case "snowflake" if element.kind in _PLAIN:
            return exp.Anonymous(this="ARRAY_CONTAINS", expressions=[exp.cast(value, "variant"), found])
        case _:
            raise Refused(f"this test of a list is not supported for {column.dialect}")


def contains(column: Column, part: str) -> exp.Expr:
    """Test whether a text contains another text."""
    if column.dialect == "duckdb":
        return exp.Contains(this=column.sql.copy(), expression=text(part))
    found = exp.StrPosition(this=column.sql.copy(), substr=_part(part, column))
    return exp.GT(this=found, expression=exp.Literal.number(0))


def starts_with(column: Column, value: str) -> exp.Expr:
    """Test whether a text starts with another text."""
    return exp.StartsWith(this=column.sql.copy(), expression=_part(value, column))


def ends_with(column: Column, value: str) -> exp.Expr:
    """Test whether a text ends with another text."""
    part = _part(value, column)
    if column.dialect != "postgres":
        return exp.EndsWith(this=column.sql.copy(), expression=part)
    length = exp.Literal.number(len(value))
    return exp.EQ(this=exp.Right(this=column.sql.copy(), expression=length), expression=part)


def _part(value: str, column: Column) -> exp.Expr:
    if not value:
        column.refuse_outside_duckdb("an empty text in another")
    return _written(value, column)


def matches(column: Column, pattern: str, *, ignore_case: bool) -> exp.Expr:
    """Test whether a text contains a match of a regular expression."""
    column.refuse_outside_duckdb("a regular expression")
    written = text(translated(pattern, ignore_case=ignore_case))
    return exp.Anonymous(this="REGEXP_MATCHES", expressions=[column.sql.copy(), written])


def has_content(column: Column) -> exp.Expr:
    """Test whether a column is not blank; the result may be null if the column is missing.

    Raises:
        Refused: The dialect may treat other characters as white space.
    """
    match column.kind:
        case Kind.TEXT:
            return _has_letters(column)
        case Kind.LIST:
            in_json = column.dialect == "postgres" and column.is_document
            function = "JSONB_ARRAY_LENGTH" if in_json else _LENGTHS[column.dialect]
            length = exp.Anonymous(this=function, expressions=[column.sql.copy()])
            return exp.GT(this=length, expression=exp.Literal.number(0))
        case Kind.NOTHING:
            return never()
        case _:
            return exp.Not(this=column.missing)


def _has_letters(column: Column) -> exp.Expr:
    operand = column.sql.copy()
    match column.dialect:
        case "duckdb":
            return exp.Anonymous(this="REGEXP_MATCHES", expressions=[operand, text(f"[^{SPACE}]")])
        case "clickhouse":
            raise Refused(f"which characters are white space may differ in {column.dialect}")
        case _:
            letters = exp.UnicodeString(this="".join(f"\\{ord(letter):04X}" for letter in UNICODE_SPACE))
            return exp.NEQ(this=exp.Trim(this=operand, expression=letters), expression=text(""))
