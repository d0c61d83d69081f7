"""Ids that are integers of other widths from run to run: the contacts are the same."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import write_contacts
from segbatch import UsageError
from segbatch.runs.diff import diff
from segbatch.storage import id_types
from workspace import Workspace

pytestmark = pytest.mark.slow

HUGE = 2**63 + 1
WIDE = 2**40


def numbered(workspace: Workspace, kind: pa.DataType, *pro: int, free: int = 9) -> None:
    """Write a snapshot of contacts on the plan pro, and one on the plan free."""
    plans = ["pro"] * len(pro) + ["free"]
    write_contacts(workspace.folder / "contacts.parquet", {"id": pa.array([*pro, free], kind), "plan": plans})


def types(workspace: Workspace) -> list[Any]:
    names = ("membership", "membership_changes", "membership_history")
    return [workspace.ask(f"SELECT DISTINCT typeof(contact_id) FROM {name}") for name in names]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.int32(), pa.int64()),
        (pa.int64(), pa.int32()),
        (pa.int16(), pa.uint32()),
        (pa.uint64(), pa.int32()),
        (pa.int64(), pa.uint64()),
        (pa.uint8(), pa.dictionary(pa.int32(), pa.int64())),
    ],
    ids=str,
)
def test_whole_numbers_of_another_width_are_the_same_ids(
    workspace: Workspace, first: pa.DataType, second: pa.DataType
) -> None:
    for number, (kind, pro) in enumerate([(first, (1, 2)), (second, (2, 3)), (first, (3, 4)), (second, (3, 4))]):
        numbered(workspace, kind, *pro)
        workspace.run(number)
    assert workspace.changes() == [
        ("night-1", "pro", 1, "exited"),
        ("night-1", "pro", 3, "entered"),
        ("night-2", "pro", 2, "exited"),
        ("night-2", "pro", 4, "entered"),
    ]
    own = second.value_type if pa.types.is_dictionary(second) else second
    part = next((workspace.place("night-3") / "membership").iterdir())
    assert pq.read_schema(part).field("contact_id").type == own
    assert workspace.ask("SELECT count(*) FROM membership_history") == [(5,)]
    found = {
        entry.segment_id: (entry.entered, entry.exited) for entry in diff(workspace.output, "night-0", "last").segments
    }
    assert found["pro"] == (2, 2)


def test_an_id_that_fits_only_this_run_is_in_all_views(workspace: Workspace) -> None:
    for number, (kind, pro) in enumerate([(pa.int32(), (1, 2)), (pa.int32(), (2, 3)), (pa.int64(), (2, WIDE))]):
        numbered(workspace, kind, *pro)
        workspace.run(number)
    assert workspace.changes()[-2:] == [("night-2", "pro", 3, "exited"), ("night-2", "pro", WIDE, "entered")]
    assert types(workspace) == [[("BIGINT",)]] * 3


def test_changes_of_fewer_bits_from_an_older_version_are_read_with_the_others(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(id_types, "_widest", lambda kind: kind)
        for number, pro in enumerate([(1, 2), (2, 3)]):
            numbered(workspace, pa.int32(), *pro)
            workspace.run(number)
    numbered(workspace, pa.int64(), 2, WIDE)
    workspace.run(2)
    assert [row[2] for row in workspace.changes()] == [1, 3, 3, WIDE]
    assert diff(workspace.output, "night-0", "last").segments[1].entered == 1


def test_a_contact_that_a_failed_segment_keeps_is_written_as_the_snapshot_has_ids(workspace: Workspace) -> None:
    numbered(workspace, pa.int64(), 1, 2)
    workspace.run(0)
    (workspace.folder / "segments" / "pro.json").write_text("{")
    numbered(workspace, pa.int32(), 1)
    workspace.run(1)
    assert workspace.ask("SELECT contact_id FROM membership WHERE segment_id = 'pro' ORDER BY 1") == [(1,), (2,)]
    assert workspace.ask("SELECT DISTINCT typeof(contact_id) FROM membership") == [("INTEGER",)]


@pytest.mark.parametrize("is_dry", [True, False])
def test_a_kept_contact_whose_id_does_not_fit_is_reported(workspace: Workspace, *, is_dry: bool) -> None:
    numbered(workspace, pa.int64(), 1, WIDE)
    workspace.run(0)
    (workspace.folder / "segments" / "pro.json").write_text("{")
    numbered(workspace, pa.int32(), 1)
    expected = (
        r"contacts.parquet: its ids are a number \(Int32\), and an id that a failed segment keeps does not fit "
        rf"\(Integer value {WIDE} not in range.*\); fix the segment, or export them as before, or publish elsewhere"
    )
    with pytest.raises(UsageError, match=expected):
        workspace.run(1, dry_run=is_dry)
    workspace.segment("pro")
    assert workspace.run(1).run.status == "ok"


@pytest.mark.parametrize(
    ("first", "ids", "second", "misfit"),
    [(pa.int64(), (1, 2), pa.uint64(), HUGE), (pa.uint64(), (1, HUGE), pa.int64(), -1)],
    ids=["too large", "negative"],
)
def test_an_id_that_does_not_fit_is_reported(
    workspace: Workspace, first: pa.DataType, ids: tuple[int, ...], second: pa.DataType, misfit: int
) -> None:
    numbered(workspace, first, *ids)
    workspace.run(0)
    numbered(workspace, second, 1, misfit)
    with pytest.raises(UsageError, match=f"contacts.parquet: the id {misfit} does not fit the ids of earlier runs"):
        workspace.run(1)
