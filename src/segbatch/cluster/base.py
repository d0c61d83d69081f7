"""The interface of a cluster: it calls functions on its workers, and brings payloads to the bucket that they are for.

An implementation knows nothing of segments. Functions are plain functions of a module, or `functools.partial` of them
with bytes, so that every engine can pickle them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

import pyarrow as pa

PAYLOADS = pa.schema([("bucket", pa.int32()), ("number", pa.int64()), ("payload", pa.binary())])
"""The record batches that are exchanged. The payloads of a bucket are reduced in the order of their numbers, which are
unique within a bucket."""

Produce = Callable[[bytes], Iterable[pa.RecordBatch]]
"""From an item to record batches of `PAYLOADS`."""

Reduce = Callable[[int, Sequence[bytes]], bytes]
"""From a bucket and its payloads, ordered by number, to a result. A bucket without payloads is reduced too."""


@runtime_checkable
class Cluster(Protocol):
    """Several machines, or processes, that call functions.

    A function may be called more than once for the same item, also at the same time, and only one of the results
    counts. An exception in a function ends the work; errors that users can meet are returned as results instead.
    """

    @property
    def name(self) -> str:
        """The name, as the manifest of a run has it."""

    def count_slots(self) -> int:
        """Return the number of tasks that run at the same time."""

    def call(self, function: Callable[[bytes], bytes], items: Sequence[bytes]) -> list[bytes]:
        """Call a function for each item. Returns the results in the order of the items.

        Raises:
            ClusterError: The cluster cannot do the work.
        """

    def exchange(self, produce: Produce, items: Sequence[bytes], reduce: Reduce, buckets: int) -> list[bytes]:
        """Call `produce` for each item, bring the payloads to their buckets, and call `reduce` for each bucket.

        Returns:
            The result of each bucket, in the order of the buckets.

        Raises:
            ClusterError: The cluster cannot do the work.
        """
