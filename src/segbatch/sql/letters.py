"""Lower case as Unicode writes it in full, over a function that knows single letters alone."""

from collections.abc import Iterable

from sqlglot import exp

from segbatch.sql.columns import Column
from segbatch.sql.dialects import text

__all__ = ["in_lower_case"]

_CASED = (
    r"\p{Lu}\p{Ll}\p{Lt}ªº\x{2160}-\x{217F}\x{24B6}-\x{24E9}"
    r"\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}"
)
_IGNORABLE = (
    r"\p{Mn}\p{Me}\p{Cf}\p{Lm}\p{Sk}'.:·\x{387}\x{55F}\x{5F4}\x{2018}\x{2019}\x{2024}\x{2027}\x{FE13}"
    r"\x{FE52}\x{FE55}\x{FF07}\x{FF0E}\x{FF1A}"
)
_FINAL_SIGMA = rf"([{_CASED}][{_IGNORABLE}]*)Σ([{_IGNORABLE}]*(?:[^{_CASED}{_IGNORABLE}]|$))"


def in_lower_case(column: Column, values: Iterable[str]) -> Column:
    """Return a column of texts in lower case, to be compared with values that are in lower case.

    DuckDB's LOWER makes one letter of `İ`, and knows no other sigma at the end of a word; both are mended where one of
    the values could tell.
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
