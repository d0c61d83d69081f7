"""A run that takes minutes, all of them in one call of Polars, and so can be ended in its middle."""

import random
from pathlib import Path

import pyarrow as pa

from builders import rule, write_contacts, write_segment

__all__ = ["write_slow_contacts", "write_slow_segment"]

_CONTACTS, _TEXTS, _LETTERS = 100_000, 50, 2_000


def write_slow_segment(folder: Path) -> None:
    """Write a segment whose rule is slow over long texts, and fast over all others."""
    write_segment(folder, "slow", rule("notes", "matches", "a[ab]{100}c"))


def write_slow_contacts(path: Path) -> None:
    """Write contacts who all are `pro`, with long texts."""
    letters = random.Random(1)  # noqa: S311 - any letters will do
    texts = ["".join(letters.choices("ab", k=_LETTERS)) for _ in range(_TEXTS)]
    notes = pa.DictionaryArray.from_arrays(pa.array([number % _TEXTS for number in range(_CONTACTS)]), texts)
    ids = pa.array([f"c{number}" for number in range(_CONTACTS)])
    columns = {"id": ids, "plan": pa.array(["pro"] * _CONTACTS), "notes": notes.cast(pa.string())}
    write_contacts(path, columns)
