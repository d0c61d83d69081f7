"""Renamed segments: members, history, guards and changes continue under the new id."""

from pathlib import Path
from typing import Any

import pytest

import segbatch
from builders import rule, write_segment
from segbatch.definitions.definition import Definitions
from segbatch.runs.diff import diff
from segbatch.storage.catalog_rebuild import relink
from workspace import Workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro")
    workspace.segment("free")
    workspace.run(0)
    workspace.contacts(ann="pro", bob="free", cem="free")
    workspace.run(1)
    return workspace


def rename(place: Workspace, old: str, new: str, *previous: str, **more: Any) -> None:
    place.drop(old)
    place.segment(new, "pro", previous_ids=[*previous, old], **more)


def test_no_contact_enters_or_leaves_because_of_a_rename(place: Workspace) -> None:
    rename(place, "pro", "best")
    report = place.run(2)
    best = next(segment for segment in report.segments if segment.segment_id == "best")
    assert (best.entered, best.exited, report.deleted) == (0, 0, ())
    [note] = report.notes
    assert (note.segment_id, note.message) == ("best", "continues the segment 'pro' of the last run, which was renamed")
    assert place.manifest("night-2").renamed == {"pro": "best"}
    assert place.changes() == [("night-1", "best", "bob", "exited"), ("night-1", "free", "bob", "entered")]
    history = place.ask(
        "SELECT contact_id, exited_at IS NULL FROM membership_history WHERE segment_id = 'best' ORDER BY 1"
    )
    assert history == [("ann", True), ("bob", False)]
    runs = place.ask("SELECT run_id, member_count FROM segment_runs WHERE segment_id = 'best' ORDER BY as_of")
    assert runs == [("night-0", 2), ("night-1", 1), ("night-2", 1)]


def test_a_rename_to_an_id_of_the_last_run_is_a_warning_once(place: Workspace) -> None:
    place.drop("free")
    rename(place, "pro", "free")
    report = place.run(2)
    warning = "the segment was 'pro', but the last run had another segment with its new id, which it continues now"
    assert [one.segment_id for one in report.warnings if one.message.startswith(warning)] == ["free"]
    place.segment("pro")  # a new segment with the old id
    assert not [one for one in place.run(3).warnings if "new id" in one.message]
    assert not [one for one in place.run(4).warnings if "new id" in one.message]


def test_a_rename_back_before_the_next_run_changes_nothing(place: Workspace) -> None:
    place.segment("pro", previous_ids=["pro", "best"])
    report = place.run(2)
    assert (report.warnings, report.notes, len(place.changes())) == ((), (), 2)


def test_several_renames_lead_to_the_present_id_also_after_a_relink(place: Workspace) -> None:
    rename(place, "pro", "best")
    place.run(2)
    place.contacts(cem="pro")
    place.run(3, guard=segbatch.Guard(accepted=["all"]))
    rename(place, "best", "top", "pro")
    place.run(4)
    expected = [
        ("night-1", "free", "bob", "entered"),
        ("night-1", "top", "bob", "exited"),
        ("night-3", "free", "bob", "exited"),
        ("night-3", "free", "cem", "exited"),
        ("night-3", "top", "ann", "exited"),
        ("night-3", "top", "cem", "entered"),
    ]
    assert place.changes() == expected
    relink(place.output)
    assert place.changes() == expected
    assert place.ask("SELECT DISTINCT segment_id FROM segment_runs ORDER BY 1") == [("free",), ("top",)]


def test_a_rewind_undoes_a_rename(place: Workspace) -> None:
    rename(place, "pro", "best")
    place.run(2)
    place.drop("best")
    place.segment("pro")
    place.run(2)
    assert place.changes() == [("night-1", "free", "bob", "entered"), ("night-1", "pro", "bob", "exited")]
    assert place.ask("SELECT DISTINCT segment_id FROM segment_runs ORDER BY 1") == [("free",), ("pro",)]


def test_a_renamed_segment_that_fails_keeps_its_members(place: Workspace) -> None:
    place.drop("pro")
    write_segment(place.folder / "segments", "best", rule("plam", "eq", "pro"), previous_ids=["pro"])
    report = place.run(2)
    assert report.run.segments_failed == 1
    assert place.members("best") == ["ann"]
    write_segment(place.folder / "segments", "best", rule("plan", "is", "pro"), previous_ids=["pro"])
    place.run(2)
    assert place.members("best") == ["ann"]
    rename(place, "best", "best")
    place.run(3)
    assert place.changes()[2:] == []


def test_a_renamed_segment_that_is_left_out_keeps_its_members(place: Workspace) -> None:
    rename(place, "pro", "best")
    report = place.run(2, only=segbatch.SegmentFilter(["free"]))
    assert report.left_out == ("best",)
    assert place.members("best") == ["ann"]


def test_a_segment_of_another_project_does_not_continue_it(place: Workspace) -> None:
    place.drop("pro")
    place.segment("best", "pro", previous_ids=["pro"], project_id="p1")
    report = place.run(2)
    assert [gone.segment_id for gone in report.deleted] == ["pro"]
    assert place.manifest("night-2").renamed == {}


def test_a_segment_with_the_old_id_continues_itself(place: Workspace) -> None:
    place.segment("best", "pro", previous_ids=["pro"])
    report = place.run(2)
    assert report.deleted == ()
    assert place.ask("SELECT segment_id, entered FROM segments ORDER BY 1") == [("best", 1), ("free", 0), ("pro", 0)]


def test_the_first_of_two_segments_with_the_same_previous_id_continues_it(place: Workspace) -> None:
    rename(place, "pro", "best")
    place.segment("copy", "pro", previous_ids=["pro"])
    place.run(2)
    assert place.ask("SELECT segment_id, entered FROM segments ORDER BY 1") == [("best", 0), ("copy", 1), ("free", 0)]


def test_a_segment_that_was_in_the_last_run_continues_itself(place: Workspace) -> None:
    place.drop("pro")
    place.segment("free", previous_ids=["pro"])
    report = place.run(2)
    assert [gone.segment_id for gone in report.deleted] == ["pro"]
    assert report.notes == ()


def test_guards_compare_with_the_members_under_the_old_id(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    place.crowd(400, 300)
    place.segment("pro")
    place.segment("free")
    place.run(0)
    rename(place, "pro", "best")
    place.crowd(400, 0)
    assert [problem.segment_id for problem in place.run(1).errors] == ["best"]
    assert place.ask("SELECT member_count FROM segments WHERE segment_id = 'best'") == [(300,)]


def test_a_diff_and_an_export_follow_a_rename(place: Workspace) -> None:
    rename(place, "pro", "best")
    place.contacts(ann="pro", bob="free", cem="free", dan="pro")
    place.run(2)
    found = {one.segment_id: one for one in diff(place.output, "night-0", "night-2").segments}
    assert list(found) == ["best", "free"]
    best = found["best"]
    assert (best.then, best.now, best.entered, best.exited, best.definition) == (2, 2, 1, 1, "changed")
    target = place.folder / "out.csv"

    def export(segment_id: str, **options: Any) -> list[str]:
        segbatch.export(segment_id, target, place.output, force=True, **options)
        return sorted(target.read_text().replace('"', "").splitlines()[1:])

    assert export("best", since="night-0") == ["bob,exited", "dan,entered"]
    for name in ("best", "pro"):
        assert export(name, run="night-0") == ["ann", "bob"]
        assert export(name, run="night-1", changes=True) == ["bob,exited"]
    place.segment("pro", "free")
    place.run(3)
    assert export("pro", since="night-0") == ["bob,entered", "cem,entered"]
    with pytest.raises(segbatch.UsageError, match="has no segment 'free-riders'"):
        export("free-riders", run="night-0")


def test_a_rename_to_the_id_of_a_deleted_segment_leaves_its_history_alone(place: Workspace) -> None:
    place.drop("free")
    place.run(2)
    rename(place, "pro", "free")
    place.run(3)
    assert place.changes() == [
        ("night-1", "free", "bob", "exited"),
        ("night-1", "free~1", "bob", "entered"),
        ("night-2", "free~1", "bob", "exited"),
        ("night-2", "free~1", "cem", "exited"),
    ]
    runs = place.ask("SELECT segment_id, run_id FROM segment_runs WHERE segment_id LIKE 'free%' ORDER BY ALL")
    assert runs == [
        *(("free", f"night-{number}") for number in range(4)),
        *(("free~1", f"night-{number}") for number in range(2)),
    ]
    stays = "SELECT segment_id, contact_id, exited_at IS NULL FROM membership_history ORDER BY ALL"
    assert place.ask(stays) == [
        *(("free", "ann", True), ("free", "bob", False)),
        *(("free~1", "bob", False), ("free~1", "cem", False)),
    ]
    renames = place.ask("SELECT * FROM segment_renames ORDER BY ALL")
    assert renames == [
        *(("night-0", "free", "free~1"), ("night-0", "pro", "free")),
        *(("night-1", "free", "free~1"), ("night-1", "pro", "free")),
        *(("night-2", "free", "free~1"), ("night-2", "pro", "free")),
    ]
    found = {one.segment_id: one for one in diff(place.output, "night-0", "night-3").segments}
    assert [(name, one.then, one.now, one.entered, one.exited) for name, one in found.items()] == [
        ("free", 2, 1, 0, 1),
        ("free~1", 1, None, 0, 1),
    ]
    target = place.folder / "out.csv"
    wanted: tuple[tuple[str, dict[str, Any], list[str]], ...] = (
        ("free", {"since": "night-0"}, ["bob,exited"]),
        ("free", {"run": "night-0"}, ["cem"]),
        ("pro", {"run": "night-0"}, ["ann", "bob"]),
        ("free~1", {"run": "night-1"}, ["bob", "cem"]),
    )
    for name, options, rows in wanted:
        segbatch.export(name, target, place.output, force=True, **options)
        assert sorted(target.read_text().replace('"', "").splitlines()[1:]) == rows


def test_a_segment_that_gets_its_first_id_back_is_one_segment(place: Workspace) -> None:
    rename(place, "pro", "best")
    place.run(2)
    place.drop("best")
    place.segment("pro", previous_ids=["best"])
    place.run(3)
    assert [past.reused for past in place.history().runs] == [()] * 4
    assert place.ask("SELECT DISTINCT segment_id FROM segment_runs ORDER BY 1") == [("free",), ("pro",)]


def test_ids_that_deleted_segments_had_one_after_the_other_are_numbered(place: Workspace) -> None:
    for number, plan in enumerate(("one", "two"), start=2):
        place.drop("free")
        place.segment(plan, "pro")
        place.run(2 * number)
        place.drop(plan)
        place.segment("free", "pro", previous_ids=[plan])
        place.run(2 * number + 1)
    runs = place.ask("SELECT run_id, segment_id FROM segment_runs WHERE segment_id LIKE 'free%' ORDER BY ALL")
    assert runs == [
        *(("night-0", "free~1"), ("night-1", "free~1")),
        *(("night-4", "free~2"), ("night-5", "free~2")),
        *(("night-6", "free"), ("night-7", "free")),
    ]


def test_the_ids_are_gathered_once_for_all_segments(monkeypatch: pytest.MonkeyPatch, place: Workspace) -> None:
    asked = list[int]()
    ids = vars(Definitions)["ids"].fget

    def ids_counted(definitions: Definitions) -> list[str]:
        asked.append(1)
        return list(ids(definitions))

    monkeypatch.setattr(Definitions, "ids", property(ids_counted))
    for number in range(9):
        place.segment(f"new-{number}", "pro")
    place.run(2)
    assert 1 <= len(asked) < 9
