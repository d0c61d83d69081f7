"""Matching the rows of this run with the rows of the previous run by contact id, in any order."""

from collections.abc import Iterable

import polars as pl

_KEYS = ("a", "b")


class ContactAlignment:
    """The alignment of this run's contacts with those of the previous run.

    Attributes:
        rows: For each contact of this run, its row in the previous run; null for new contacts.
        gone: The rows of the previous run whose contacts no longer exist.
    """

    def __init__(self, rows: pl.Series, gone: pl.Series) -> None:
        self.rows = rows
        self.gone = gone


def align_contacts(previous: Iterable[pl.Series], current: Iterable[pl.Series]) -> ContactAlignment:
    """Find the contacts of this run in the previous run.

    Ids are compared by a 128-bit hash, which takes 16 bytes per contact and run. A collision is less likely than a
    memory error, even with a billion ids.

    Args:
        previous: The ids of the previous run, in batches.
        current: The ids of this run, in batches.
    """
    old, new = _keys(previous), _keys(current)
    numbered = old.with_row_index("row")
    if len(old) == len(new) and old.equals(new):
        return ContactAlignment(numbered.get_column("row"), pl.Series("row", [], pl.UInt32))
    rows = _joined(numbered, new)
    is_gone = pl.repeat(value=True, n=len(old), dtype=pl.Boolean, eager=True).scatter(rows.drop_nulls(), values=False)
    return ContactAlignment(rows, is_gone.arg_true())


def _joined(old: pl.DataFrame, new: pl.DataFrame) -> pl.Series:
    """Join by half of the hash, which is twice as fast; join by both halves only if the other half shows a clash."""
    first, second = _KEYS
    pairs = new.join(old, on=first, how="left", maintain_order="left", suffix=" before")
    differs = pairs.get_column(second) != pairs.get_column(f"{second} before")
    if len(pairs) == len(new) and not differs.any():
        return pairs.get_column("row")
    return new.join(old, on=_KEYS, how="left", maintain_order="left").get_column("row")


def _keys(batches: Iterable[pl.Series]) -> pl.DataFrame:
    frames = [pl.DataFrame({key: ids.hash(seed) for seed, key in enumerate(_KEYS)}) for ids in batches]
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(_KEYS, pl.UInt64))
