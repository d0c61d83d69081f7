"""Passes over the contacts of a snapshot on a cluster, one task per part."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from segbatch.cluster.base import Cluster
from segbatch.cluster.job import decode_versioned, encode_versioned
from segbatch.cluster.map_task import map_split
from segbatch.cluster.row_sums import ContactIds, RowSums, TableNumbers, reduce_rows
from segbatch.cluster.splits import SPLIT_ROWS, Item, encode_item, split_files
from segbatch.cluster.task_result import decode_result, encode_result
from segbatch.snapshot.scan import LOCAL, LocalScanner, ReadRows
from segbatch.snapshot.snapshot import Snapshot

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ClusterScanner:
    """Reads the parts of a snapshot on the workers of a cluster. A snapshot of one part is read on this machine.

    Attributes:
        rows: The number of rows from which a part gets no more row groups.
    """

    cluster: Cluster
    rows: int = SPLIT_ROWS

    def scan(self, snapshot: Snapshot, look: Callable[[Snapshot], _T]) -> list[_T]:
        """Call a function for each part of a snapshot, as `Scanner` describes.

        Raises:
            ClusterError: The cluster cannot do the work.
        """
        parts = split_files(snapshot, self.rows)
        if len(parts) <= 1:
            return LOCAL.scan(snapshot, look)
        work = encode_versioned((replace(snapshot, files=(), queries=()), look))
        results = self.cluster.call(partial(look_at_part, work), [pickle.dumps(part) for part in parts])
        return [*map(decode_result, results)]

    def sum_rows(self, contacts: Snapshot, table: Snapshot, read: ReadRows) -> list[int]:
        """Add up numbers of the rows that belong to a contact, as `Scanner` describes.

        Raises:
            ClusterError: The cluster cannot do the work.
        """
        parts: list[Item[RowSums]] = [*map(ContactIds, split_files(contacts, self.rows))]
        parts += map(TableNumbers, split_files(table, self.rows))
        buckets = max(1, -(-contacts.rows // self.rows))
        sums = RowSums(replace(contacts, files=(), queries=()), replace(table, files=()), read, buckets)
        items = [encode_item(number, part) for number, part in enumerate(parts)]
        results = self.cluster.exchange(partial(map_split, encode_versioned(sums)), items, reduce_rows, buckets)
        found: list[list[int]] = [*map(decode_result, results)]
        return [sum(column) for column in zip(*filter(None, found), strict=True)]

    def __reduce__(self) -> tuple[type[LocalScanner], tuple[()]]:
        """Pickle without the cluster: a task reads its part itself."""
        return LocalScanner, ()


def look_at_part(work: bytes, part: bytes) -> bytes:
    """Return what a function collects from a part of a snapshot, as `encode_result` does.

    Args:
        work: The snapshot without files, and the function.
        part: A file of the snapshot, or some row groups of it.
    """
    return encode_result(lambda: _look(work, part))


def _look(work: bytes, part: bytes) -> object:
    snapshot, look = decode_versioned(work)
    return look(replace(snapshot, files=(pickle.loads(part),)))  # noqa: S301 - the driver of this run has written it
