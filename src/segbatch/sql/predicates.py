"""Conversion of a typed test to SQL that is true or false for the same contacts as the rule.

SQL has a third truth value, null. If nothing negates a test, null excludes a contact like false, and the SQL is easier
to read without a guard; everywhere else the test is wrapped in COALESCE.
"""

from typing import assert_never, cast

from sqlglot import exp

from segbatch.compiler.clock import Clock
from segbatch.compiler.typed_test import (
    AnyElement,
    Between,
    Compare,
    CompareFields,
    HasAnniversary,
    HasMatch,
    HasText,
    IsBlank,
    IsIn,
    IsMissing,
    Never,
    SingleFieldTest,
    TypedTest,
)
from segbatch.sql.columns import Column
from segbatch.sql.comparisons import (
    compare,
    contains,
    ends_with,
    has_content,
    in_lower_case,
    is_in,
    matches,
    some_element,
    starts_with,
)
from segbatch.sql.dialects import never
from segbatch.sql.field_comparisons import compare_columns
from segbatch.sql.times import has_anniversary

_TEXT_TESTS = {"anywhere": contains, "start": starts_with, "end": ends_with}


def predicate(test: TypedTest, column: Column, clock: Clock, other: Column | None = None, *, negated: bool) -> exp.Expr:
    """Return the SQL of one rule that reads a field.

    Args:
        test: The rule, as a test of the field's type.
        column: The column of the rule's field.
        clock: The time of the run.
        other: The column that the field is compared with, if the rule has a `value_field`.
        negated: Whether an outer condition negates the rule, so that it must not be null.

    Raises:
        Refused: The dialect cannot express it with the same meaning.
    """
    match test.test:
        case IsMissing():
            return _opposite(column.missing, column) if test.negated else column.missing
        case IsBlank():
            content = has_content(column)
            return _opposite(content, column) if not test.negated else settled(content) if negated else content
        case CompareFields(comparison):
            compared = cast("Column", other)
            found = compare_columns(column, comparison, compared, clock, lower_case=test.lower_case)
        case of_value:
            found = _of_value(of_value, column, clock, lower_case=test.lower_case)
    truth = found
    if test.negated:
        truth = _opposite(found, column) if other is None else exp.Not(this=settled(found))
    match test.missing:
        case "include":
            truth = exp.or_(truth, _missing(column, other))
        case "exclude":
            truth = exp.and_(truth, _opposite(_missing(column, other), column))
        case None:
            pass
        case _:
            assert_never(test.missing)
    return settled(truth) if negated else truth


def _missing(column: Column, other: Column | None) -> exp.Expr:
    return column.missing if other is None else exp.or_(column.missing, other.missing)


def settled(test: exp.Expr) -> exp.Expr:
    """Convert null to false if a test can be null."""
    bare = test.this if isinstance(test, exp.Not) else test
    if isinstance(bare, exp.Boolean | exp.Is | exp.NullSafeNEQ | exp.Coalesce):
        return test
    return exp.Coalesce(this=test, expressions=[never()])


def _opposite(test: exp.Expr, column: Column) -> exp.Expr:
    """Return SQL that is true if a test is false or null, and false if it is true."""
    if isinstance(test, exp.Boolean):
        return exp.Boolean(this=not test.this)
    said = column.dialect != "clickhouse" and isinstance(test, exp.EQ) and not isinstance(test.expression, exp.Any)
    if said:
        return exp.NullSafeNEQ(this=test.this, expression=test.expression)
    return exp.Not(this=settled(test))


def _of_value(test: SingleFieldTest, column: Column, clock: Clock, *, lower_case: bool) -> exp.Expr:
    """Return the SQL of the test of a value; it may be null if the column is missing."""
    if isinstance(test, AnyElement):
        return _any_element(test, column, clock, lower_case=lower_case)
    column = in_lower_case(column, _texts_in(test)) if lower_case else column
    match test:
        case Never():
            return never()
        case Compare(comparison, literal):
            return compare(column, comparison, literal, clock)
        case IsIn(literals):
            return is_in(column, literals, clock)
        case Between(low, high):
            return exp.and_(compare(column, "gte", low, clock), compare(column, "lte", high, clock))
        case HasText(where, text):
            return _TEXT_TESTS[where](column, text)
        case HasAnniversary(ranges):
            return has_anniversary(column, ranges, clock)
        case HasMatch(pattern, ignore_case):
            return matches(column, pattern, ignore_case=ignore_case)
        case _:
            assert_never(test)


def _any_element(test: AnyElement, column: Column, clock: Clock, *, lower_case: bool) -> exp.Expr:
    """Test the elements of a list; dialects other than DuckDB compare them with one value at a time."""
    inner = test.test
    if isinstance(inner, IsIn) and column.dialect != "duckdb":
        alternatives = [AnyElement(Compare("eq", literal)) for literal in inner.literals]
        return exp.or_(*(_any_element(one, column, clock, lower_case=lower_case) for one in alternatives))
    return some_element(column, lambda element: _of_value(inner, element, clock, lower_case=lower_case))


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
