"""A cluster that calls everything in this process, one call after the other: for tests, and as the reference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segbatch.cluster.base import Produce, Reduce


@dataclass(frozen=True, slots=True)
class LoopCluster:
    """A cluster that is this process.

    Attributes:
        slots: The number of tasks that would run at the same time.
    """

    slots: int = 1
    name = "loop"

    def count_slots(self) -> int:
        """Return the number of tasks that would run at the same time."""
        return self.slots

    def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
        """Call a function for each item, as `Cluster` describes."""
        return [function(item) for item in items]

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        """Call `produce` for each item and `reduce` for each bucket, as `Cluster` describes."""
        payloads: list[list[tuple[int, bytes]]] = [[] for _ in range(buckets)]
        for item in items:
            for batch in produce(item):
                for row in batch.to_pylist():
                    payloads[row["bucket"]].append((row["number"], row["payload"]))
        return [reduce(bucket, [payload for _, payload in sorted(found)]) for bucket, found in enumerate(payloads)]
