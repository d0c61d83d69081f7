"""Rows of tables in temporary files: deleted at the end, and errors in one line."""

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from segbatch import SnapshotError
from segbatch.platform.shutdown import shutdown
from segbatch.snapshot.related import partitions
from segbatch.snapshot.related.partitions import CONTACT, RANGE, Partitions, arrange


@pytest.fixture(autouse=True)
def _files_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(partitions, "MOST_BYTES", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def add(found: Partitions, *contacts: int) -> None:
    found.add(arrange(np.array(contacts), pl.DataFrame({"n": range(len(contacts))})))


def test_rows_keep_the_order_of_the_table_and_files_are_deleted(tmp_path: Path) -> None:
    with Partitions(RANGE + 1) as found:
        assert len(found) == 2
        add(found, RANGE, 5, 3)
        add(found, 3)
        rows = pl.concat(found.read(0))
        assert rows.get_column(CONTACT).to_list() == [5, 3, 3]
        assert rows.get_column("n").to_list() == [1, 2, 0]
        assert pl.concat(found.read(1)).rows() == [(0, 0)]
        assert list(tmp_path.iterdir())
        assert shutdown.has_cleanups
    assert list(tmp_path.iterdir()) == []


def test_a_signal_deletes_the_files(tmp_path: Path) -> None:
    with Partitions(1) as found:
        add(found, 0)
        shutdown.run_cleanups()
        assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pl.DataFrame, "write_ipc", full)
    with Partitions(1) as found, pytest.raises(SnapshotError) as caught:
        add(found, 0)
    reason = "No space left on device; set TMPDIR to a folder with more space"
    assert str(caught.value) == f"rows of related tables cannot be kept in {tmp_path}: {reason}"


def test_a_temporary_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with Partitions(1) as found:
        add(found, 0)
        for file in tmp_path.glob("*/*"):
            file.unlink()
        with pytest.raises(SnapshotError, match=r"cannot be kept in .*: No such file or directory"):
            list(found.read(0))


def test_other_errors_are_bugs(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("broken")

    monkeypatch.setattr(pl.DataFrame, "write_ipc", broken)
    with Partitions(1) as found, pytest.raises(pl.exceptions.ComputeError):
        add(found, 0)
