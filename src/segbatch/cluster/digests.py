"""The checksums of files of a snapshot, one task per file."""

import pickle
from collections.abc import Sequence
from threading import Event

from segbatch.cluster.base import Cluster
from segbatch.cluster.splits import with_absolute_path
from segbatch.cluster.task_result import decode_result, encode_result
from segbatch.snapshot.parquet.files import SnapshotFile


def digest_on(cluster: Cluster, files: Sequence[SnapshotFile]) -> list[str]:
    """Return the SHA-256 of each file in hexadecimal.

    Raises:
        SnapshotError: A file cannot be read, or was written since it was opened.
        ClusterError: The cluster cannot do the work.
    """
    items = [pickle.dumps(with_absolute_path(file)) for file in files]
    results = cluster.call(digest_file, items) if items else []
    return [*map(decode_result, results)]


def digest_file(item: bytes) -> bytes:
    """Return the SHA-256 of a file, or the error that prevents it, as `digest_on` reads them."""
    file: SnapshotFile = pickle.loads(item)  # noqa: S301 - the driver of this run has written it
    return encode_result(lambda: file.digest(Event()))
