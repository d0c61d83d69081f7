"""The functions that Spark calls on its workers, each for the Arrow batches of a partition.

They get the functions to call as pickled bytes. A task limits its threads first, and only then loads these functions,
which import Polars: its thread pool has a thread for each core of the machine otherwise, in every Python worker.
"""

import gc
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from typing import Any

import pyarrow as pa

from segbatch.platform.arrow_arrays import to_binary, to_numbers
from segbatch.platform.garbage import searching_rarely

RESULTS = pa.schema([("number", pa.int32()), ("result", pa.binary())])
RESULT_COLUMNS = "number int, result binary"
"""The same schema, as Spark writes it."""

KEYED = pa.schema([("key", pa.int32()), ("number", pa.int64()), ("payload", pa.binary())])
KEYED_COLUMNS = "key int, number bigint, payload binary"
"""The same schema, as Spark writes it."""

FAILURE = "failure in a task of segbatch: "
"""What precedes the cause of a failed task, somewhere in Spark's message."""

_ABSENT = -1


def call_items(function: bytes, items: Sequence[bytes], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Call a function for the items whose numbers are in a partition.

    Args:
        function: The pickled function.
        items: All items.
        batches: The numbers of the items.

    Yields:
        The results, with the numbers of their items.
    """
    with _task():
        work = _load(function)
        for number in _numbers(batches):
            yield _result(number, work(items[number]))


def produce_payloads(
    produce: bytes, items: Sequence[bytes], keys: Sequence[int], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Produce the payloads of the items whose numbers are in a partition.

    Args:
        produce: The pickled function.
        items: All items. The number behind the last one is that of an empty payload for each bucket, so that a bucket
            without payloads is reduced too.
        keys: The key of each bucket.
        batches: The numbers of the items.

    Yields:
        The payloads, with keys in place of buckets.
    """
    with _task():
        work: Callable[[bytes], Iterable[pa.RecordBatch]] = _load(produce)
        keys_by_bucket = to_numbers(keys, pa.int32())
        for number in _numbers(batches):
            if number == len(items):
                absent, empty = to_numbers([_ABSENT] * len(keys), pa.int64()), pa.nulls(len(keys), pa.binary())
                yield pa.record_batch([keys_by_bucket, absent, empty], schema=KEYED)
                continue
            for batch in work(items[number]):
                columns = [keys_by_bucket.take(batch.column(0)), batch.column(1), batch.column(2)]
                yield pa.record_batch(columns, schema=KEYED)


def reduce_buckets(reduce: bytes, keys: Sequence[int], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Reduce the buckets whose payloads are in a partition.

    Args:
        reduce: The pickled function.
        keys: The key of each bucket.
        batches: The payloads, in any order.

    Yields:
        The results, with the numbers of their buckets.
    """
    with _task():
        work: Callable[[int, Sequence[bytes]], bytes] = _load(reduce)
        payloads = _payloads_by_bucket({key: bucket for bucket, key in enumerate(keys)}, batches)
        for bucket in sorted(payloads):
            numbered = sorted(payloads.pop(bucket), key=itemgetter(0))
            yield _result(bucket, work(bucket, [payload for _, payload in numbered]))


def _payloads_by_bucket(
    bucket_by_key: dict[int, int], batches: Iterator[pa.RecordBatch]
) -> dict[int, list[tuple[int, bytes]]]:
    """Return the payloads of each bucket of a partition, with their numbers."""
    payloads: dict[int, list[tuple[int, bytes]]] = {}
    for batch in batches:
        keys, numbers, contents = (column.to_pylist() for column in batch.columns)
        for key, number, payload in zip(keys, numbers, contents, strict=True):
            of_bucket = payloads.setdefault(bucket_by_key[key], [])
            if payload is not None:
                of_bucket.append((number, payload))
    return payloads


def _numbers(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    for batch in batches:
        yield from batch.column(0).to_pylist()


def _result(number: int, result: bytes) -> pa.RecordBatch:
    return pa.record_batch([to_numbers([number], pa.int32()), to_binary([result])], schema=RESULTS)


def _load(function: bytes) -> Callable[..., Any]:
    """Load a function, with no more threads than the task has cores."""
    context = _task_context()
    _limit_threads(context)
    loaded: Callable[..., Any] = pickle.loads(function)  # noqa: S301 - the driver wrote it
    if context is not None:
        _keep_modules()
    return loaded


def _task_context() -> Any:
    """Return the context of a task of Spark. Sail has none; its tasks share one process."""
    spark = sys.modules.get("pyspark")
    return spark.TaskContext.get() if spark else None


@cache
def _keep_modules() -> None:
    """Exempt the modules of this process from garbage collection, which Spark asks for after each task."""
    gc.collect()
    gc.freeze()


def _limit_threads(context: Any) -> None:
    """Limit the threads of libraries to the cores of a task."""
    if context is not None:
        cores = context.cpus()
        os.environ.setdefault("POLARS_MAX_THREADS", str(cores))
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))
        pa.set_cpu_count(cores)


@contextmanager
def _task() -> Iterator[None]:
    """Look for garbage rarely, and write the cause of a failure in one line, which the driver finds in its message."""
    try:
        with searching_rarely():
            yield
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise RuntimeError(f"{FAILURE}{cause}") from error
