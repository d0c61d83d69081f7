"""Changes and history, for all id types and over several runs."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import write_contacts
from segbatch.storage import changed_contacts as changed_contacts_module
from segbatch.storage import membership_pages
from segbatch.storage.changed_contacts import ChangeCollector, ChangedContacts
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


Change = tuple[int, int, bool]
"""The row of a contact, the bit of a segment, and whether the contact entered it."""

PARTS: list[tuple[list[str], list[Change]]] = [
    (["a", "b", "c"], [(0, 2, True), (1, 0, False)]),
    (["d", "e"], []),
    (["f", "g"], [(0, 1, False), (0, 0, True), (2, 1, True)]),
    (["h"], [(65, 0, True)]),
]


def changed_contacts(ids: list[str], changes: list[Change]) -> ChangedContacts:
    changed, after = np.zeros((2, 2, len(ids)), dtype=np.uint64)
    for bit, contact, has_entered in changes:
        changed[bit // 64, contact] |= np.uint64(1 << bit % 64)
        after[bit // 64, contact] |= np.uint64(has_entered << bit % 64)
    after[0] |= ~changed[0] & np.uint64(0b1000)  # all are in a segment that does not change
    return ChangedContacts(pa.array(ids), changed, after)


@pytest.mark.parametrize(
    ("limits", "row_groups"),
    [
        ({}, 1),
        ({"MOST_CHANGES": 1}, 3),
        ({"MOST_CHANGES": 4}, 2),
        ({"MOST_CHANGED_CONTACTS": 3}, 2),
        ({"_MOST_BYTES": 0}, 3),
    ],
    ids=str,
)
def test_small_parts_share_a_row_group_that_is_ordered_by_segment_and_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], row_groups: int
) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(changed_contacts_module, name, limit)
    names = [f"s{2 - bit}" if bit < 3 else f"t{bit}" for bit in range(66)]
    writer = ChangesWriter(tmp_path, "night", datetime(2025, 6, 1, 2, tzinfo=UTC), pa.string(), {"publication": "n~2"})
    collector = ChangeCollector(lambda found: writer.write(names, found))
    for ids, changes in PARTS:
        collector.add(changed_contacts(ids, changes))
    collector.finish()
    file = writer.finish()
    written = pq.ParquetFile(tmp_path / file.path)
    assert (file.rows, written.num_row_groups) == (6, row_groups)
    assert written.schema_arrow.names == ["run_id", "as_of", "segment_id", "contact_id", "change", "publication"]
    assert written.schema_arrow.field("as_of").type == pa.timestamp("us")
    rows = [tuple(row.values()) for row in written.read().to_pylist()]
    expected = [("s0", "g", "entered"), ("s1", "a", "exited"), ("s2", "c", "entered")]
    expected += [("s2", "f", "entered"), ("s2", "g", "exited"), ("t65", "h", "entered")]
    assert sorted(rows) == [("night", datetime(2025, 6, 1, 2), *row, "n~2") for row in expected]  # noqa: DTZ001
    for number in range(row_groups):
        found = [tuple(row.values()) for row in written.read_row_group(number, ["segment_id", "change"]).to_pylist()]
        assert found == sorted(found)
        statistics = [written.metadata.row_group(number).column(column).statistics for column in (2, 4)]
        assert [(one.min, one.max) for one in statistics] == [
            (min(texts), max(texts)) for texts in zip(*found, strict=True)
        ]
        times = written.metadata.row_group(number).column(1).statistics
        assert times.min == times.max == datetime(2025, 6, 1, 2)  # noqa: DTZ001


def test_pages_of_changes_that_are_not_in_order_are_not_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership_pages, "_PAGE_ROWS", 1)
    writer = ChangesWriter(tmp_path, "night", datetime(2025, 6, 1, tzinfo=UTC), pa.string(), {})
    collector = ChangeCollector(lambda found: writer.write(["s0", "s1", "s2"], found))
    collector.add(changed_contacts(["a", "b"], [(0, 0, True), (0, 1, False), (1, 0, True)]))
    collector.finish()
    path = tmp_path / writer.finish().path
    for change, ids in (("entered", ["a", "a"]), ("exited", ["b"])):
        found = pl.scan_parquet(path).filter(pl.col("change") == change).collect()
        assert found["contact_id"].to_list() == ids
        with duckdb.connect() as connection:
            query = "SELECT contact_id FROM read_parquet(?) WHERE change = ?"
            assert [row[0] for row in connection.execute(query, [str(path), change]).fetchall()] == ids
        assert pq.read_table(path, filters=[("change", "=", change)])["contact_id"].to_pylist() == ids
