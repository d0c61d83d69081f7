"""Counts of the values that rules on rows of related tables can read, over all rows that count."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import compile_test
from segbatch.compiler.reading_counts import BATCH, count_readings, find_readings, leaves_of
from segbatch.compiler.rule_fields import RuleFields
from segbatch.compiler.typed_test import Compare, TypedTest
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.related.row_numbers import ORPHAN, ContactRows
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
    frames = _rows(table, leaves_of(wanted), contacts, clock)
    schema = table.snapshot.schema.with_readings(count_readings(wanted, frames))
    return replace(table, snapshot=replace(table.snapshot, schema=schema))


def _rows(table: RelatedTable, leaves: set[str], contacts: Snapshot, clock: Clock) -> Iterator[pl.DataFrame]:
    """Yield the rows that count."""
    if isinstance(table.snapshot, ListTable):
        yield from (batch.frame for batch in table.snapshot.batches(leaves, BATCH))
        return
    known, exists = ContactRows(map(comparable_ids, contacts.ids())), row_exists(table.time, clock)
    timed = leaves if table.time is None else {*leaves, table.time.leaf}
    for batch in table.snapshot.batches(timed, BATCH):
        is_known = known.find(comparable_ids(ids_as_series(batch.ids))) != ORPHAN
        rows = batch.frame.filter(pl.Series(is_known))
        yield rows if exists is None else rows.filter(exists)
