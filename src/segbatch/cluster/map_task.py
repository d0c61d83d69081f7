"""The first stage of a run on a cluster: a part of the input becomes payloads for the buckets of its contacts."""

from collections.abc import Iterator

import pyarrow as pa

from segbatch.cluster.base import PAYLOADS
from segbatch.cluster.job import open_job
from segbatch.cluster.payloads import TaskError
from segbatch.cluster.splits import decode_item
from segbatch.errors import SegbatchError

_MOST_PAYLOADS = 40
"""Bits of the number of a payload within its item. The bits above are the number of the item."""


def map_split(job: bytes, item: bytes) -> Iterator[pa.RecordBatch]:
    """Return the payloads of an item, in record batches as `Cluster.exchange` describes.

    An error that users can meet becomes a payload for the first bucket, after the payloads before it.
    """
    number, part = decode_item(item)
    next_number = number << _MOST_PAYLOADS
    try:
        for bucket, payload in part.payloads(open_job(job)):
            yield _batch(bucket, next_number, payload)
            next_number += 1
    except SegbatchError as error:
        yield _batch(0, next_number, TaskError.of(error).encode())


def _batch(bucket: int, number: int, payload: bytes) -> pa.RecordBatch:
    columns = [pa.array([bucket], pa.int32()), pa.array([number], pa.int64()), pa.array([payload], pa.binary())]
    return pa.record_batch(columns, schema=PAYLOADS)
