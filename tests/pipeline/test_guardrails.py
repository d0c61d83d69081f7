"""Guardrails: shares, floors, limits in definitions, and accepted segments."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import rule, write_segment
from segbatch import Guard, SnapshotError, UsageError
from segbatch.model.share import read_share
from workspace import Workspace

TIGHT = Guard(0.3)


@pytest.mark.parametrize(
    ("text", "share"),
    [("30%", 0.3), ("0.3", 0.3), (" 12.5 % ", 0.125), ("0", 0), ("0%", 0), ("1", 1), ("1000%", 10), ("10", 10)],
)
def test_a_share_is_read(text: str, share: float) -> None:
    assert read_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "a third", "-0.3", "0,3", ".3", "30%%", "1e-1", "nan", "٣%"])
def test_an_invalid_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a share; write it like 30% or 0.3 \(--max-change\)"):
        read_share(text)


@pytest.mark.parametrize("text", ["30", "10.1", "1001%"])
def test_a_share_that_would_stop_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is more than 10 times the size; write a share like 30%"):
        read_share(text)


@pytest.mark.parametrize(
    ("before", "after", "is_held"),
    [
        (1000, 1300, False),
        (1000, 1301, True),
        (1000, 700, False),
        (1000, 699, True),
        (1000, 0, True),
        (99, 0, False),
        (99, 100, False),
        (0, 99, False),
        (0, 100, True),
        (20, 100, True),
        (100, 0, True),
        (0, 0, False),
    ],
)
def test_a_segment_may_change_by_its_share_and_below_the_floor(before: int, after: int, *, is_held: bool) -> None:
    assert (TIGHT.reason("s", None, before, after) is not None) == is_held


def test_the_reason_names_the_sizes_and_the_fix() -> None:
    assert TIGHT.reason("vips", None, 1000, 400) == (
        "would go from 1,000 to 400 members (-60.0%), more than 30% of its size; if that is right, "
        "run with --accept vips"
    )
    assert str(TIGHT.reason("vips", None, 0, 400)).startswith("would go from 0 to 400 members (from none), more than")


def test_a_floor_of_none_frees_no_segment() -> None:
    assert Guard(0.3, floor=0).reason("s", None, 1, 2)
    assert Guard(0.3, floor=0).reason("s", None, 0, 0) is None


def test_the_share_of_a_definition_overrides_the_guard() -> None:
    assert TIGHT.reason("s", 0.7, 1000, 400) is None
    assert Guard().reason("s", 0.5, 1000, 400)
    assert TIGHT.reason("s", 0, 1000, 1001)
    assert Guard().reason("s", None, 1000, 1) is None


@pytest.mark.parametrize(
    ("before", "after", "floor", "is_held"),
    [
        (101, 0, 100, True),
        (100, 0, 100, False),
        (101, 1, 100, False),
        (0, 0, 100, False),
        (1, 0, 0, True),
        (5, 0, 5, False),
    ],
)
def test_a_segment_may_not_become_empty_above_the_floor(before: int, after: int, floor: int, *, is_held: bool) -> None:
    assert (Guard(floor=floor).reason("s", None, before, after) is not None) == is_held
    assert Guard(floor=floor, allow_collapse=True).reason("s", None, before, after) is None
    assert Guard(floor=floor, accepted=["s"]).reason("s", None, before, after) is None
    assert Guard(floor=floor).reason("s", None, before, after, is_edited=True) is None


def test_the_reason_of_a_collapse_names_the_option_that_allows_it() -> None:
    assert Guard().reason("vips", 2.0, 1000, 0) == (
        "would go from 1,000 members to none; if that is right, run with --accept vips, "
        "or with --allow-collapse for all segments"
    )


def test_a_share_also_applies_to_a_segment_that_may_collapse() -> None:
    guard = Guard(0.3, allow_collapse=True)
    assert str(guard.reason("s", None, 1000, 0)).startswith("would go from 1,000 to 0 members (-100.0%), more than 30%")


def test_an_edited_segment_is_held_by_its_own_share_alone() -> None:
    assert TIGHT.reason("s", None, 1000, 10, is_edited=True) is None
    assert TIGHT.reason("s", None, 1000, 0, is_edited=True) is None
    assert TIGHT.reason("s", 0.3, 1000, 10, is_edited=True)
    assert TIGHT.reason("s", 0.3, 1000, 0, is_edited=True)
    assert TIGHT.reason("s", 1.0, 1000, 0, is_edited=True) is None


@pytest.mark.parametrize(("accepted", "passes"), [(["s"], True), (["all"], True), (["other"], False), ([], False)])
def test_accepted_segments_pass(accepted: list[str], *, passes: bool) -> None:
    assert (Guard(0.3, accepted=accepted).reason("s", None, 1000, 0) is None) == passes


def of(report: Any, segment_id: str) -> Any:
    return next(segment for segment in report.segments if segment.segment_id == segment_id)


def test_a_segment_that_changes_too_much_keeps_its_members(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=20)
    report = workspace.run(1, guard=Guard(0.3, accepted=["free"]))
    held = of(report, "pro")
    assert (held.status, held.member_count, held.entered, held.exited, held.run_id) == ("held", 200, 0, 0, "night-0")
    assert (report.run.status, report.run.segments_held, report.run.segments_ok) == ("partial", 1, 1)
    assert [str(error) for error in report.errors] == [f"segment 'pro': {held.error}"]
    assert len(workspace.members("pro")) == 200
    assert {change[1] for change in workspace.changes()} == {"free"}


def test_a_segment_that_was_held_passes_when_it_is_accepted(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=20)
    for number in (1, 2):
        assert of(workspace.run(number, guard=TIGHT), "pro").status == "held"
    report = workspace.run(3, guard=Guard(0.3, accepted=["all"]))
    passed = of(report, "pro")
    assert (passed.status, passed.member_count, passed.exited, passed.run_id) == ("ok", 20, 180, "night-3")
    assert report.run.status == "ok"


def test_a_definition_has_a_guard_of_its_own(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.segment("pro", max_change=0.1)
    workspace.run(0)
    workspace.crowd(400, pro=170)
    report = workspace.run(1)
    assert [segment.status for segment in report.segments] == ["ok", "held"]


def test_segments_that_name_one_that_is_held_are_held_with_it(workspace: Workspace) -> None:
    folder = workspace.folder / "segments"
    write_segment(folder, "b-named", {"operator": "in_segment", "value": "pro"}, rule("id", "exists"))
    write_segment(folder, "a-named-in-turn", {"operator": "not_in_segment", "value": "b-named"})
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=20)
    report = workspace.run(1, guard=Guard(0.3, accepted=["free", "a-named-in-turn", "b-named"]))
    assert [segment.status for segment in report.segments] == ["held", "held", "ok", "held"]
    assert of(report, "b-named").error == "refers to the segment 'pro', which is held"
    assert of(report, "a-named-in-turn").error == "refers to the segment 'b-named', which is held"
    assert len(workspace.members("b-named")) == 200


def shown(workspace: Workspace, segment_id: str) -> tuple[Any, ...]:
    [(status, error, definition, waiting)] = workspace.ask(
        f"SELECT status, error, definition, pending_definition FROM segments WHERE segment_id = '{segment_id}'"
    )
    return status, error, *(text and json.loads(text)["rules"][0]["value"] for text in (definition, waiting))


def test_a_segment_that_collapses_is_held_until_it_is_accepted(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=0)
    dry = workspace.run(1, dry_run=True)
    assert of(dry, "pro").status == "held"
    for number in (1, 2):
        report = workspace.run(number)
        held = of(report, "pro")
        assert (held.status, held.member_count, held.run_id) == ("held", 200, "night-0")
        assert report.run.status == "partial"
    assert len(workspace.members("pro")) == 200
    report = workspace.run(2, guard=Guard(accepted=["pro"]))
    assert (of(report, "pro").status, of(report, "pro").exited) == ("ok", 200)
    assert workspace.run(3).run.status == "ok"


def test_segments_that_collapse_are_published_if_that_is_allowed(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=0)
    report = workspace.run(1, guard=Guard(allow_collapse=True))
    assert (report.run.status, of(report, "pro").exited) == ("ok", 200)


def test_an_empty_snapshot_that_is_allowed_does_not_allow_a_collapse_in_another(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=0)
    assert of(workspace.run(1, allow_empty=True), "pro").status == "held"
    workspace.contacts()
    assert of(workspace.run(2, allow_empty=True), "pro").exited == 200


@pytest.mark.parametrize("guard", [Guard(), TIGHT])
def test_an_edited_segment_passes(workspace: Workspace, guard: Guard) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.segment("pro", "enterprise")
    report = workspace.run(1, guard=guard)
    assert (of(report, "pro").status, of(report, "pro").exited) == ("ok", 200)


@pytest.mark.parametrize(
    "edit", [{"name": "Another"}, {"description": "New"}, {"max_change": 2.0}, {"match": "all"}, {"list_id": "7"}]
)
def test_a_new_name_does_not_count_as_an_edit(workspace: Workspace, edit: dict[str, Any]) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=0)
    workspace.segment("pro", **edit)
    assert of(workspace.run(1), "pro").status == "held"


def test_an_edited_segment_is_held_by_the_share_of_its_definition(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.segment("pro", "enterprise", max_change=0.5)
    workspace.run(1)
    status, error, follows, waits = shown(workspace, "pro")
    assert (status, follows, waits) == ("held", "pro", "enterprise")
    assert error.startswith("would go from 200 to 0 members (-100.0%), more than 50% of its size")
    workspace.run(2, guard=Guard(accepted=["pro"]))
    assert shown(workspace, "pro") == ("ok", None, "enterprise", None)


def test_a_held_segment_shows_the_definition_that_its_members_follow(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=0)
    workspace.run(1)
    assert shown(workspace, "pro")[2:] == ("pro", None)
    path = workspace.folder / "contacts.parquet"
    contacts = pq.read_table(path)
    pq.write_table(contacts.append_column("project_id", pa.array(["p1"] * len(contacts))), path)
    workspace.segment("pro", name="Another", description="New", list_id="7", project_id="p1")
    record = of(workspace.run(2, guard=Guard(0.3, floor=0)), "pro")
    assert record.status == "ok"  # another project is another meaning
    assert (record.name, record.project_id, record.pending_definition) == ("Another", "p1", None)


@pytest.mark.parametrize("definition", ["{", '{"name": "New", "rules": [{"field": "plann", "operator": "exists"}]}'])
def test_a_failed_segment_shows_the_definition_that_its_members_follow(workspace: Workspace, definition: str) -> None:
    workspace.segment("pro", name="Old", description="Old", list_id="6", project_id=None)
    workspace.run(0)
    before = of(workspace.run(1), "pro")
    (workspace.folder / "segments" / "pro.json").write_text(definition)
    for number in (2, 3):
        record = of(workspace.run(number), "pro")
        assert record.status == "failed"
        for name in ("definition", "name", "description", "list_id", "fingerprint"):
            assert getattr(record, name) == getattr(before, name)
        waits = None if definition == "{" else {"id": "pro", **json.loads(definition)}
        assert record.pending_definition == waits
    workspace.segment("pro")
    record = of(workspace.run(4), "pro")
    assert (record.status, record.name, record.pending_definition) == ("ok", "Pro", None)


def test_a_segment_without_members_shows_the_definition_that_failed(workspace: Workspace) -> None:
    path = workspace.folder / "segments" / "new.json"
    path.write_text('{"name": "New", "rules": [{"field": "plann", "operator": "exists"}]}')
    workspace.run(0)
    record = of(workspace.run(1), "new")
    assert (record.definition["rules"][0]["field"], record.pending_definition) == ("plann", None)


def test_new_segments_are_free(workspace: Workspace) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.segment("more", "pro")
    assert of(workspace.run(1, guard=TIGHT), "more").status == "ok"


def test_a_snapshot_that_lost_most_of_its_contacts_is_stopped(workspace: Workspace) -> None:
    workspace.crowd(200, pro=100)
    workspace.run(0)
    workspace.crowd(99, pro=50)
    expected = (
        r"contacts.parquet: 101 of the 200 contacts of the last run are gone \(50.5%\); nothing was published; "
        r"check the export, or pass --accept all"
    )
    with pytest.raises(SnapshotError, match=expected):
        workspace.run(1)
    assert workspace.run(1, guard=Guard(accepted=["all"])).run.contacts == 99


def test_half_of_the_contacts_may_go(workspace: Workspace) -> None:
    workspace.crowd(200, pro=100)
    workspace.run(0)
    workspace.crowd(100, pro=50)
    assert workspace.run(1).run.contacts == 100


def test_few_contacts_may_go(workspace: Workspace) -> None:
    workspace.crowd(99, pro=50)
    workspace.run(0)
    workspace.contacts(ann="pro")
    assert workspace.run(1).run.contacts == 1


def test_an_intended_empty_snapshot_needs_one_option(workspace: Workspace) -> None:
    workspace.crowd(200, pro=100)
    workspace.run(0)
    workspace.contacts()
    with pytest.raises(SnapshotError, match="has no contacts"):
        workspace.run(1)
    report = workspace.run(1, allow_empty=True)
    assert [segment.exited for segment in report.segments] == [100, 100]
    assert workspace.members("pro") == []
