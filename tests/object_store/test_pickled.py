"""A snapshot in object storage can be pickled: with the versions of its objects, without clients and credentials."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builders import write_contacts
from segbatch.errors import SnapshotError
from segbatch.snapshot.open_snapshot import open_snapshot

from .bucket import Bucket

if TYPE_CHECKING:
    from segbatch.snapshot.snapshot import Snapshot

pytestmark = pytest.mark.slow


def values_of(pickled: bytes) -> list[str]:
    """Return the values of a field in JSON texts, as an engine in another process reads them."""
    snapshot: Snapshot = pickle.loads(pickled)  # noqa: S301 - written by this test
    frames = [batch.frame for batch in snapshot.batches(["custom_fields.plan"], 10)]
    return [value for frame in frames for value in frame.get_column("custom_fields.plan").to_list()]


def open_pickled(bucket: Bucket, folder: Path) -> bytes:
    for name, plan in (("a", "pro"), ("b", "free")):
        texts = [f'{{"plan": "{plan}"}}']
        file = write_contacts(folder / name, {"id": [name], "custom_fields": texts})
        bucket.put(f"day=1/{name}.parquet", file)
    return pickle.dumps(open_snapshot(bucket.at("day=1")).with_fields(["custom_fields.plan"]))


def test_another_process_reads_a_pickled_snapshot_with_a_client_of_its_own(bucket: Bucket, tmp_path: Path) -> None:
    pickled = open_pickled(bucket, tmp_path)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        assert executor.submit(values_of, pickled).result(120) == ["pro", "free"]


def test_a_pickled_snapshot_contains_no_credentials(bucket: Bucket, tmp_path: Path) -> None:
    pickled = open_pickled(bucket, tmp_path)
    assert b"crm-" in pickled
    assert b"a-very-secret-key" not in pickled
    assert b"AKIDTESTTEST" not in pickled


def test_the_files_of_a_pickled_snapshot_share_one_client(bucket: Bucket, tmp_path: Path) -> None:
    first, second = pickle.loads(open_pickled(bucket, tmp_path)).files  # noqa: S301
    assert first.location._bucket is second.location._bucket  # noqa: SLF001 - opening a client takes a second or more


def test_a_pickled_snapshot_is_of_the_versions_that_were_opened(bucket: Bucket, tmp_path: Path) -> None:
    pickled = open_pickled(bucket, tmp_path)
    bucket.put("day=1/b.parquet", write_contacts(tmp_path / "c", {"custom_fields": ['{"plan": "other"}']}))
    with pytest.raises(SnapshotError, match=r"day=1/b\.parquet: was written while it was read; run again"):
        values_of(pickled)
