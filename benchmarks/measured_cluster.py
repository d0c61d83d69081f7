"""Clusters of one process per task, which measure each task: the whole work of a run, or a sample of it."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Numbered = tuple[int, int, bytes]
"""A payload with its bucket and its number."""

MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Task:
    """What a task took.

    Attributes:
        cpu: Seconds of computing, of all its threads.
        memory: The most memory that its process had, with Python and the libraries.
        received: The bytes of its payloads, or of its item.
        sent: The bytes of its payloads, or of its result.
    """

    cpu: float
    memory: int
    received: int
    sent: int


def map_one(produce: Callable[[bytes], Any], item: bytes) -> tuple[Task, list[Numbered]]:
    """Call a function of the first stage, and measure it."""
    start = time.process_time()
    batches = [*produce(item)]
    cpu, payloads = time.process_time() - start, list[Numbered]()
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in ("bucket", "number", "payload")]
        payloads += zip(*columns, strict=True)
    return Task(cpu, _memory(), len(item), sum(len(payload) for *_, payload in payloads)), payloads


def reduce_one(
    reduce: Callable[[int, Sequence[bytes]], bytes], bucket: int, payloads: Sequence[bytes]
) -> tuple[Task, bytes]:
    """Call a function of the last stage, and measure it."""
    start = time.process_time()
    result = reduce(bucket, payloads)
    return Task(time.process_time() - start, _memory(), sum(map(len, payloads)), len(result)), result


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def alone(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


@dataclass
class MeasuredCluster:
    """A cluster that does the whole work, one task after the other.

    Attributes:
        mapped: The tasks of the first stage.
        reduced: The tasks of the last stage.
        results: The results of the last stage.
        called: The tasks beside these stages, which compute checksums and look up fields.
        passed: Seconds that this process computed to pass payloads from task to task, as an engine does.
    """

    mapped: list[Task] = field(default_factory=list)
    reduced: list[Task] = field(default_factory=list)
    results: list[bytes] = field(default_factory=list)
    called: list[Task] = field(default_factory=list)
    passed: float = 0
    name = "measured"

    def count_slots(self) -> int:
        """Return the number of tasks that run at the same time."""
        return 1

    def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
        """Call a function for each item, as `Cluster` describes."""
        start = time.process_time()
        found = [alone(reduce_one, _Ignoring(function), 0, [item]) for item in items]
        self.passed += time.process_time() - start
        self.called += [task for task, _ in found]
        return [result for _, result in found]

    def exchange(
        self,
        produce: Callable[[bytes], Any],
        items: Sequence[bytes],
        reduce: Callable[[int, Sequence[bytes]], bytes],
        buckets: int,
    ) -> list[bytes]:
        """Call the functions of both stages, as `Cluster` describes."""
        start = time.process_time()
        mapped = [alone(map_one, produce, item) for item in items]
        self.mapped += [task for task, _ in mapped]
        for bucket, payloads in self.groups([payloads for _, payloads in mapped], buckets):
            task, result = alone(reduce_one, reduce, bucket, payloads)
            self.reduced.append(task)
            self.results.append(result)
        self.passed += time.process_time() - start
        return self.results[-buckets:]

    def groups(self, mapped: Sequence[Sequence[Numbered]], buckets: int) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the payloads to reduce: those of each bucket, in order."""
        waiting = defaultdict[int, list[tuple[int, bytes]]](list)
        for bucket, number, payload in chain(*mapped):
            waiting[bucket].append((number, payload))
        for bucket in range(buckets):
            yield bucket, [payload for _, payload in sorted(waiting.pop(bucket, []))]


@dataclass(frozen=True)
class _Ignoring:
    """A function of an item, called like one of the last stage."""

    function: Callable[[bytes], bytes]

    def __call__(self, _bucket: int, items: Sequence[bytes]) -> bytes:
        return self.function(items[0])


class SampledError(Exception):
    """The sample of a run is complete, so that the run ends."""


@dataclass
class SampledCluster(MeasuredCluster):
    """A cluster that does a sample of the work of a larger run, then ends the run with `SampledError`.

    The items are a sample of those of the larger run, whose buckets are all there. So each bucket gets only the share
    of the items. A task of the last stage is given the payloads of many buckets, which together are as many as those of
    one bucket of the larger run; it does not check to which bucket a contact belongs.

    Attributes:
        items: The number of items of the larger run.
        samples: The number of buckets to reduce.
        by_bucket: For each item, the number of contacts in each bucket.
    """

    items: int = 1
    samples: int = 2
    by_bucket: list[list[int]] = field(default_factory=list)

    def groups(self, mapped: Sequence[Sequence[Numbered]], buckets: int) -> Iterator[tuple[int, list[bytes]]]:
        """Yield as many payloads as a bucket of the larger run has, for each bucket of the sample. Then end the run."""
        self.by_bucket += [_contacts_by_bucket(payloads, buckets) for payloads in mapped]
        payloads = [payload for *_, payload in chain(*mapped)]
        for bucket in range(min(self.samples, len(payloads) // self.items)):
            yield bucket, payloads[bucket * self.items : (bucket + 1) * self.items]
        raise SampledError


def _contacts_by_bucket(payloads: Sequence[Numbered], buckets: int) -> list[int]:
    from segbatch.cluster.payloads import decode_payload  # noqa: PLC0415 - of the program that is measured

    found = [0] * buckets
    for bucket, _, payload in payloads:
        found[bucket] += decode_payload(payload).rows.num_rows
    return found
