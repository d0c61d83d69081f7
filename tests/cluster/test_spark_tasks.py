"""What a task on Spark does around the function that it calls, without Spark."""

import gc
import pickle
from collections.abc import Iterator

import pyarrow as pa
import pytest

from segbatch.cluster.spark_tasks import FAILURE, call_items
from segbatch.platform.garbage import FEW_SEARCHES


def threshold(_item: bytes) -> bytes:
    return str(gc.get_threshold()[0]).encode()


def fail(_item: bytes) -> bytes:
    raise ValueError("the disk\nis full")


def numbers(count: int) -> Iterator[pa.RecordBatch]:
    yield pa.record_batch([pa.array(range(count), pa.int64())], ["id"])


def test_a_task_looks_for_garbage_rarely() -> None:
    before = gc.get_threshold()
    results = [*call_items(pickle.dumps(threshold), [b"", b""], numbers(2))]
    assert [batch["result"].to_pylist() for batch in results] == [[str(FEW_SEARCHES).encode()]] * 2
    assert gc.get_threshold() == before


def test_a_failure_is_named_in_one_line() -> None:
    before = gc.get_threshold()
    with pytest.raises(RuntimeError, match=f"^{FAILURE}ValueError: the disk is full$"):
        next(call_items(pickle.dumps(fail), [b""], numbers(1)))
    assert gc.get_threshold() == before
