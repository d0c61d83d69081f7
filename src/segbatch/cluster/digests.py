"""The checksums of files of a snapshot, one task per file."""

import pickle
from collections.abc import Sequence
from threading import Event

from segbatch.cluster.base import Cluster
from segbatch.cluster.payloads import TaskError, decode_payload
from segbatch.cluster.splits import with_absolute_path
from segbatch.errors import SegbatchError
from segbatch.snapshot.parquet.files import SnapshotFile

_DIGEST, _ERROR = b"D", b"E"


def digest_on(cluster: Cluster, files: Sequence[SnapshotFile]) -> list[str]:
    """Return the SHA-256 of each file in hexadecimal.

    Raises:
        SnapshotError: A file cannot be read, or was written since it was opened.
        ClusterError: The cluster cannot do the work.
    """
    items = [pickle.dumps(with_absolute_path(file)) for file in files]
    return [*map(_digest_in, cluster.call(digest_file, items))] if items else []


def digest_file(item: bytes) -> bytes:
    """Return the SHA-256 of a file, or the error that prevents it, as `digest_on` reads them."""
    file: SnapshotFile = pickle.loads(item)  # noqa: S301 - the driver of this run has written it
    try:
        return _DIGEST + file.digest(Event()).encode()
    except SegbatchError as error:
        return _ERROR + TaskError.of(error).encode()


def _digest_in(result: bytes) -> str:
    if result[:1] == _ERROR:
        raise TaskError.decode(decode_payload(result[1:])).to_error()
    return result[1:].decode()
