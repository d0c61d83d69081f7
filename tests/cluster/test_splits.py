"""Splits of a snapshot: together they have each row once, in order; and payloads of any size."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.cluster import contacts_split, map_task
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.splits import split_files, with_absolute_path
from segbatch.snapshot.locations import MemoryFile
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.snapshot import Snapshot
from workspace import Workspace

ROWS = 100


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("contacts")
    table = pa.table({"id": [f"c{number:03}" for number in range(ROWS)], "plan": ["pro", "free"] * (ROWS // 2)})
    pq.write_table(table[:70], folder / "a.parquet", row_group_size=9)
    pq.write_table(table[70:70], folder / "b.parquet")
    pq.write_table(table[70:], folder / "c.parquet", row_group_size=4)
    return open_snapshot(str(folder), "id")


def ids_of(snapshot: Snapshot) -> list[str]:
    return [one for ids in snapshot.ids() for one in ids.to_list()]


@given(rows=st.integers(1, 120), deleted=st.sets(st.integers(0, 69)))
def test_splits_have_each_row_once_in_order(snapshot: Snapshot, rows: int, deleted: set[int]) -> None:
    first, *others = snapshot.files
    first = replace(first, deleted=pa.array(sorted(deleted), pa.int64()), rows=70 - len(deleted))
    whole = replace(snapshot, files=(first, *others))
    parts = split_files(whole, rows)
    assert [one for part in parts for one in ids_of(replace(snapshot, files=(part,)))] == ids_of(whole)
    assert sum(part.rows for part in parts) == whole.rows
    assert all(part.rows for part in parts)


def test_a_split_ends_with_the_row_group_that_fills_it(snapshot: Snapshot) -> None:
    parts = split_files(snapshot, 20)
    assert [part.row_groups for part in parts[:3]] == [(0, 1, 2), (3, 4, 5), (6, 7)]
    assert [part.rows for part in parts] == [27, 27, 16, 20, 10]


def test_a_small_file_is_one_split(snapshot: Snapshot) -> None:
    assert [part.row_groups for part in split_files(snapshot)] == [None, None]


def test_only_files_on_this_machine_get_another_path(snapshot: Snapshot) -> None:
    elsewhere = replace(snapshot.files[0], location=MemoryFile("contacts", b""))
    assert with_absolute_path(elsewhere) is elsewhere


def test_many_small_payloads_are_those_of_few_large_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    workspace.crowd(300, 100)
    workspace.segment("pro")
    workspace.run(0, engine=LoopCluster(3))
    expected = workspace.manifest("night-0").files
    monkeypatch.setattr(contacts_split, "_MOST_BYTES", 1)
    monkeypatch.setattr(map_task, "_BATCH_BYTES", 1)
    monkeypatch.setattr(contacts_split, "batch_rows", lambda _: 17)
    workspace.run(0, engine=LoopCluster(3))
    assert workspace.manifest("night-0~2").files == expected
