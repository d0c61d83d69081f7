"""Samples of contacts in SQL: the first 16 digits of an MD5 in hexadecimal, compared as texts.

Texts of equal length with lower-case hexadecimal digits have the order of the numbers, and every dialect has MD5, but
not every dialect has whole numbers of 64 bits without a sign.
"""

import polars as pl
from sqlglot import exp

from segbatch.model.sample import SHARES, SampleRange
from segbatch.snapshot.fields.types import Kind
from segbatch.sql.columns import Column
from segbatch.sql.dialects import is_null, never, text

_DIGITS = 16
_UUID_IN_HEX = "^(.{8})(.{4})(.{4})(.{4})(.{12})$"


def sample(value: SampleRange, ids: Column, *, has_uuids: bool) -> exp.Expr:
    """Return SQL that is true for the contacts of a sample; it is null for an id that is null.

    Args:
        has_uuids: Whether ids of 16 bytes are UUIDs.

    Raises:
        Refused: The dialect may write the ids differently.
    """
    low, high = value.bounds
    if low >= high:
        return never()
    if (low, high) == (0, SHARES):
        return exp.Not(this=is_null(ids.sql))
    seeded = exp.DPipe(this=text(f"{value.seed}:"), expression=_id_text(ids, has_uuids=has_uuids))
    digits = exp.Substring(this=exp.MD5(this=seeded), start=exp.Literal.number(1), length=exp.Literal.number(_DIGITS))
    tests: list[exp.Expr] = []
    if low:
        tests.append(exp.GTE(this=digits, expression=_bound(low)))
    if high < SHARES:
        tests.append(exp.LT(this=digits.copy(), expression=_bound(high)))
    return exp.and_(*tests)


def _bound(number: int) -> exp.Literal:
    return text(f"{number:0{_DIGITS}x}")


def _id_text(ids: Column, *, has_uuids: bool) -> exp.Expr:
    """Return SQL for the text of an id, as the program prints ids."""
    if ids.kind in {Kind.TEXT, Kind.UUID}:
        return ids.sql
    if not isinstance(ids.dtype, pl.Binary):
        return exp.cast(ids.sql, "text")
    ids.refuse_outside_duckdb("the text of an id that is stored as bytes")
    digits = exp.Lower(this=exp.Anonymous(this="HEX", expressions=[ids.sql]))
    if not has_uuids:
        return digits
    groups = r"\1-\2-\3-\4-\5"
    return exp.Anonymous(this="REGEXP_REPLACE", expressions=[digits, text(_UUID_IN_HEX), text(groups)])
