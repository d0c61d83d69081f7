"""Samples of contacts: whole numbers that depend only on a seed and a contact's id.

A contact's share is the first 8 bytes of the MD5 of `seed:id` as a whole number, divided by 2^64. Shares are compared
as whole numbers, so that the bounds of a range are exact. Each seed's numbers are one column, which is computed once
for each batch of contacts.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import numpy as np
import polars as pl

from segbatch.compiler.comparisons import false_for_all
from segbatch.compiler.rule_errors import RuleError
from segbatch.model.rule import Rule
from segbatch.model.sample import SHARES, SampleRange
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, resolve
from segbatch.snapshot.fields.types import UuidType, in_words
from segbatch.text import clipped

_COLUMN = "segbatch:share "
_UUID_IN_HEX = "^(.{8})(.{4})(.{4})(.{4})(.{12})$"
_md5 = partial(hashlib.md5, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class IdColumn:
    """The column with the ids of contacts.

    Attributes:
        name: The name of the column.
        has_uuids: Whether ids of 16 bytes are UUIDs, also if the file does not annotate them.
    """

    name: str = "id"
    has_uuids: bool = False


@dataclass(frozen=True, slots=True)
class Shares:
    """The samples of a plan.

    Attributes:
        texts: The expression of the text of an id.
        ranges: The range of each predicate that takes a sample, by the number of the predicate.
    """

    texts: pl.Expr = field(default_factory=lambda: pl.lit(None, pl.String))
    ranges: Mapping[int, SampleRange] = field(default_factory=dict)

    def add_to(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame of contacts with a column for each seed, for the predicates of the plan."""
        seeds = sorted({sample.seed for sample in self.ranges.values()})
        if not seeds:
            return frame
        texts = frame.select(self.texts.alias("id")).to_series()
        return frame.with_columns(share_numbers(texts, seed).alias(_COLUMN + seed) for seed in seeds)

    def number_of(self, contact: pl.DataFrame, seed: str) -> int | None:
        """Return the number of a contact, given as a frame with one row; None if the contact has no id."""
        texts = contact.select(self.texts.alias("id")).to_series()
        return cast("int | None", share_numbers(texts, seed).item())

    def inlined(self, number: int, predicate: pl.Expr) -> pl.Expr:
        """Return a predicate of the plan so that it needs no other columns than those of the contacts."""
        if number not in self.ranges:
            return predicate
        sample = self.ranges[number]
        compute = partial(share_numbers, seed=sample.seed)
        return _in_range(sample, self.texts.map_batches(compute, pl.UInt64(), is_elementwise=True))


class SampleCompiler:
    """Compiles the rules that take samples.

    Attributes:
        shares: The samples of the rules so far.
    """

    def __init__(self, schema: Mapping[str, pl.DataType], column: IdColumn) -> None:
        self.shares = Shares()
        self._schema = schema
        self._column = column

    def add(self, rule: Rule, number: int) -> tuple[pl.Expr, str]:
        """Compile a rule.

        Args:
            rule: A rule with the operator `sample`.

        Returns:
            The predicate, over the columns that `Shares.add_to` adds, and the path of the column with the ids.

        Raises:
            RuleError: The ids of contacts cannot be found.
        """
        found, texts = _find_ids(self._schema, self._column)
        sample = cast("SampleRange", rule.value)
        self.shares = Shares(texts, {**self.shares.ranges, number: sample})
        return _in_range(sample, pl.col(_COLUMN + sample.seed)), found.leaf


def _find_ids(schema: Mapping[str, pl.DataType], column: IdColumn) -> tuple[Field, pl.Expr]:
    """Find the ids of contacts.

    Returns:
        The field of the ids, and the expression of their text, as the program prints ids.

    Raises:
        RuleError: The column is missing, or has a type that ids cannot have.
    """
    try:
        found = resolve(column.name, schema)
    except UnknownColumnError as error:
        raise RuleError("operator", f"a sample needs the ids of contacts: {error}") from None
    match found.dtype:
        case UuidType() | pl.String():
            return found, found.expr
        case pl.Binary() if column.has_uuids:
            return found, found.expr.bin.encode("hex").str.replace(_UUID_IN_HEX, "$1-$2-$3-$4-$5")
        case pl.Binary():
            return found, found.expr.bin.encode("hex")
        case dtype if dtype.is_integer() or (isinstance(dtype, pl.Decimal) and dtype.scale == 0):
            return found, found.expr.cast(pl.String)
        case dtype:
            kinds = "texts, whole numbers, UUIDs or bytes"
            message = f"'{clipped(column.name)}' is {in_words(dtype)}, and the ids of a sample are {kinds}"
            raise RuleError("operator", message)


def share_numbers(texts: pl.Series, seed: str) -> pl.Series:
    """Return the shares of ids for a seed, times 2^64; null for an id that is null."""
    prefix = f"{seed}:".encode()
    digests = b"".join([_md5(prefix + text).digest() for text in texts.fill_null("").cast(pl.Binary).to_list()])
    numbers = pl.Series(texts.name, np.frombuffer(digests, dtype=">u8")[::2].astype(np.uint64))
    if not texts.null_count():
        return numbers
    return pl.select(pl.when(texts.is_not_null()).then(numbers)).to_series()


def _in_range(sample: SampleRange, numbers: pl.Expr) -> pl.Expr:
    low, high = sample.bounds
    if low >= high:
        return false_for_all()
    at_least = numbers >= pl.lit(low, pl.UInt64)
    found = at_least if high >= SHARES else at_least & (numbers < pl.lit(high, pl.UInt64))
    return found.fill_null(value=False)
