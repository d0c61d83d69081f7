"""Segments that are new, deleted, edited, broken, or in a file that cannot be read."""

import json
from pathlib import Path

import pytest

from builders import rule
from segbatch.definitions.definition import BrokenDefinition, Definitions
from segbatch.errors import Problem
from segbatch.model.manifest import SegmentRecord
from segbatch.pipeline.missing_segments import segments_in_broken_files
from workspace import Workspace

pytestmark = pytest.mark.slow


def status(workspace: Workspace) -> list[tuple[object, ...]]:
    return workspace.ask("SELECT segment_id, status, member_count, run_id FROM segments ORDER BY 1")


def test_a_new_segment_is_entered_by_all_of_its_members(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.segment("also", "pro")
    workspace.run(1)
    assert workspace.changes() == [("night-1", "also", "ann", "entered"), ("night-1", "also", "bob", "entered")]


def test_a_deleted_segment_is_left_by_all_of_its_members(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.drop("pro")
    workspace.run(1)
    assert workspace.changes() == [("night-1", "pro", "ann", "exited"), ("night-1", "pro", "bob", "exited")]
    assert [row[0] for row in status(workspace)] == ["free"]
    workspace.segment("pro")
    workspace.run(2)
    assert [change for change in workspace.changes() if change[0] == "night-2"] == [
        ("night-2", "pro", "ann", "entered"),
        ("night-2", "pro", "bob", "entered"),
    ]


def test_contacts_enter_and_leave_an_edited_segment(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="pro", bob="pro", cem="free", dan="pro")
    workspace.segment("pro", "free")
    workspace.run(1)
    assert [(who, change) for _, _, who, change in workspace.changes()] == [
        ("ann", "exited"),
        ("bob", "exited"),
        ("cem", "entered"),
    ]


def test_a_contact_that_is_gone_has_left(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(cem="free", ann="pro")
    workspace.run(1)
    assert workspace.changes() == [("night-1", "pro", "bob", "exited")]
    assert workspace.members("pro") == ["ann"]


@pytest.mark.parametrize("definition", ["{", '{"name": "Pro", "rules": [{"field": "plann", "operator": "exists"}]}'])
def test_a_segment_that_fails_keeps_its_members_even_those_that_are_gone(workspace: Workspace, definition: str) -> None:
    workspace.run(0)
    (workspace.folder / "segments" / "pro.json").write_text(definition)
    workspace.contacts(ann="free", cem="free")
    for number in (1, 2):
        workspace.run(number)
        assert status(workspace) == [("free", "ok", 2, f"night-{number}"), ("pro", "failed", 2, "night-0")]
        assert workspace.members("pro") == ["ann", "bob"]
    workspace.segment("pro")
    workspace.run(3)
    assert [change for change in workspace.changes() if change[1] == "pro"] == [
        ("night-3", "pro", "ann", "exited"),
        ("night-3", "pro", "bob", "exited"),
    ]


def test_a_segment_that_never_had_members_has_none_to_keep(workspace: Workspace) -> None:
    (workspace.folder / "segments" / "new.json").write_text("{")
    workspace.run(0)
    workspace.run(1)
    assert ("new", "failed", 0, None) in status(workspace)
    workspace.segment("new", "pro")
    workspace.run(2)
    assert ("new", "ok", 2, "night-2") in status(workspace)


def many(path: Path, *segment_ids: str) -> None:
    rules = [rule("plan", "eq", "pro")]
    path.write_text(json.dumps([{"id": name, "name": name, "rules": rules} for name in segment_ids]))


def test_segments_in_an_unreadable_file_do_not_count_as_deleted(workspace: Workspace) -> None:
    path = workspace.folder / "segments" / "more.json"
    many(path, "one", "two")
    workspace.run(0)
    path.write_text(path.read_text()[:-10])
    report = workspace.run(1)
    assert workspace.changes() == []
    assert [row[0] for row in status(workspace) if row[1] == "failed"] == ["more", "one", "two"]
    assert workspace.members("one") == ["ann", "bob"]
    errors = [error for error in report.errors if error.segment_id == "one"]
    reason = "is missing from this file, which has an error; its members are kept until the file is fixed"
    assert [str(error) for error in errors] == [f"{path}: segment 'one': {reason}"]
    [(error,)] = workspace.ask("SELECT error FROM segments WHERE segment_id = 'one'")
    assert error.startswith(f"is missing from its file, which has an error: {path}: not JSON at line 1")
    many(path, "one")
    workspace.run(2)
    assert {change[1] for change in workspace.changes()} == {"two"}


def known(segment_id: str, file: str | None) -> dict[str, SegmentRecord]:
    return {segment_id: SegmentRecord(segment_id=segment_id, file=file, status="ok", run_id="night-0")}


def unread(file: str, segment_id: str = "x") -> Definitions:
    return Definitions((), (BrokenDefinition(segment_id, file, "$", (Problem("cannot be read"),)),))


def test_segments_in_an_unreadable_folder_do_not_count_as_deleted() -> None:
    found = segments_in_broken_files(unread("here/team"), Path("here"), known("one", "team/mail/one.json"))
    assert found == {"one": Problem("cannot be read")}


def test_segments_whose_file_is_missing_are_deleted() -> None:
    assert segments_in_broken_files(unread("here/team.json"), Path("here"), known("one", "team/one.json")) == {}
    assert segments_in_broken_files(unread("here/one.json", "one"), Path("here"), known("one", "one.json")) == {}
    assert segments_in_broken_files(unread("here/one.json"), Path("here"), known("two", None)) == {}


def test_a_segment_that_moved_to_another_file_is_the_same(workspace: Workspace) -> None:
    workspace.run(0)
    (workspace.folder / "segments" / "sub").mkdir()
    (workspace.folder / "segments" / "pro.json").rename(workspace.folder / "segments" / "sub" / "pro.json")
    workspace.run(1)
    assert workspace.changes() == []
    assert workspace.ask("SELECT file FROM segments WHERE segment_id = 'pro'") == [("sub/pro.json",)]
