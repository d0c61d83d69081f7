"""Clusters that do what real ones may do."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from segbatch.cluster.base import Produce, Reduce
from segbatch.cluster.loop import LoopCluster

_T = TypeVar("_T")


@dataclass
class RestlessCluster:
    """A cluster that calls functions in any order, also twice, and keeps any of the results.

    Attributes:
        attempts: The number of calls so far.
    """

    seed: int
    slots: int = 3
    attempts: int = 0
    name = "restless"
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a test

    def count_slots(self) -> int:
        return self.slots

    def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
        return LoopCluster().call(function, items)

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        payloads: list[dict[int, bytes]] = [{} for _ in range(buckets)]
        for item in self._shuffled([*items, *items]):
            for batch in produce(item):
                for row in batch.to_pylist():
                    payloads[row["bucket"]][row["number"]] = row["payload"]
        results: dict[int, bytes] = {}
        for bucket in self._shuffled([*range(buckets), *range(buckets)]):
            self.attempts += 1
            result = reduce(bucket, [payload for _, payload in sorted(payloads[bucket].items())])
            if bucket not in results or self._random.random() < 0.5:
                results[bucket] = result
        return [results[bucket] for bucket in range(buckets)]

    def _shuffled(self, values: list[_T]) -> list[_T]:
        self._random.shuffle(values)
        return values
