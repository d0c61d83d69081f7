"""The rows of related tables in a bucket become aggregates, with which the last segments are evaluated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.cluster.job import Job
from segbatch.cluster.payloads import Payload, frame_of, with_words, words_of
from segbatch.cluster.table_plan import DividedPlan, divide, first_sent_bit
from segbatch.cluster.table_split import CONTACT_ID, ROWS
from segbatch.engine.local import batch_rows, combine_predicates, evaluate_numbers
from segbatch.platform.bitmaps import Bitmaps, empty_bitmaps, from_columns
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.query import TableCounts
from segbatch.snapshot.related.row_numbers import ORPHAN, ContactRows
from segbatch.snapshot.related.values import TableValues
from segbatch.storage.bit_matrix import Memory, from_words, to_bitmaps, to_words


@dataclass(frozen=True, slots=True)
class CompletedContacts:
    """The contacts of a bucket with the bits of all segments.

    Attributes:
        contacts: Rows of ids and bits, as in payloads of contacts.
        tables: For each related table, the number of its rows in the bucket.
    """

    contacts: Sequence[pa.RecordBatch]
    tables: Mapping[str, TableCounts]


def complete_contacts(job: Job, contacts: Sequence[pa.RecordBatch], payloads: Iterable[Payload]) -> CompletedContacts:
    """Evaluate the segments of a bucket that read related tables.

    Args:
        contacts: The contacts of the bucket, with the bits of the other segments and of predicates.
        payloads: The payloads of the bucket, in order. Only rows of tables are used.

    Raises:
        EvaluationError: A rule cannot be evaluated over the aggregates of some contacts.
    """
    divided = divide(job.plan)
    if not divided.queries:
        return CompletedContacts(contacts, {})
    rows = [payload for payload in payloads if payload.kind == "rows"]
    known = ContactRows(comparable_ids(ids_as_series(batch.column(0))) for batch in contacts)
    with ExitStack() as stack:
        tables = {query.name: stack.enter_context(TableValues(query, known.contacts)) for query in divided.queries}
        counts = {name: TableCounts() for name in tables}
        for payload in rows:
            name = payload.details["table"]
            counts[name] = _add(payload, tables[name], known, counts[name])
        del known
        return CompletedContacts([*_complete(job, divided, contacts, tables)], counts)


def _add(payload: Payload, table: TableValues, known: ContactRows, counts: TableCounts) -> TableCounts:
    """Add the rows of a payload, and count those that belong to no contact."""
    frame = frame_of(payload)
    contacts = comparable_ids(frame.get_column(CONTACT_ID))
    if ROWS in frame.columns:
        is_orphan = pl.Series(known.find(contacts) == ORPHAN)
        orphans = int(frame.get_column(ROWS).filter(is_orphan).sum())
    else:
        orphans = table.add_needed(known, contacts, frame.drop(CONTACT_ID))
    return counts.plus(int(payload.details["rows"]), orphans, int(payload.details["later"]))


def _complete(
    job: Job, divided: DividedPlan, contacts: Sequence[pa.RecordBatch], tables: Mapping[str, TableValues]
) -> Iterator[pa.RecordBatch]:
    """Yield the contacts in their order, with the bits of all segments."""
    memory, most = Memory(), batch_rows(len(job.plan.segments))
    for batch in _batches(contacts, most):
        length = batch.num_rows
        aggregates = pl.concat([table.take(length) for table in tables.values()], how="horizontal")
        found = from_words(words_of(batch), memory).copy()
        _set_dependent(found, job, divided, aggregates)
        bitmaps = to_bitmaps([*found[: len(job.bits.names)]], length, memory)
        yield with_words(batch.column(0), to_words(bitmaps, length, memory))


def _set_dependent(bitmaps: Bitmaps, job: Job, divided: DividedPlan, aggregates: pl.DataFrame) -> None:
    """Set the bitmaps of the segments that read tables, in the bitmaps of segments and sent predicates."""
    length, plan, bits = aggregates.height, divided.last_stage, job.bits.bits
    predicates = empty_bitmaps(len(plan.predicates), length)
    first = first_sent_bit(job.bits)
    predicates[[*divided.sent]] = bitmaps[first : first + len(divided.sent)]
    results = evaluate_numbers(plan, divided.aggregated, aggregates).get_columns()
    predicates[[*divided.aggregated]] = from_columns(results, length)
    known = {name: bitmaps[bits[name]] for name in divided.known}
    members = combine_predicates(plan, predicates, length, known)
    for segment, bitmap in zip(plan.segments, members, strict=True):
        bitmaps[bits[segment.definition.segment_id]] = bitmap


def _batches(contacts: Sequence[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    """Yield contacts in batches of at most `most`."""
    for batch in contacts:
        yield from (batch.slice(start, most) for start in range(0, batch.num_rows, most))
