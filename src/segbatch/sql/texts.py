"""Tests of columns of texts.

Regular expressions are translated from Rust's `regex` to DuckDB's RE2, with an error if the two may differ.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import cast

import duckdb
from sqlglot import exp

from segbatch.compiler.literals import UNICODE_SPACE
from segbatch.compiler.typed_test import Comparison
from segbatch.sql.columns import Column
from segbatch.sql.dialects import Refused, text, whole
from segbatch.sql.numbers import COMPARISONS, float_literal
from segbatch.text import shown

_WORD = (
    r"\p{L}\p{M}\p{Nl}\p{Nd}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9}"
    r"\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}"
)
_SPACE = r"\t-\r\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
"""The characters that have Unicode's property White_Space, as RE2 ranges."""

_FOLDED_APART = "\u0390\u03b0\u1fd3\u1fe3\ufb05\ufb06"
"""Letters that equal another of these if case is ignored, in Rust but not in RE2."""

_ADVICE = "write the pattern without it"
_CLASSES = {"d": r"\p{Nd}", "w": _WORD, "s": _SPACE}
_PART = re.compile(r"\\[pP]\{[^}]*\}|\\.|\(\?[^):]*[):]?|\[\[?:?[^]]?|[&~-]{2}|[*+?]+|.", re.DOTALL)
"""Matches the part of a pattern to show in a message, at a position that the translation does not support."""

_TOKEN = re.compile(
    r"""
      (?P<class>\\[dwsDWS])
    | (?P<category>\\[pP]\{(?:L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)\})
    | (?P<escape>\\(?:[.+*?()|\[\]{}^$\\/\-\#&~"'@%!<>=:;,`_ ]|[nrtfav]|x\{[0-9A-Fa-f]{1,6}\}|z|A))
    | (?P<open>\((?:\?:|\?P?<[A-Za-z_][A-Za-z0-9_]*>|\?[is]{1,2}[):]|(?!\?)))
    | (?P<repeat>(?:[*+?]|\{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\})\??(?![*+?{]))
    | (?P<list>\[\^?\]?)
    | (?P<plain>[^\\\[\]{}()*+?])
    | (?P<close>\))
    """,
    re.VERBOSE,
)
_INSIDE = re.compile(
    r"""
      (?P<class>\\[dwsDWS])
    | (?P<category>\\[pP]\{(?:L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)\})
    | (?P<escape>\\(?:[.+*?()|\[\]{}^$\\/\-\#&~"'@%!<>=:;,`_ ]|[nrtfav]|x\{[0-9A-Fa-f]{1,6}\}))
    | (?P<end>\])
    | (?P<plain>(?!--|&&|~~)[^\\\[\]])
    """,
    re.VERBOSE,
)

_CASED = (
    r"\p{Lu}\p{Ll}\p{Lt}ªº\x{2160}-\x{217F}\x{24B6}-\x{24E9}"
    r"\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}"
)
_IGNORABLE = (
    r"\p{Mn}\p{Me}\p{Cf}\p{Lm}\p{Sk}'.:·\x{387}\x{55F}\x{5F4}\x{2018}\x{2019}\x{2024}\x{2027}\x{FE13}"
    r"\x{FE52}\x{FE55}\x{FF07}\x{FF0E}\x{FF1A}"
)
_FINAL_SIGMA = rf"([{_CASED}][{_IGNORABLE}]*)Σ([{_IGNORABLE}]*(?:[^{_CASED}{_IGNORABLE}]|$))"
_NUMBER = r"^[\s\v]*([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)[\s\v]*$"


def compare_text(column: Column, comparison: Comparison, value: str) -> exp.Expr:
    """Compare a column of texts with a text, by code point."""
    operand = column.sql.copy()
    if comparison != "eq" and column.dialect == "postgres":
        operand = exp.Paren(this=operand) if column.is_document else operand
        operand = exp.Collate(this=operand, expression=exp.to_identifier("C", quoted=True))
    return COMPARISONS[comparison](this=operand, expression=_written(value, column))


def compare_text_as_number(column: Column, comparison: Comparison, bound: Decimal) -> exp.Expr:
    """Compare the texts that are numbers by the documented grammar, as doubles; null for all others."""
    column.refuse_outside_duckdb("comparing a text with a number")
    number = number_in_text(column)
    test = COMPARISONS[comparison](this=number, expression=float_literal(float(bound), is_double=True))
    if comparison == "eq":
        return test
    return exp.and_(test, exp.Anonymous(this="ISFINITE", expressions=[number.copy()]))


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


def matches(column: Column, pattern: str, *, ignore_case: bool) -> exp.Expr:
    """Test whether a text contains a match of a regular expression."""
    column.refuse_outside_duckdb("a regular expression")
    written = text(_translated(pattern, ignore_case=ignore_case))
    return exp.Anonymous(this="REGEXP_MATCHES", expressions=[column.sql.copy(), written])


def has_letters(column: Column) -> exp.Expr:
    """Test whether texts have a character that is not white space.

    Raises:
        Refused: The dialect may treat other characters as white space.
    """
    operand = column.sql.copy()
    match column.dialect:
        case "duckdb":
            return exp.Anonymous(this="REGEXP_MATCHES", expressions=[operand, text(f"[^{_SPACE}]")])
        case "clickhouse":
            raise Refused(f"which characters are white space may differ in {column.dialect}")
        case _:
            letters = exp.UnicodeString(this="".join(f"\\{ord(letter):04X}" for letter in UNICODE_SPACE))
            return exp.NEQ(this=exp.Trim(this=operand, expression=letters), expression=text(""))


def number_in_text(column: Column) -> exp.Expr:
    """Return the number that a text contains; null if it contains none."""
    found = exp.Anonymous(this="REGEXP_EXTRACT", expressions=[column.sql.copy(), text(_NUMBER), whole(1)])
    return exp.TryCast(this=found, to=exp.DataType.build("double"))


def _written(value: str, column: Column) -> exp.Expr:
    """Return a text literal; raise an error if a dialect may interpret some of its characters."""
    if column.dialect != "duckdb" and ("\\" in value or not value.isprintable()):
        raise Refused(f"a text with a backslash or a control character may mean something else in {column.dialect}")
    return text(value)


def _part(value: str, column: Column) -> exp.Expr:
    if not value:
        column.refuse_outside_duckdb("an empty text in another")
    return _written(value, column)


def _translated(pattern: str, *, ignore_case: bool) -> str:
    """Translate a pattern from Rust's syntax to RE2.

    Raises:
        Refused: The pattern has a construct that RE2 lacks, or may read differently.
    """
    if ignore_case or "(?" in pattern:
        _ensure_folded_alike(pattern)
    written, position, inside = ["(?i)"] if ignore_case else [], 0, False
    while position < len(pattern):
        found = (_INSIDE if inside else _TOKEN).match(pattern, position)
        if found is None:
            part = cast("re.Match[str]", _PART.match(pattern, position)).group()
            reason = f"the regular expressions of DuckDB lack, or read differently, {shown(part)} in {shown(pattern)}"
            raise Refused(reason, _ADVICE)
        kind, token = found.lastgroup, found.group()
        if kind == "class":
            token = _character_class(token[1], inside=inside)
        elif kind == "open":
            token = token.replace("(?<", "(?P<")
        inside = kind == "list" or (inside and kind != "end")
        written.append(token)
        position = found.end()
    _ensure_small("".join(written))
    return "".join(written)


def _ensure_folded_alike(pattern: str) -> None:
    apart = [letter for letter in pattern if letter in _FOLDED_APART]
    if apart:
        reason = f"the regular expressions of DuckDB do not fold the case of {apart[0]!r} as a rule does"
        raise Refused(reason, _ADVICE)


def _ensure_small(pattern: str) -> None:
    """Raise an error if DuckDB rejects a pattern: RE2 limits repetitions to 1,000 and the size of patterns."""
    try:
        with duckdb.connect() as connection:
            connection.execute("SELECT regexp_matches('', $1)", [pattern])
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        advice = "write the pattern with smaller or fewer repetitions"
        raise Refused(f"the regular expressions of DuckDB have a limit: {reason}", advice) from None


def _character_class(letter: str, *, inside: bool) -> str:
    """Return a class of digits, letters or spaces, or its opposite: RE2's classes are ASCII, Rust's are Unicode."""
    ranges = _CLASSES[letter.lower()]
    if letter.islower():
        return ranges if inside else f"[{ranges}]"
    if letter == "D":
        return r"\P{Nd}"
    if inside:
        raise Refused(f"the regular expressions of DuckDB have no '\\{letter}' of Unicode inside brackets", _ADVICE)
    return f"[^{ranges}]"
