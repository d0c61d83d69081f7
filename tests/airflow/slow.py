"""Write data for a run that takes minutes in a single call of Polars, so that tests can stop it."""

import random
from pathlib import Path

import pyarrow as pa

from builders import rule, write_contacts, write_segment

__all__ = ["write_slow_contacts", "write_slow_segment"]

_CONTACTS, _TEXTS, _LETTERS = 100_000, 50, 2_000


def write_slow_segment(folder: Path) -> None:
    """Write a segment whose rule is slow on long texts only."""
    write_segment(folder, "slow", rule("notes", "matches", "a[ab]{100}c"))


def write_slow_contacts(path: Path) -> None:
    """Write contacts with the plan `pro` and long texts, without a dictionary, which would make a rule fast."""
    letters = random.Random(1)  # noqa: S311 - not for cryptography
    texts = ["".join(letters.choices("ab", k=_LETTERS)) for _ in range(_TEXTS)]
    notes = pa.DictionaryArray.from_arrays(pa.array([number % _TEXTS for number in range(_CONTACTS)]), texts)
    ids = pa.array([f"c{number}" for number in range(_CONTACTS)])
    columns = {"id": ids, "plan": pa.array(["pro"] * _CONTACTS), "notes": notes.cast(pa.string())}
    write_contacts(path, columns, use_dictionary=False, compression="zstd")
