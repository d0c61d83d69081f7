"""The contacts of a part of a snapshot: evaluated, packed to bits, and cut into payloads by bucket."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.cluster.contact_hash import sort_by_bucket
from segbatch.cluster.job import Job
from segbatch.cluster.payloads import encode_payload, with_words
from segbatch.cluster.table_plan import DividedPlan, contacts_in, divide, first_sent_bit
from segbatch.engine.local import batch_rows, combine_predicates, no_text_results, predicate_bitmaps, text_sources
from segbatch.engine.text_results import TextResults
from segbatch.platform.iterators import gather
from segbatch.snapshot.batch import Batch
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.storage.bit_matrix import Memory, to_bitmaps, to_words
from segbatch.storage.id_types import to_stored
from segbatch.storage.segment_bits import SegmentBits

_MOST_BYTES = 64 << 20
"""The size of contacts whose parts are joined by bucket. Many small payloads take longer than few large ones."""

_FEWEST_ROWS = 256
"""The mean number of contacts that each bucket gets of those that are cut at once."""


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
        known = no_text_results(plan)
        packed = (_pack(divided, batch, job.bits, memory, known) for batch in batches)
        for bucket, rows in cut_by_bucket(packed, job.buckets):
            yield bucket, encode_payload("contacts", rows)


def _pack(divided: DividedPlan, batch: Batch, bits: SegmentBits, memory: Memory, known: TextResults) -> pa.RecordBatch:
    """Return the contacts of a batch with their bits: those of segments, then those of predicates that are sent.

    The bits of segments that are not evaluated here are not set.

    Args:
        known: The results over the texts of earlier batches.
    """
    plan, contacts = divided.first_stage, len(batch.ids)
    predicates = predicate_bitmaps(plan, batch, divided.evaluated, known)
    segment_ids = (segment.definition.segment_id for segment in plan.segments)
    bitmaps = dict(zip(segment_ids, combine_predicates(plan, predicates, contacts), strict=True))
    members = [bitmaps.get(name or "") for name in bits.names]
    if divided.sent:
        members += [None] * (first_sent_bit(bits) - len(members))
        members += [predicates[number] for number in divided.sent]
    packed = to_bitmaps(members, contacts, memory)
    return with_words(to_stored(batch.ids), to_words(packed, contacts, memory))


def cut_by_bucket(batches: Iterable[pa.RecordBatch], buckets: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the contacts of each bucket, in their order, as few large parts.

    Args:
        batches: Rows whose first column has the ids.
    """
    waiting: dict[int, list[pa.RecordBatch]] = defaultdict(list)
    size = 0
    for gathered in gather(batches, buckets * _FEWEST_ROWS, lambda batch: batch.num_rows):
        contacts = gathered[0] if len(gathered) == 1 else pa.concat_batches(gathered)
        order, parts = sort_by_bucket(contacts.column(0), buckets)
        ordered = contacts.take(pl.Series(order).to_arrow())
        for bucket, start, length in parts:
            waiting[bucket].append(ordered.slice(start, length))
        size += contacts.nbytes
        if size >= _MOST_BYTES:
            yield from _joined(waiting)
            size = 0
    yield from _joined(waiting)


def _joined(waiting: dict[int, list[pa.RecordBatch]]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the joined parts of each bucket, and remove them."""
    for bucket in sorted(waiting):
        yield bucket, pa.concat_batches(waiting.pop(bucket))
