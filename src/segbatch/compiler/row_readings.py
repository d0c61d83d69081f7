"""Counts of the values that rules on rows of related tables can read, over all rows that count."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import compile_test
from segbatch.compiler.reading_counts import (
    BATCH,
    Counts,
    Wanted,
    add_counts,
    count_readings,
    counts_of,
    find_readings,
    leaves_of,
    tests_of,
)
from segbatch.compiler.rule_fields import RuleFields
from segbatch.compiler.typed_test import Compare, TypedTest
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.related.tables import RelatedTable
from segbatch.snapshot.snapshot import Snapshot


def row_exists(time: Field | None, clock: Clock) -> pl.Expr | None:
    """Return whether a row existed at the time of the run; a row without a time does. None if all rows do."""
    if time is None or time.kind is Kind.NOTHING:
        return None
    bound = clock.day_of(clock.as_of) if time.kind is Kind.DATE else clock.as_of
    return compile_test(TypedTest(Compare("lte", bound), missing="include"), RuleFields(time), clock)


def with_row_reading_counts(
    table: RelatedTable, rules: Iterable[Rule], contacts: Snapshot, clock: Clock
) -> RelatedTable:
    """Return a table with the counts for all fields that rules on its rows read as another type.

    The columns of these fields are read once.

    Args:
        contacts: The contacts. Rows of others do not count, and neither do rows later than the run.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    wanted = find_readings(rules, table.snapshot.schema, clock)
    if not wanted:
        return table
    match table.snapshot:
        case ListTable() as elements:
            counts = _count_elements(elements, wanted, contacts)
        case Snapshot() as rows:
            counts = _count_rows(rows, wanted, contacts, table.time, clock)
        case _:
            raise AssertionError(table.name)
    schema = table.snapshot.schema.with_readings(counts)
    return replace(table, snapshot=replace(table.snapshot, schema=schema))


def _count_elements(elements: ListTable, wanted: Wanted, contacts: Snapshot) -> Counts:
    """Count the values in a list of the contacts."""
    [*parts] = contacts.scanner.scan(contacts, partial(_count_in, elements=_over(elements, ()), wanted=wanted))
    return reduce(add_counts, parts)


def _count_in(contacts: Snapshot, elements: ListTable, wanted: Wanted) -> Counts:
    batches = _over(elements, contacts.files).batches(leaves_of(wanted), BATCH)
    return count_readings(wanted, (batch.frame for batch in batches))


def _over(elements: ListTable, files: tuple[SnapshotFile, ...]) -> ListTable:
    """Return a list in contacts of other files."""
    return replace(elements, contacts=replace(elements.contacts, files=files))


def _count_rows(rows: Snapshot, wanted: Wanted, contacts: Snapshot, time: Field | None, clock: Clock) -> Counts:
    """Count the values in the rows of contacts that exist."""
    tests = tests_of(wanted)
    leaves = leaves_of(wanted) if time is None else {*leaves_of(wanted), time.leaf}
    read = partial(_read_tests, leaves=frozenset(leaves), exists=row_exists(time, clock), tests=tests)
    totals = contacts.scanner.sum_rows(contacts, rows, read)
    return counts_of(wanted, totals or [0] * len(tests))


def _read_tests(
    rows: Snapshot, leaves: frozenset[str], exists: pl.Expr | None, tests: Sequence[pl.Expr]
) -> Iterator[tuple[pl.Series, pl.DataFrame]]:
    """Yield the contacts of rows that exist, with the results of tests."""
    for batch in rows.batches(leaves, BATCH):
        ids, results = comparable_ids(ids_as_series(batch.ids)), batch.frame.select(tests)
        if exists is None:
            yield ids, results
        else:
            found = batch.frame.select(exists.alias("exists")).to_series()
            yield ids.filter(found), results.filter(found)
