"""Changes and history, for all id types and over several runs."""

import pyarrow as pa
import pytest

from builders import write_contacts
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
