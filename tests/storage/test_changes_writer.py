"""Changes and history, for all id types and over several runs."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import write_contacts
from segbatch.storage import run_writers
from segbatch.storage.bit_matrix import Differences
from segbatch.storage.run_writers import ChangesWriter
from workspace import Workspace


@pytest.mark.parametrize(
    ("ids", "duckdb_type"),
    [
        (pa.array([3, 1, 2], pa.int64()), "BIGINT"),
        (pa.array([3, 1, 2], pa.decimal128(38, 0)), "DECIMAL(38,0)"),
        (pa.array([bytes([n]) * 16 for n in (3, 1, 2)], pa.uuid()), "UUID"),
        (pa.array([b"c\xff", b"a", b"b"], pa.binary()), "BLOB"),
        (pa.array(["c", "a", "b"]).dictionary_encode(), "VARCHAR"),
        (pa.array(["c", "a", "b"], pa.string_view()), "VARCHAR"),
    ],
    ids=str,
)
def test_changes_have_the_ids_of_the_snapshot(workspace: Workspace, ids: pa.Array, duckdb_type: str) -> None:
    path = workspace.folder / "contacts.parquet"
    write_contacts(path, {"id": ids, "plan": ["pro", "pro", "free"]})
    workspace.run(0)
    write_contacts(path, pa.table({"id": ids, "plan": ["free", "pro", "free"]}).slice(0, 2))
    workspace.run(1)
    kinds = "SELECT typeof(contact_id), count(*) FROM {} GROUP BY 1"
    assert workspace.ask(kinds.format("membership_changes")) == [(duckdb_type, 3)]
    assert workspace.ask(kinds.format("membership_history")) == [(duckdb_type, 4)]


def test_the_history_has_each_stay(workspace: Workspace) -> None:
    plans: list[dict[str, str]] = [
        {"ann": "pro", "bob": "pro"},
        {"ann": "free", "bob": "pro", "dan": "pro"},
        {"ann": "pro", "bob": "pro", "dan": "free"},
        {"ann": "pro", "bob": "pro"},
    ]
    for number, contacts in enumerate(plans):
        workspace.contacts(**contacts)
        workspace.run(number)
    days = workspace.ask(
        "SELECT contact_id, day(entered_at), day(exited_at) FROM membership_history "
        "WHERE segment_id = 'pro' ORDER BY 1, 2"
    )
    assert days == [("ann", 1, 2), ("ann", 3, None), ("bob", 1, None), ("dan", 2, 3)]


def test_a_run_without_contacts_is_a_run(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts()
    workspace.run(1, allow_empty=True)
    assert len(workspace.changes()) == 3
    workspace.contacts(ann="pro")
    workspace.run(2)
    assert workspace.members("pro") == ["ann"]
    assert workspace.changes()[-1] == ("night-2", "pro", "ann", "entered")


def test_a_run_of_very_many_segments_has_the_changes_of_each(workspace: Workspace) -> None:
    for number in range(20):
        workspace.segment(f"s{number:02}", "pro" if number % 3 else "free")
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    report = workspace.run(1)
    assert {(s.entered, s.exited) for s in report.segments if s.segment_id.startswith("s")} == {(1, 0), (0, 1)}
    assert len(workspace.changes()) == 22


@pytest.mark.parametrize(("least", "row_groups"), [(1, 3), (3, 2), (9, 1)])
def test_small_parts_share_a_row_group_that_is_ordered_by_segment_and_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, row_groups: int
) -> None:
    monkeypatch.setattr(run_writers, "_ROW_GROUP", least)
    writer = ChangesWriter(tmp_path, "night", datetime(2025, 6, 1, tzinfo=UTC), pa.string())
    parts = [
        (["a", "b", "c"], [(0, 2, True), (1, 0, False)]),
        (["d", "e"], []),
        (["f", "g"], [(0, 1, False), (0, 0, True), (2, 1, True)]),
        (["h"], [(1, 0, True)]),
    ]
    for ids, changes in parts:
        bits, contacts, entered = np.array(changes, dtype=np.int64).reshape(-1, 3).T
        writer.write(pa.array(ids), ["s0", "s1", "s2"], Differences(bits, contacts, entered.astype(bool)))
    file = writer.finish()
    written = pq.ParquetFile(tmp_path / file.path)
    assert (file.rows, written.num_row_groups) == (6, row_groups)
    columns = ["segment_id", "contact_id", "change"]
    rows = [tuple(row.values()) for row in written.read(columns).to_pylist()]
    assert sorted(rows) == [
        ("s0", "c", "entered"),
        ("s0", "f", "entered"),
        ("s0", "g", "exited"),
        ("s1", "a", "exited"),
        ("s1", "h", "entered"),
        ("s2", "g", "entered"),
    ]
    for number in range(row_groups):
        found = written.read_row_group(number, ["segment_id", "change"]).to_pylist()
        assert found == sorted(found, key=lambda row: (row["segment_id"], row["change"] == "entered"))
