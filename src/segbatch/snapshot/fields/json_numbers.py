"""Exact conversion of JSON numbers of any length between texts and columns."""

from typing import Any

import polars as pl

from segbatch.snapshot.fields.types import FLOAT, LONG, WHOLE

DIGITS = 38
"""Maximum number of digits of a whole number in a decimal column."""

_WHOLE = f"^-?[0-9]{{1,{DIGITS}}}$"
_LONG = f"^-?[0-9]{{{DIGITS + 1},}}$"


def of_any_length(texts: pl.Expr) -> pl.Expr:
    """Convert texts that are JSON numbers to `ANY_LENGTH`. Null stays null."""
    whole, is_long = texts.str.contains(_WHOLE), texts.str.contains(_LONG)
    infinite = pl.when(texts.str.starts_with("-")).then(float("-inf")).otherwise(float("inf"))
    parts = pl.struct(
        pl.when(whole).then(texts).cast(pl.Decimal(DIGITS, 0)).alias(WHOLE),
        pl.when(~whole & ~is_long).then(texts.cast(pl.Float64, strict=False).fill_null(infinite)).alias(FLOAT),
        pl.when(is_long).then(texts).alias(LONG),
    )
    return pl.when(texts.is_not_null()).then(parts)


def number_texts(numbers: pl.Expr) -> pl.Expr:
    """Convert numbers of `ANY_LENGTH` to text."""
    floats = numbers.struct.field(FLOAT).cast(pl.String)
    return pl.coalesce(numbers.struct.field(LONG), numbers.struct.field(WHOLE).cast(pl.String), floats)


def plain_number(value: Any) -> Any:
    """Return a value of a column with each `ANY_LENGTH` number in it converted to a Python number."""
    match value:
        case {"segbatch:whole": whole, "segbatch:float": double, "segbatch:long": long}:
            return double if double is not None else int(whole if long is None else long)
        case list():
            return [plain_number(item) for item in value]
        case _:
            return value
