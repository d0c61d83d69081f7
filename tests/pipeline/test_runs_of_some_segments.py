"""Runs that are limited to some segments: the others keep their members and their history."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from calling import Commands
from segbatch import Guard, SegmentFilter, UsageError
from workspace import Workspace

VIP = SegmentFilter(tags=["vip"])
ROWS = "SELECT segment_id, status, member_count, entered, exited, run_id FROM segments ORDER BY segment_id"


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro", tags=["vip"])
    workspace.segment("free")
    workspace.run(0)
    workspace.contacts(ann="pro", bob="free", dan="free")
    return workspace


def test_segments_that_are_left_out_keep_their_members_and_have_no_changes(place: Workspace) -> None:
    report = place.run(1, only=VIP)
    assert place.ask(ROWS) == [("free", "ok", 1, 0, 0, "night-0"), ("pro", "ok", 1, 0, 1, "night-1")]
    assert place.members("free") == ["cem"]
    assert place.changes() == [("night-1", "pro", "bob", "exited")]
    assert (report.left_out, report.run.segments_ok, report.run.segments_left_out) == (("free",), 1, 1)
    message = (
        "this run evaluates only 1 segment, with tag 'vip', or referred to by one of them; "
        "1 other segment of the last run keeps the members: free"
    )
    assert [note.message for note in report.notes] == [message]
    assert place.manifest("night-1").left_out == ("free",)
    place.run(2)
    assert place.changes()[1:] == [
        ("night-2", "free", "bob", "entered"),
        ("night-2", "free", "cem", "exited"),
        ("night-2", "free", "dan", "entered"),
    ]


def test_a_first_run_has_only_the_selected_segments(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    place.contacts(ann="pro")
    place.segment("pro", tags=["vip"])
    place.segment("free")
    report = place.run(0, only=VIP)
    assert [row[0] for row in place.ask(ROWS)] == ["pro"]
    assert "keep" not in report.notes[0].message
    place.run(1)
    assert [row[:2] for row in place.ask(ROWS)] == [("free", "ok"), ("pro", "ok")]


def test_segments_that_the_selected_ones_refer_to_are_evaluated(place: Workspace) -> None:
    write_segment(place.folder / "segments", "both", {"operator": "in_segment", "value": "free"}, owner="ann")
    place.run(1, only=SegmentFilter(owners=["ann"]))
    assert place.members("both") == place.members("free") == ["bob", "dan"]
    assert place.ask(ROWS)[2] == ("pro", "ok", 2, 0, 0, "night-0")


def test_a_failure_of_a_segment_that_is_left_out_does_not_matter(place: Workspace) -> None:
    write_segment(place.folder / "segments", "free", rule("plam", "eq", "free"))
    assert place.run(1).run.status == "partial"
    report = place.run(2, only=VIP)
    assert (report.run.status, report.errors) == ("ok", ())
    assert place.ask(ROWS)[0] == ("free", "failed", 1, 0, 0, "night-0")
    (place.folder / "segments" / "free.json").write_text("{")
    assert place.run(3, only=VIP).run.status == "ok"
    assert place.run(4).run.status == "partial"
    assert place.members("free") == ["cem"]


def test_a_held_segment_that_is_left_out_is_not_an_error(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    place.crowd(400, 300)
    place.segment("pro")
    place.segment("free", tags=["vip"])
    place.run(0)
    place.crowd(400, 0)
    assert [problem.segment_id for problem in place.run(1).errors] == ["pro"]
    report = place.run(2, only=VIP)
    assert (report.errors, report.run.segments_held) == ((), 0)
    assert place.ask(ROWS)[1] == ("pro", "held", 300, 0, 0, "night-0")


def test_a_run_of_some_segments_deletes_none(place: Workspace) -> None:
    place.drop("free")
    report = place.run(1, only=VIP)
    assert (report.deleted, report.warnings) == ((), ())
    assert place.members("free") == ["cem"]
    assert [gone.segment_id for gone in place.run(2).deleted] == ["free"]


def test_a_segment_that_was_disabled_and_is_left_out_stays_disabled(place: Workspace) -> None:
    place.segment("free", enabled=False)
    place.run(1)
    place.segment("free")
    place.run(2, only=VIP)
    assert place.ask(ROWS)[0] == ("free", "disabled", 0, 0, 0, None)


def test_a_segment_that_never_had_members_is_left_out_as_it_was(place: Workspace) -> None:
    write_segment(place.folder / "segments", "bad", rule("plam", "eq", "free"))
    place.run(1)
    place.run(2, only=VIP)
    assert place.ask(ROWS)[0] == ("bad", "failed", 0, None, None, None)


def test_fields_of_segments_that_are_left_out_are_compared_with_the_run_that_evaluated_them(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    write_segment(place.folder / "segments", "many", rule("seats", "exists"))
    write_segment(place.folder / "segments", "pro", rule("plan", "eq", "pro"), tags=["vip"])

    def contacts(seats: pa.Array) -> None:
        write_contacts(place.folder / "contacts.parquet", {"plan": pa.array(["pro"]), "seats": seats})

    contacts(pa.array([5]))
    place.run(0)
    contacts(pa.array(["five"]))
    assert not place.run(1, only=VIP).warnings
    assert [field.field for field in place.manifest("night-1").kept_fields["many"]] == ["seats"]
    [warning] = place.run(2).warnings
    assert warning.message.startswith("the field 'seats' is text, and was number in run night-0")


def test_an_accepted_segment_may_be_left_out_but_must_exist(place: Workspace) -> None:
    place.run(1, only=VIP, guard=Guard(accepted=["free"]))
    with pytest.raises(UsageError, match="there is no segment 'fre'; did you mean 'free'"):
        place.run(2, only=VIP, guard=Guard(accepted=["fre"]))


def test_a_check_and_a_lint_look_at_the_selected_segments_only(place: Workspace) -> None:
    write_segment(place.folder / "segments", "odd", rule("plan", "eq", "pro "), rule("plam", "eq", "pro"))
    (place.folder / "segments" / "torn.json").write_text("{")
    for contacts in (None, place.folder / "contacts.parquet"):
        report = segbatch.check(place.folder / "segments", contacts, only=VIP)
        assert (report.segments, report.problems) == (1, ())
        found = segbatch.lint(place.folder / "segments", contacts, only=VIP)
        assert (found.segments, found.errors, [one.name for one in found.findings]) == (1, (), [])
    assert segbatch.check(place.folder / "segments").errors


@pytest.fixture
def call(place: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("COLUMNS", "160")
    return Commands(monkeypatch, capsys)


def test_commands_take_the_options_and_the_settings(call: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("run", "--contacts", "contacts.parquet", "--tag", "vip", "--run-id", "2") == 0
    rows = [line.split() for line in call.out.splitlines()]
    assert rows[1] == ["free", "1", "33.3%", "left", "out"]
    assert "3 contacts, 2 segments, 2 memberships, 1 left out (1 with earlier members); run 2" in call.out
    assert call("runs") == 0
    assert "1 ok, 1 left out" in call.out
    assert call("run", "--contacts", "contacts.parquet", "--segment", "pro", "--json") == 0
    assert json.loads(call.out)["left_out"] == ["free"]
    assert call("segments", "list", "--tag", "vip", "--json") == 0
    assert [entry["id"] for entry in json.loads(call.out)] == ["pro"]
    assert call("check", "--owner", "ann") == 2
    assert call.err == "error: no segment has the owner 'ann' (--owner)\n"
    Path("segbatch.toml").write_text('only_tags = ["vip"]\n')
    assert call("check") == 0
    assert call.out == "1 segment checked: 0 errors, 0 warnings\n"
    monkeypatch.setenv("SEGBATCH_ONLY_TAGS", "vip old")
    assert call("lint") == 2
    assert call.err == "error: no segment has the tag 'old'; there is vip (SEGBATCH_ONLY_TAGS)\n"
