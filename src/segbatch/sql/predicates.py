"""Conversion of a typed test to SQL that is true or false for the same contacts as the rule.

SQL has a third truth value, null. If nothing negates a test, null excludes a contact like false, and the SQL is easier
to read without a guard; everywhere else the test is wrapped in COALESCE.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import assert_never, cast

from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.typed_test import (
    AnyElement,
    Between,
    Compare,
    CompareFields,
    Comparison,
    HasAnniversary,
    HasMatch,
    HasText,
    IsBlank,
    IsIn,
    IsMissing,
    Never,
    SingleFieldTest,
    TypedLiteral,
    TypedTest,
)
from segbatch.snapshot.fields.types import Kind
from segbatch.sql.columns import Column, element_column
from segbatch.sql.dialects import Refused, never
from segbatch.sql.json_values import has_element
from segbatch.sql.numbers import COMPARISONS, compare_number, compare_numbers
from segbatch.sql.texts import (
    compare_text,
    compare_text_as_number,
    contains,
    ends_with,
    has_letters,
    in_lower_case,
    matches,
    starts_with,
)
from segbatch.sql.times import comparable_times, compare_date, compare_day, compare_instant, has_anniversary

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
_FOLDED = ("i\u0307", "\u03c3\u03c2")
"""The letters whose lower case `in_lower_case` corrects."""

_TEXT_TESTS = {"anywhere": contains, "start": starts_with, "end": ends_with}


def predicate(test: TypedTest, column: Column, clock: Clock, other: Column | None = None, *, negated: bool) -> exp.Expr:
    """Return the SQL of one rule that reads a field.

    Args:
        test: The rule, as a test of the field's type.
        column: The column of the rule's field.
        other: The column that the field is compared with, if the rule has a `value_field`.
        negated: Whether an outer condition negates the rule, so that it must not be null.

    Raises:
        Refused: The dialect cannot express it with the same meaning.
    """
    match test.test:
        case IsMissing():
            return _opposite(column.missing, column) if test.negated else column.missing
        case IsBlank():
            content = _has_content(column)
            return _opposite(content, column) if not test.negated else null_as_false(content) if negated else content
        case CompareFields(comparison):
            compared = cast("Column", other)
            found = _compare_columns(column, comparison, compared, clock, lower_case=test.lower_case)
        case of_value:
            found = _of_value(of_value, column, clock, lower_case=test.lower_case)
    truth = found
    if test.negated:
        truth = _opposite(found, column) if other is None else exp.Not(this=null_as_false(found))
    match test.missing:
        case "include":
            truth = exp.or_(truth, _missing(column, other))
        case "exclude":
            truth = exp.and_(truth, _opposite(_missing(column, other), column))
        case None:
            pass
        case _:
            assert_never(test.missing)
    return null_as_false(truth) if negated else truth


def null_as_false(test: exp.Expr) -> exp.Expr:
    """Convert null to false if a test can be null."""
    bare = test.this if isinstance(test, exp.Not) else test
    if isinstance(bare, exp.Boolean | exp.Is | exp.NullSafeNEQ | exp.Coalesce):
        return test
    return exp.Coalesce(this=test, expressions=[never()])


def _missing(column: Column, other: Column | None) -> exp.Expr:
    return column.missing if other is None else exp.or_(column.missing, other.missing)


def _opposite(test: exp.Expr, column: Column) -> exp.Expr:
    """Return SQL that is true if a test is false or null, and false if it is true."""
    if isinstance(test, exp.Boolean):
        return exp.Boolean(this=not test.this)
    said = column.dialect != "clickhouse" and isinstance(test, exp.EQ) and not isinstance(test.expression, exp.Any)
    if said:
        return exp.NullSafeNEQ(this=test.this, expression=test.expression)
    return exp.Not(this=null_as_false(test))


def _of_value(test: SingleFieldTest, column: Column, clock: Clock, *, lower_case: bool) -> exp.Expr:
    """Return the SQL of the test of a value; it may be null if the column is missing."""
    if isinstance(test, AnyElement):
        return _any_element(test, column, clock, lower_case=lower_case)
    column = in_lower_case(column, _texts_in(test)) if lower_case else column
    match test:
        case Never():
            return never()
        case Compare(comparison, literal):
            return _compare(column, comparison, literal, clock)
        case IsIn(literals):
            return _is_in(column, literals, clock)
        case Between(low, high):
            return exp.and_(_compare(column, "gte", low, clock), _compare(column, "lte", high, clock))
        case HasText(where, text):
            return _TEXT_TESTS[where](column, text)
        case HasAnniversary(ranges):
            return has_anniversary(column, ranges, clock)
        case HasMatch(pattern, ignore_case):
            return matches(column, pattern, ignore_case=ignore_case)
        case _:
            assert_never(test)


def _texts_in(test: SingleFieldTest) -> list[str]:
    """Return the texts that a test compares with."""
    match test:
        case Compare(_, literal):
            return [str(literal)]
        case IsIn(literals):
            return [str(literal) for literal in literals]
        case HasText(_, text):
            return [text]
        case _:
            return []


def _compare(column: Column, comparison: Comparison, literal: TypedLiteral, clock: Clock) -> exp.Expr:
    """Compare a column with a literal of its type."""
    match literal:
        case bool():
            return exp.EQ(this=column.sql.copy(), expression=exp.Boolean(this=literal))
        case str():
            return compare_text(column, comparison, literal)
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


def _is_in(column: Column, literals: Sequence[TypedLiteral], clock: Clock) -> exp.Expr:
    """Test whether a column equals one of the literals."""
    tests = [_compare(column, "eq", literal, clock) for literal in literals]
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


def _any_element(test: AnyElement, column: Column, clock: Clock, *, lower_case: bool) -> exp.Expr:
    """Test whether some element of a list passes; dialects other than DuckDB compare them with one value at a time."""
    inner = test.test
    if isinstance(inner, IsIn) and column.dialect != "duckdb":
        alternatives = [AnyElement(Compare("eq", literal)) for literal in inner.literals]
        return exp.or_(*(_any_element(one, column, clock, lower_case=lower_case) for one in alternatives))
    element = element_column(column, _ELEMENT)
    passes = _of_value(inner, element, clock, lower_case=lower_case)
    if isinstance(passes, exp.Boolean):
        return passes
    if column.dialect == "duckdb":
        if isinstance(passes, exp.EQ) and isinstance(passes.this, exp.Column) and element.kind is not Kind.DATETIME:
            return exp.Anonymous(this="LIST_CONTAINS", expressions=[column.sql.copy(), passes.expression])
        function = exp.Lambda(this=passes, expressions=[exp.to_identifier(_ELEMENT)])
        found = exp.Anonymous(this="LIST_FILTER", expressions=[column.sql.copy(), function])
        return exp.GT(this=exp.Anonymous(this="LEN", expressions=[found]), expression=exp.Literal.number(0))
    if isinstance(passes, exp.EQ) and isinstance(passes.this, exp.Column):
        return _one_element(column, element, passes.expression)
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


def _compare_columns(
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
            return compare_numbers(left, comparison, right)
        case kinds if Kind.DATETIME in kinds:
            return compared(**dict(zip(("this", "expression"), comparable_times(left, right, clock), strict=True)))
        case kinds if kinds == {Kind.TEXT} and comparison != "eq" and column.dialect == "postgres":
            collated = exp.Collate(this=exp.Paren(this=left.sql.copy()), expression=exp.to_identifier("C", quoted=True))
            return compared(this=collated, expression=right.sql.copy())
        case _:
            return compared(this=left.sql.copy(), expression=right.sql.copy())


def _has_content(column: Column) -> exp.Expr:
    """Test whether a column is not blank; the result may be null if the column is missing.

    Raises:
        Refused: The dialect may treat other characters as white space.
    """
    match column.kind:
        case Kind.TEXT:
            return has_letters(column)
        case Kind.LIST:
            in_json = column.dialect == "postgres" and column.is_document
            function = "JSONB_ARRAY_LENGTH" if in_json else _LENGTHS[column.dialect]
            length = exp.Anonymous(this=function, expressions=[column.sql.copy()])
            return exp.GT(this=length, expression=exp.Literal.number(0))
        case Kind.NOTHING:
            return never()
        case _:
            return exp.Not(this=column.missing)
