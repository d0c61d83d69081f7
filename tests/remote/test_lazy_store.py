"""A store whose root the catalog knows, before and after the first run."""

from pathlib import Path

import pytest

from segbatch.errors import PublishError
from segbatch.storage.remote.iceberg.lazy_store import LazyStore

OUTPUT = "iceberg://prod/audiences"


def test_without_tables_there_are_no_files(tmp_path: Path) -> None:
    store = LazyStore(OUTPUT, lambda: None, lambda: None)
    assert store.address == OUTPUT
    assert store.read("lock") is None
    assert list(store.files("")) == []
    store.remove(["lock"])
    with pytest.raises(FileNotFoundError):
        store.download("lock", tmp_path / "lock")
    with pytest.raises(PublishError, match=r"^iceberg://prod/audiences: the table 'current' was removed"):
        store.write_new("lock", b"")


def test_files_are_below_the_root(tmp_path: Path) -> None:
    store = LazyStore(OUTPUT, lambda: None, lambda: f"file://{tmp_path / 'here'}")
    tag = store.write_new("lock", b"one")
    store.replace("lock", b"two", tag)
    store.download("lock", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "here" / "lock").read_bytes() == b"two"
    store.upload(tmp_path / "copy", "more")
    assert sorted(file.key for file in store.files("")) == ["lock", "more"]
    assert store.address == str(tmp_path / "here")


def test_locations_in_object_storage_are_addresses() -> None:
    pytest.importorskip("obstore")
    for root in ("s3a://bucket/audiences", "s3://bucket/audiences"):
        store = LazyStore(OUTPUT, lambda root=root: root, lambda: None)  # type: ignore[misc]
        store.files("")  # sends a request only if a file is taken from it
        assert store.address == "s3://bucket/audiences"


def test_locations_elsewhere_are_refused() -> None:
    store = LazyStore(OUTPUT, lambda: "hdfs://host/audiences", lambda: None)
    with pytest.raises(PublishError, match=r"the tables are in hdfs:, where segbatch cannot write; use a"):
        store.read("lock")
