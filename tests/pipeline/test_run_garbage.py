"""A run in a program of the user looks for garbage rarely, and leaves the program's own setting as it was."""

import gc
from pathlib import Path

import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.errors import SegbatchError
from segbatch.platform.garbage import FEW_SEARCHES


def test_a_run_looks_for_garbage_rarely(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"id": ["a"], "score": [1]})
    write_segment(tmp_path / "segments", "scored", rule("score", "exists"))
    before, found = gc.get_threshold(), set[int]()
    segbatch.run(
        tmp_path / "contacts.parquet",
        tmp_path / "segments",
        tmp_path / "output",
        events=lambda _event: found.add(gc.get_threshold()[0]),
    )
    assert found == {FEW_SEARCHES}
    assert gc.get_threshold() == before


def test_a_failed_run_leaves_the_setting(tmp_path: Path) -> None:
    before = gc.get_threshold()
    with pytest.raises(SegbatchError):
        segbatch.run(tmp_path / "missing.parquet", tmp_path, tmp_path / "output")
    assert gc.get_threshold() == before
