"""Flushing of a folder to the disk."""

import os
from pathlib import Path

import pytest

from segbatch.platform.files import sync_tree
from segbatch.platform.portability import CAN_SYNC_FOLDERS

pytestmark = pytest.mark.skipif(not CAN_SYNC_FOLDERS, reason="the system flushes no folders")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run" / "inner").mkdir(parents=True)
    for name in ("manifest.json", ".hidden", "inner/part.parquet"):
        (tmp_path / "run" / name).write_bytes(b"content")
    return tmp_path / "run"


def test_each_file_and_folder_is_flushed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = list[int]()
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    sync_tree(folder)
    assert sorted(flushed) == sorted(path.stat().st_ino for path in (folder, *folder.rglob("*")))


def test_an_error_of_one_file_is_raised(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (folder / "inner" / "part.parquet").stat().st_ino

    def fsync(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == broken:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output error"):
        sync_tree(folder)
