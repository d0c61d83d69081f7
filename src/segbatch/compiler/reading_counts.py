"""Counts of the values that rules can read, over the whole snapshot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.iso_texts import days_in
from segbatch.compiler.read_as import ReadingError, read_as
from segbatch.compiler.relative_dates import needs_dates
from segbatch.model.operators import ReadingName
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, ReadingCounts, resolve
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.snapshot import Snapshot

BATCH = 100_000
"""Number of contacts or rows that are read at a time."""

_IMPLICIT: ReadingName = "datetime"

Wanted = Mapping[tuple[str, str], tuple[Field, Field]]
"""Fields by their names and the types that they are read as: each as it is stored, and as it is read."""

Counts = Mapping[tuple[str, str], ReadingCounts]
"""The counts of fields, by their names and the types that they are read as."""


def with_reading_counts(snapshot: Snapshot, rules: Iterable[Rule], clock: Clock) -> Snapshot:
    """Return a snapshot with the counts for all fields that rules read as another type.

    The columns of these fields are read once.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    wanted = find_readings(rules, snapshot.schema, clock)
    if not wanted:
        return snapshot
    counts = snapshot.scanner.scan(snapshot, partial(_count, wanted=wanted))
    return replace(snapshot, schema=snapshot.schema.with_readings(reduce(add_counts, counts)))


def _count(snapshot: Snapshot, wanted: Wanted) -> Counts:
    return count_readings(wanted, (batch.frame for batch in snapshot.batches(leaves_of(wanted), BATCH)))


def add_counts(counts: Counts, more: Counts) -> Counts:
    """Return the counts of two parts of a snapshot."""
    return {key: found.plus(more[key]) for key, found in counts.items()}


def leaves_of(wanted: Wanted) -> set[str]:
    """Return the columns that readings need."""
    return {field.leaf for field, _ in wanted.values()}


def count_readings(wanted: Wanted, frames: Iterable[pl.DataFrame]) -> Counts:
    """Count the values that can be read.

    Args:
        wanted: The fields, by their names and the types that they are read as.
        frames: The contacts, or the rows of a table.
    """
    sums = [test.sum().cast(pl.Int64) for test in tests_of(wanted)]
    totals = [0] * len(sums)
    for frame in frames:
        totals = [total + more for total, more in zip(totals, frame.select(sums).row(0), strict=True)]
    return counts_of(wanted, totals)


def tests_of(wanted: Wanted) -> list[pl.Expr]:
    """Return the tests of all fields, three of each, with 1 for a value that passes."""
    tests = (test for field, read in wanted.values() for test in _tests(field, read))
    return [test.cast(pl.UInt32).alias(str(index)) for index, test in enumerate(tests)]


def counts_of(wanted: Wanted, totals: Sequence[int]) -> Counts:
    """Return the counts of all fields.

    Args:
        totals: The sum of each test of `tests_of`.
    """
    return {key: ReadingCounts(*totals[3 * index : 3 * index + 3]) for index, key in enumerate(wanted)}


def find_readings(rules: Iterable[Rule], schema: Mapping[str, pl.DataType], clock: Clock) -> Wanted:
    """Return the fields that rules read as another type, each as it is stored and as it is read."""
    found: dict[tuple[str, str], tuple[Field, Field]] = {}
    for rule in rules:
        for name in rule.fields:
            try:
                field = resolve(name, schema)
                reading = rule.read_as or (_IMPLICIT if field.kind is Kind.TEXT and needs_dates(rule) else None)
                if reading is not None and field.kind is not Kind.NOTHING:
                    found[name, reading] = field, read_as(field, reading, clock)
            except (UnknownColumnError, ReadingError):
                continue  # reported when the rule is compiled
    return found


def _tests(field: Field, read: Field) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    is_day = days_in(field.expr).is_not_null() if field.kind is Kind.TEXT else pl.lit(value=False)
    return field.expr.is_not_null(), read.expr.is_not_null(), is_day
