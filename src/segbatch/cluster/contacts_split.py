"""The contacts of a part of a snapshot: evaluated, packed to bits, and cut into payloads by bucket."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.cluster.contact_hash import sort_by_bucket
from segbatch.cluster.job import Job
from segbatch.cluster.payloads import encode_payload, with_words
from segbatch.cluster.table_plan import DividedPlan, contacts_in, divide, first_sent_bit
from segbatch.engine.local import batch_rows, combine_predicates, predicate_bitmaps, text_sources
from segbatch.platform.iterators import gather
from segbatch.snapshot.batch import Batch
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.storage.bit_matrix import Memory, to_bitmaps, to_words
from segbatch.storage.id_types import to_stored
from segbatch.storage.segment_bits import SegmentBits

_MOST_BYTES = 64 << 20
"""The size of contacts that are cut at once. Many small payloads take longer than few large ones."""


@dataclass(frozen=True, slots=True)
class ContactsSplit:
    """A part of a snapshot.

    Attributes:
        file: A file of the snapshot, or some row groups of it.
    """

    file: SnapshotFile

    def payloads(self, job: Job) -> Iterator[tuple[int, bytes]]:
        """Yield the contacts with the bits of the segments that they are in, in payloads by bucket.

        Raises:
            SnapshotError: The file cannot be read to its end.
            EvaluationError: A rule cannot be evaluated over these contacts.
        """
        divided, memory = divide(job.plan), Memory()
        plan, snapshot = divided.first_stage, contacts_in(job.snapshot, divided, self.file)
        batches = snapshot.batches(plan.leaves, batch_rows(len(job.plan.segments)), text_sources(plan))
        packed = (_pack(divided, batch, job.bits, memory) for batch in batches)
        for contacts in gather_batches(packed):
            for bucket, rows in cut_by_bucket(contacts, job.buckets):
                yield bucket, encode_payload("contacts", rows)


def _pack(divided: DividedPlan, batch: Batch, bits: SegmentBits, memory: Memory) -> pa.RecordBatch:
    """Return the contacts of a batch with their bits: those of segments, then those of predicates that are sent.

    The bits of segments that are not evaluated here are not set.
    """
    plan, contacts = divided.first_stage, len(batch.ids)
    predicates = predicate_bitmaps(plan, batch, divided.evaluated)
    segment_ids = (segment.definition.segment_id for segment in plan.segments)
    bitmaps = dict(zip(segment_ids, combine_predicates(plan, predicates, contacts), strict=True))
    members = [bitmaps.get(name or "") for name in bits.names]
    if divided.sent:
        members += [None] * (first_sent_bit(bits) - len(members))
        members += [predicates[number] for number in divided.sent]
    packed = to_bitmaps(members, contacts, memory)
    return with_words(to_stored(batch.ids), to_words(packed, contacts, memory))


def cut_by_bucket(contacts: pa.RecordBatch, buckets: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the contacts of each bucket that has any, in their order.

    Args:
        contacts: Rows whose first column has the ids.
    """
    order, parts = sort_by_bucket(contacts.column(0), buckets)
    contacts = contacts.take(pl.Series(order).to_arrow())
    return ((bucket, contacts.slice(start, length)) for bucket, start, length in parts)


def gather_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join small batches, which become fewer payloads."""
    return map(pa.concat_batches, gather(batches, _MOST_BYTES, lambda batch: batch.nbytes))
