"""Deleted segments: the warning, and the stop if most segments are deleted."""

import json

import pytest

from builders import rule
from segbatch import Guard
from segbatch.errors import NothingToPublishError
from workspace import Workspace

DELETED = (
    "1 segment of the last run is no longer defined; it is deleted, with 2 memberships: pro; "
    "if that is a mistake, restore it"
)


def some(workspace: Workspace, number: int) -> None:
    """Add segments to the two existing ones."""
    for one in range(number):
        workspace.segment(f"s{one}", "pro")


def keep_only(workspace: Workspace, *segment_ids: str) -> None:
    for path in (workspace.folder / "segments").glob("*.json"):
        if path.stem not in segment_ids:
            path.unlink()


def test_a_deleted_segment_is_reported_with_its_members(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.drop("pro")
    dry = workspace.run(1, dry_run=True)
    report = workspace.run(1)
    for told, again in ((dry, ""), (report, " and run again with --run-id night-1")):
        assert [(gone.segment_id, gone.exited) for gone in told.deleted] == [("pro", 2)]
        assert [str(warning) for warning in told.warnings] == [f"{workspace.folder / 'segments'}: {DELETED}{again}"]
    assert workspace.manifest("night-1").deleted == report.deleted
    assert workspace.manifest("night-1").warnings == tuple(map(str, report.warnings))
    assert report.run.status == "ok"
    assert workspace.run(2).deleted == ()


def test_a_restored_segment_is_unchanged_after_the_run_is_repeated(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.drop("pro")
    workspace.run(1)
    workspace.segment("pro")
    report = workspace.run(1)
    assert (report.deleted, report.warnings, workspace.changes()) == ((), (), [])


def test_the_guard_does_not_hold_deleted_segments(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.segment("pro", max_change=0.1)
    workspace.run(0)
    workspace.drop("pro")
    report = workspace.run(1, guard=Guard(0.1))
    assert [(gone.segment_id, gone.exited) for gone in report.deleted] == [("pro", 200)]


@pytest.mark.parametrize("is_dry", [True, False])
def test_a_run_without_most_of_the_segments_is_stopped(workspace: Workspace, *, is_dry: bool) -> None:
    some(workspace, 5)
    workspace.run(0)
    keep_only(workspace, "pro", "free")
    expected = (
        f"{workspace.folder / 'segments'}: 5 of the 7 segments of the last run are gone (s0, s1, s2, …); "
        "nothing was published; check --segments; if they were deleted on purpose, pass --accept all"
    )
    with pytest.raises(NothingToPublishError) as stopped:
        workspace.run(1, dry_run=is_dry)
    assert str(stopped.value) == expected
    assert workspace.members("s0") == ["ann", "bob"]
    report = workspace.run(1, guard=Guard(accepted=["all"]), dry_run=is_dry)
    assert len(report.deleted) == 5


@pytest.mark.parametrize(("before", "stay"), [(4, ()), (8, ("s0", "s1", "s2"))], ids=["four", "half"])
def test_few_segments_or_half_of_them_may_be_deleted(workspace: Workspace, before: int, stay: tuple[str, ...]) -> None:
    some(workspace, before)
    workspace.run(0)
    keep_only(workspace, "pro", "free", *stay)
    assert len(workspace.run(1).deleted) == before - len(stay)


def test_a_file_that_could_not_be_read_was_no_segment(workspace: Workspace) -> None:
    path = workspace.folder / "segments" / "all.json"
    listed = [{"id": name, "name": name, "rules": [rule("plan", "eq", "pro")]} for name in ("one", "two")]
    broken = {"name": "without an id", "rules": []}
    for number, text in enumerate(["[", json.dumps([*listed, broken]), json.dumps([*listed, 5])]):
        path.write_text(text)
        workspace.run(number)
    assert [row[0] for row in workspace.ask("SELECT segment_id FROM segments ORDER BY 1")] == [
        "all[2]",
        "free",
        "one",
        "pro",
        "two",
    ]
    path.write_text(json.dumps([*listed[:1], 5]))
    report = workspace.run(3)
    assert [error.segment_id for error in report.errors] == ["all[1]", "two"]
    path.unlink()
    assert [gone.segment_id for gone in workspace.run(4).deleted] == ["one", "two"]
