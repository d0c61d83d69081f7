"""Access to columns and children of structs by exact name, whatever characters the name has.

Polars reads `*`, and a name that begins with `^` and ends with `$`, as a pattern of names.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl


def column(name: str) -> pl.Expr:
    """Return an expression for the column with exactly this name."""
    return pl.col(f"^{re.escape(name)}$") if _is_pattern(name) else pl.col(name)


def select_columns(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Return the columns of a frame with exactly these names, in the order of `names`."""
    return pl.DataFrame([frame.get_column(name) for name in names])


def child(expr: pl.Expr, name: str, dtype: pl.DataType) -> pl.Expr:
    """Return an expression for the child of a struct with exactly this name."""
    if not _is_pattern(name):
        return expr.struct.field(name)
    return pl.map_batches([expr], _Child(name), return_dtype=dtype, is_elementwise=True)


@dataclass(frozen=True, slots=True)
class _Child:
    """A function from structs to one of their children. Unlike a closure, it can be pickled with its expression."""

    name: str

    def __call__(self, arguments: Sequence[pl.Series]) -> pl.Series:
        [structs] = arguments
        found = structs.struct.unnest().get_column(self.name)
        return pl.select(pl.when(structs.is_not_null()).then(found)).to_series().alias(structs.name)


def _is_pattern(name: str) -> bool:
    return name == "*" or (name.startswith("^") and name.endswith("$"))
