"""The result of a task that reduced a bucket of contacts."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from segbatch.cluster.payloads import TaskError, decode_payload
from segbatch.snapshot.related.query import TableCounts
from segbatch.storage.recorder import Recorded

_REPORT, _ERROR = b"R", b"E"


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

    def encode(self) -> bytes:
        """Return the report for the driver."""
        return _REPORT + pickle.dumps(self)


def encode_failure(error: TaskError) -> bytes:
    """Return an error in place of a report. A driver of another version can read it."""
    return _ERROR + error.encode()


def decode_report(result: bytes) -> BucketReport | TaskError:
    """Return the report of a task, or the error that it met."""
    if result[:1] == _ERROR:
        return TaskError.decode(decode_payload(result[1:]))
    return cast("BucketReport", pickle.loads(result[1:]))  # noqa: S301 - a task of this run has written it
