"""A cluster that calls the functions of a run through functions of the tests, which break something around them."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from unittest import mock

import pyarrow as pa

from segbatch.cluster.base import Cluster, Produce, Reduce
from segbatch.cluster.job import installed_versions
from spark.functions import kill_executor_once

_ONE_AT_A_TIME = Lock()
"""Sail's tasks are threads of one process, where only one of them may replace a function of a module."""


@dataclass(frozen=True)
class WrappedCluster:
    """A cluster with other functions around those that produce and reduce."""

    cluster: Cluster
    around_produce: Callable[[Produce, bytes], Iterable[pa.RecordBatch]] | None = None
    around_reduce: Callable[[Reduce, int, Sequence[bytes]], bytes] | None = None

    @property
    def name(self) -> str:
        return self.cluster.name

    def count_slots(self) -> int:
        return self.cluster.count_slots()

    def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
        return self.cluster.call(function, items)

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        if self.around_produce is not None:
            produce = partial(self.around_produce, produce)
        if self.around_reduce is not None:
            reduce = partial(self.around_reduce, reduce)
        return self.cluster.exchange(produce, items, reduce, buckets)


def lose_executor_in_map(marker: str, produce: Produce, item: bytes) -> Iterator[pa.RecordBatch]:
    batches = iter(produce(item))
    yield from (batch for batch, _ in zip(batches, range(1), strict=False))
    kill_executor_once(marker)
    yield from batches


def lose_executor_in_reduce(marker: str, reduce: Reduce, bucket: int, payloads: Sequence[bytes]) -> bytes:
    """Reduce the bucket, and lose the executor before its result is known."""
    result = reduce(bucket, payloads)
    kill_executor_once(marker)
    return result


def reduce_twice(reduce: Reduce, bucket: int, payloads: Sequence[bytes]) -> bytes:
    """Reduce as speculation does: two attempts end, and one of the results counts."""
    reduce(bucket, payloads)
    return reduce(bucket, payloads)


def produce_twice(produce: Produce, item: bytes) -> Iterable[pa.RecordBatch]:
    list(produce(item))
    return produce(item)


def produce_with_other_versions(produce: Produce, item: bytes) -> Iterable[pa.RecordBatch]:
    others = {**installed_versions(), "segbatch": "0.0.1"}
    with _ONE_AT_A_TIME, mock.patch("segbatch.cluster.job.installed_versions", return_value=others):
        return list(pickle.loads(pickle.dumps(produce))(item))  # noqa: S301 - written by this very line
