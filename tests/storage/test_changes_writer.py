"""Changes and history, whatever the ids, and over more nights."""

import pyarrow as pa
import pytest

from builders import write_contacts
from nights import Nights


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
def test_changes_have_the_ids_of_the_snapshot(nights: Nights, ids: pa.Array, duckdb_type: str) -> None:
    path = nights.folder / "contacts.parquet"
    write_contacts(path, {"id": ids, "plan": ["pro", "pro", "free"]})
    nights.run(0)
    write_contacts(path, pa.table({"id": ids, "plan": ["free", "pro", "free"]}).slice(0, 2))
    nights.run(1)
    kinds = "SELECT typeof(contact_id), count(*) FROM {} GROUP BY 1"
    assert nights.ask(kinds.format("membership_changes")) == [(duckdb_type, 3)]
    assert nights.ask(kinds.format("membership_history")) == [(duckdb_type, 4)]


def test_the_history_has_each_stay(nights: Nights) -> None:
    plans: list[dict[str, str]] = [
        {"ann": "pro", "bob": "pro"},
        {"ann": "free", "bob": "pro", "dan": "pro"},
        {"ann": "pro", "bob": "pro", "dan": "free"},
        {"ann": "pro", "bob": "pro"},
    ]
    for night, contacts in enumerate(plans):
        nights.contacts(**contacts)
        nights.run(night)
    days = nights.ask(
        "SELECT contact_id, day(entered_at), day(exited_at) FROM membership_history "
        "WHERE segment_id = 'pro' ORDER BY 1, 2"
    )
    assert days == [("ann", 1, 2), ("ann", 3, None), ("bob", 1, None), ("dan", 2, 3)]


def test_a_night_without_contacts_is_a_night(nights: Nights) -> None:
    nights.run(0)
    nights.contacts()
    nights.run(1, allow_empty=True)
    assert len(nights.changes()) == 3
    nights.contacts(ann="pro")
    nights.run(2)
    assert nights.members("pro") == ["ann"]
    assert nights.changes()[-1] == ("night-2", "pro", "ann", "entered")


def test_a_run_of_very_many_segments_has_the_changes_of_each(nights: Nights) -> None:
    for number in range(20):
        nights.segment(f"s{number:02}", "pro" if number % 3 else "free")
    nights.run(0)
    nights.contacts(ann="free", bob="pro", cem="free")
    report = nights.run(1)
    assert {(s.entered, s.exited) for s in report.segments if s.segment_id.startswith("s")} == {(1, 0), (0, 1)}
    assert len(nights.changes()) == 22
