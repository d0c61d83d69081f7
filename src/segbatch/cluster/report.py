"""The result of a task that reduced a bucket of contacts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from segbatch.snapshot.related.query import TableCounts
from segbatch.storage.recorder import Recorded


@dataclass(frozen=True, slots=True)
class BucketReport:
    """The result of a task that reduced a bucket.

    Attributes:
        bucket: The number of the bucket.
        contacts: The number of contacts of the snapshot in the bucket.
        invalid_ids: The number of contacts whose id is null, empty, or that of another contact. If there are any,
            nothing is recorded.
        gone: The number of contacts that were in the previous snapshot and are not in this one.
        recorded: The counts and files of the bucket. The paths of the files are relative to the folder of the attempt.
        attempt: The name of the folder of the attempt; None if nothing was written.
        tables: For each related table, the number of its rows in the bucket.
    """

    bucket: int
    contacts: int = 0
    invalid_ids: int = 0
    gone: int = 0
    recorded: Recorded = field(default_factory=lambda: Recorded(is_compared=False))
    attempt: str | None = None
    tables: Mapping[str, TableCounts] = field(default_factory=dict)
