"""The first stage of an exchange on a cluster: a part of the input becomes payloads for the buckets of its contacts."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from segbatch.cluster.base import PAYLOADS
from segbatch.cluster.job import decode_versioned
from segbatch.cluster.payloads import encode_error
from segbatch.cluster.splits import decode_item
from segbatch.errors import SegbatchError
from segbatch.platform.arrow_arrays import to_binary, to_numbers
from segbatch.platform.iterators import gather

_NUMBER_BITS = 40
"""Bits for the number of a payload within its item. The bits above are the number of the item."""

_BATCH_BYTES = 8 << 20
"""The size of payloads that are passed to the cluster at once."""


def map_split(work: bytes, item: bytes) -> Iterator[pa.RecordBatch]:
    """Return the payloads of an item, in record batches as `Cluster.exchange` describes.

    An error that users can meet becomes a payload for the first bucket, after the payloads before it.

    Args:
        work: The `Job`, or other work that items of this kind are for, as `encode_versioned` returns it.
    """
    number, part = decode_item(item)
    payloads = enumerate(_with_error(lambda: part.payloads(decode_versioned(work))), number << _NUMBER_BITS)
    rows = ((bucket, index, payload) for index, (bucket, payload) in payloads)
    return map(_batch, gather(rows, _BATCH_BYTES, lambda row: len(row[2])))


def _with_error(payloads: Callable[[], Iterator[tuple[int, bytes]]]) -> Iterator[tuple[int, bytes]]:
    try:
        yield from payloads()
    except SegbatchError as error:
        yield 0, encode_error(error)


def _batch(rows: list[tuple[int, int, bytes]]) -> pa.RecordBatch:
    buckets, numbers, payloads = zip(*rows, strict=True)
    columns = [to_numbers(buckets, pa.int32()), to_numbers(numbers, pa.int64()), to_binary(payloads)]
    return pa.record_batch(columns, schema=PAYLOADS)
