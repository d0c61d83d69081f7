"""Functions that the tests let a cluster call. Its workers import this module."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from segbatch.cluster.base import PAYLOADS


def encode(number: int, text: str) -> bytes:
    return json.dumps([number, text]).encode()


def to_upper(item: bytes) -> bytes:
    return item.upper()


def words_by_length(item: bytes) -> Iterator[pa.RecordBatch]:
    """Send each word to the bucket with the number of its letters, in record batches of two words."""
    number, text = json.loads(item)
    words = text.split()
    for first in range(0, len(words), 2):
        some = words[first : first + 2]
        columns = [
            pa.array([len(word) for word in some], pa.int32()),
            pa.array([number << 32 | first + index for index in range(len(some))], pa.int64()),
            pa.array([word.encode() for word in some], pa.binary()),
        ]
        yield pa.record_batch(columns, schema=PAYLOADS)


def join(bucket: int, payloads: Sequence[bytes]) -> bytes:
    return json.dumps([bucket, *(payload.decode() for payload in payloads)]).encode()


def fail(item: bytes) -> bytes:
    raise ValueError(f"cannot read {item.decode()},\nand this is a second line")


def fail_to_reduce(bucket: int, payloads: Sequence[bytes]) -> bytes:
    raise ValueError(f"bucket {bucket} of {len(payloads)} payloads")


def import_missing_module(item: bytes) -> bytes:
    import module_that_is_nowhere  # type: ignore[import-not-found]  # noqa: F401, PLC0415 - the case under test

    return item


def count_threads(_: bytes) -> bytes:
    import polars as pl  # noqa: PLC0415 - loaded in the task, as the functions of a run are

    return str(pl.thread_pool_size()).encode()


def kill_worker(item: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def kill_executor_once(marker: str) -> None:
    """End the JVM that started this Python worker, the first time that a task comes here."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(_executor_of(os.getpid()), signal.SIGKILL)


def _executor_of(process: int) -> int:
    """Return the next of a process and its parents that is an executor."""
    while b"CoarseGrainedExecutorBackend" not in Path(f"/proc/{process}/cmdline").read_bytes():
        status = Path(f"/proc/{process}/status").read_text()
        process = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:"))
    return process


def words_with_lost_executor(marker: str, item: bytes) -> Iterator[pa.RecordBatch]:
    batches = list(words_by_length(item))
    yield from batches[:1]
    kill_executor_once(marker)
    yield from batches[1:]


def join_with_lost_executor(marker: str, bucket: int, payloads: Sequence[bytes]) -> bytes:
    if payloads:
        kill_executor_once(marker)
    return join(bucket, payloads)
