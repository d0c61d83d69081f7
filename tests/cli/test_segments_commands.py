"""The commands that manage saved segments."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builders import rule, write_contacts, write_segment
from calling import Commands, Stdin
from failing_disk import refuse_flushes_of_folders, report_failure

ACTIVE = rule("status", "eq", "active")


class Segments(Commands):
    """Calls `segbatch segments` and other commands."""

    def json(self, *arguments: str, typed: str = "") -> Any:
        assert self("segments", *arguments, "--json", typed=typed) == 0, self.err
        return json.loads(self.out)

    def text(self, *arguments: str) -> str:
        assert self("segments", *arguments) == 0, self.err
        return self.out


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Segments:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return Segments(monkeypatch, capsys)


def test_a_segment_is_created_and_updated_with_options(call: Segments) -> None:
    made = call.text(
        *("create", "--name", "Pro Users", "--rule", "plan eq pro", "--rule", "seats gte 50", "--match", "any"),
        *("--project-id", "p", "--list-id", "l", "--max-change", "30%", "--description", "Who pays"),
    )
    assert made == "created pro-users: segments/pro-users.json\n"
    printed = call.text("get", "pro-users")
    assert printed == Path("segments/pro-users.json").read_text()
    definition = json.loads(printed)
    assert {key: definition[key] for key in ("project_id", "match", "list_id", "max_change", "description")} == {
        "project_id": "p",
        "match": "any",
        "list_id": "l",
        "max_change": 0.3,
        "description": "Who pays",
    }
    assert definition["rules"][1] == {"field": "seats", "operator": "gte", "value": 50}
    updated = call.text("update", "pro-users", "--clear", "description", "--clear", "match", "--rule", "plan eq team")
    assert updated == "updated pro-users: segments/pro-users.json\n"
    after = json.loads(call.text("get", "pro-users"))
    assert after["rules"] == [{"field": "plan", "operator": "eq", "value": "team"}]
    assert definition.keys() - after.keys() == {"description", "match"}


def test_owner_tags_expiry_and_enabled_are_set_listed_and_removed(call: Segments) -> None:
    call.text(
        *("create", "--name", "VIPs", "--rule", "plan eq pro", "--owner", "growth", "--tag", "vip", "--tag", "new"),
        *("--expires-at", "2026-12-31", "--disable"),
    )
    call.text("create", "--name", "Others", "--rule", "plan eq free")
    made = json.loads(call.text("get", "vips"))
    assert {key: made[key] for key in ("owner", "tags", "expires_at", "enabled")} == {
        "owner": "growth",
        "tags": ["vip", "new"],
        "expires_at": "2026-12-31",
        "enabled": False,
    }
    assert [line.split() for line in call.text("list").splitlines()[:3]] == [
        ["segment", "project", "members", "status", "owner", "tags", "name"],
        ["others", "-", "-", "-", "-", "-", "Others"],
        ["vips", "-", "-", "-", "growth", "vip,", "new", "VIPs"],
    ]
    assert [(one["owner"], one["tags"]) for one in call.json("list")] == [(None, []), ("growth", ["vip", "new"])]
    call.text("update", "vips", "--enable", "--tag", "old")
    made = json.loads(call.text("get", "vips"))
    assert (made["enabled"], made["tags"]) == (True, ["old"])
    call.text(
        "update", "vips", *(word for key in ("owner", "tags", "expires_at", "enabled") for word in ("--clear", key))
    )
    assert not {"owner", "tags", "expires_at", "enabled"} & json.loads(call.text("get", "vips")).keys()


def test_rename_changes_the_id_and_the_references(call: Segments) -> None:
    call.text("create", "--name", "Pro", "--rule", "plan eq pro")
    call.text("create", "--name", "Both", "--rule", "in_segment pro")
    assert call.text("rename", "pro", "best") == (
        "renamed pro to best: segments/pro.json\nchanged references in 1 segment: both\n"
    )
    renamed = call.json("rename", "best", "top")
    assert (renamed["id"], renamed["renamed_from"], renamed["changed"]) == ("top", "best", ["both"])
    assert call("segments", "rename", "top", "both") == 5
    assert call("segments", "rename", "nobody", "x") == 4
    assert call("check") == 0


def test_a_rename_of_a_segment_with_many_users_is_two_lines(call: Segments) -> None:
    write_segment(Path("segments"), "pro", ACTIVE)
    for number in range(30):
        write_segment(Path("segments"), f"s{number:02}", {"operator": "in_segment", "value": "pro"})
    lines = call.text("rename", "pro", "best").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("changed references in 30 segments: s00, s01, ")
    assert lines[1].endswith(" more")


def test_a_run_after_an_interrupted_rename_has_one_error_with_the_fix(call: Segments) -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"]})
    write_segment(Path("segments"), "best", ACTIVE, previous_ids=["first", "pro"])
    for number in range(30):
        write_segment(Path("segments"), f"s{number:02}", {"operator": "in_segment", "value": "pro"})
    assert call("run", "--contacts", "contacts.parquet", "--dry-run") == 3
    assert call.err == (
        "error: segments/s00.json: $.rules[0].value: segment 'pro' is 'best' now; to change the references to it, run "
        "'segbatch segments rename pro best' (and 29 more errors like this)\n"
    )
    assert call("segments", "rename", "pro", "best") == 0
    assert call("run", "--contacts", "contacts.parquet", "--dry-run") == 0


def test_the_summary_counts_the_same_segments_in_the_first_and_in_later_runs(call: Segments) -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new"]})
    write_segment(Path("segments"), "active", ACTIVE)
    write_segment(Path("segments"), "failing", rule("nope", "eq", 1))
    call("run", "--contacts", "contacts.parquet")
    assert "\n2 contacts, 2 segments, 1 membership, 1 failed; run " in call.out
    write_segment(Path("segments"), "failing", rule("status", "eq", "new"))
    call("run", "--contacts", "contacts.parquet")
    assert "\n2 contacts, 2 segments, 2 memberships; run " in call.out
    write_segment(Path("segments"), "failing", rule("nope", "eq", 1))
    call("run", "--contacts", "contacts.parquet")
    assert "\n2 contacts, 2 segments, 2 memberships, 1 failed (1 with earlier members); run " in call.out


def test_a_definition_is_read_from_a_file_or_standard_input(call: Segments) -> None:
    Path("new.json").write_text(json.dumps({"name": "From a file", "rules": [ACTIVE]}))
    assert call.json("create", "new.json", "--id", "mine")["file"] == "segments/mine.json"
    assert call.json("update", "mine", "-", typed='{"name": "From stdin"}')["name"] == "From stdin"
    assert call.json("create", "-", typed=call.text("get", "mine").replace("mine", "other"))["id"] == "other"


def test_list_shows_the_result_of_the_last_run_for_each_segment(call: Segments) -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new", "active"], "project_id": ["p"] * 3})
    write_segment(Path("segments"), "active", ACTIVE, project_id="p")
    write_segment(Path("segments"), "failing", rule("nope", "eq", 1))
    assert call("run", "--contacts", "contacts.parquet", "--run-id", "tuesday") == 3
    write_segment(Path("segments"), "new", ACTIVE)
    Path("segments/broken.json").write_text("{")
    lines = call.text("list").splitlines()
    assert [line.split() for line in lines[1:-1]] == [
        ["active", "p", "2", "ok", "Active"],
        ["broken", "-", "-", "broken", "-"],
        ["failing", "-", "-", "failed", "Failing"],
        ["new", "-", "-", "-", "New"],
    ]
    assert lines[-1] == "4 segments; run tuesday"
    assert call.err.startswith("error: segments/broken.json: not JSON at line 1")
    active, broken, *_ = call.json("list")
    assert active["last_run"] == {
        "status": "ok",
        "error": None,
        "member_count": 2,
        "entered": None,
        "exited": None,
        "run_id": "tuesday",
    }
    assert (active["file"], active["problems"]) == ("segments/active.json", [])
    assert broken["problems"][0].startswith("segments/broken.json: not JSON")
    assert [entry["id"] for entry in call.json("list", "--project", "q")] == ["broken", "failing", "new"]
    Path("output/current").write_text("nowhere")
    assert [entry["last_run"] for entry in call.json("list")] == [None] * 4
    call.text("list")
    assert "warning: output/current: names nowhere, whose folder is missing" in call.err


def test_an_outdated_etag_prevents_update_and_delete(call: Segments) -> None:
    write_segment(Path("segments"), "a", ACTIVE)
    etag = call.text("get", "a", "--etag").strip()
    assert call.json("get", "a")["etag"] == etag
    call.text("update", "a", "--name", "B", "--if-match", etag)
    for command in (["update", "a", "--name", "C"], ["delete", "a", "--yes"]):
        assert call("segments", *command, "--if-match", etag) == 6
        assert "segment 'a' was changed by another user since it was read" in call.err


def test_delete_asks_for_confirmation_and_keeps_referenced_segments(
    call: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segment(Path("segments"), "a", ACTIVE)
    write_segment(Path("segments"), "b", {"operator": "in_segment", "value": "a"})
    assert call("segments", "delete", "a") == 2
    assert call.err == "error: not a terminal: pass --yes to confirm the deletion\n"
    assert call("segments", "delete", "a", "--yes") == 7
    assert call.err.startswith("error: segment 'a' is referenced by b, which would fail without it")
    monkeypatch.setattr(Stdin, "is_terminal", True)
    assert call("segments", "delete", "a", "--force", typed="n\n") == 1
    assert "Delete segment 'a' (segments/a.json)? [y/N]" in call.err
    assert Path("segments/a.json").exists()
    assert call("segments", "delete", "a", "--force", typed="y\n") == 0
    assert "deleted a: segments/a.json\n" in call.out
    assert [path.name for path in Path("segments").glob("*.json")] == ["b.json"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("get nope", 4, "segments: there is no segment 'nope'"),
        ("update a", 2, "pass the changes: a JSON file, - for standard input, or options such as --name and --rule"),
        ("create", 2, "pass the definition: a JSON file, - for standard input, or --name and --rule"),
        ("create --name A --id a --rule x=1", 2, "--rule 'x=1': a rule is FIELD OPERATOR [VALUE], such as"),
        ("create --name A --id a --rule x,exists", 5, "segments/a.json: the segment 'a' already exists; choose"),
        ("create --name A", 2, "$.rules: 'rules' is missing; it is a list of rules {field, operator, value}"),
        ("create none.json", 2, "none.json: cannot be read: No such file or directory"),
        ("create cut.json", 2, "cut.json: not JSON at line 1, column 2"),
        ("create list.json", 2, "list.json: $: save one segment at a time, as a JSON object; found []"),
        ("create wrong.json", 2, "wrong.json: $.rules: 'rules' is missing; it is a list of rules"),
        ("update a wrong.json", 2, "wrong.json: $.nam: 'nam' is not a key of a segment; did you mean 'name'?"),
        ("update a --clear nme", 2, "'nme' is not a key that can be removed; use project_id, description"),
        ("update a --clear name", 2, "'name' is not a key that can be removed"),
        ("update a --clear list_id --list-id x", 2, "'list_id' is both set and removed; choose one (--clear)"),
        ("update a --max-change lots", 2, "'lots' is not a share; write it like 30% or 0.3 (--max-change)"),
        ("update bad --name x", 2, "segments/bad.json: not JSON at line 1"),
        ("update bad cut2.json", 2, "segments/bad.json: not JSON at line 1"),
        ("list --segments nowhere", 2, "nowhere: no such file or folder; check the path of the definitions"),
    ],
)
def test_an_error_is_printed_as_one_line(call: Segments, arguments: str, status: int, message: str) -> None:
    write_segment(Path("segments"), "a", ACTIVE)
    contents = {"segments/bad": "{", "cut": "{", "list": "[]", "wrong": '{"nam": "x"}', "cut2": '{"name": "x"}'}
    for name, content in contents.items():
        Path(f"{name}.json").write_text(content)
    assert call("segments", *(word.replace(",", " ") for word in arguments.split())) == status
    assert call.err.splitlines()[0].startswith(f"error: {message}")
    assert call.out == ""


@pytest.mark.slow
def test_managing_segments_loads_no_polars_and_no_duckdb(call: Segments) -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"]})
    write_segment(Path("segments"), "a", ACTIVE)
    assert call("run", "--contacts", "contacts.parquet") == 0
    code = (
        "import sys\nfrom segbatch.interfaces import cli\nsys.argv = ['segbatch', 'segments', *sys.argv[1:]]\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'polars', 'duckdb', 'pyarrow'} & set(sys.modules), sorted(sys.modules)"
    )
    for command in ("list", "get a", "update a --name B", "delete a --yes"):
        subprocess.run([sys.executable, "-c", code, *command.split()], check=True, capture_output=True)


def test_the_schema_is_printed_as_json(call: Segments) -> None:
    assert call("schema") == 0
    assert json.loads(call.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_change_that_may_not_survive_a_power_failure_gives_a_warning(
    call: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_flushes_of_folders(monkeypatch)
    message = "is changed, but that may not survive a power failure: Input/output error; check the disk"
    warning = f"warning: segments/x.json: {message}\n"
    for arguments, done in (
        (("create", "--id", "x", "--name", "X", "--rule", "plan eq pro"), "created"),
        (("update", "x", "--name", "Y"), "updated"),
        (("delete", "x", "--yes"), "deleted"),
    ):
        assert call.text(*arguments) == f"{done} x: segments/x.json\n"
        assert call.err == warning
    assert not Path("segments/x.json").exists()


def test_an_update_with_an_unknown_outcome_is_an_error(call: Segments, monkeypatch: pytest.MonkeyPatch) -> None:
    call.text("create", "--id", "x", "--name", "X", "--rule", "plan eq pro")
    report_failure(monkeypatch, Path, "replace", is_done=True, is_blind=True)
    assert call("segments", "update", "x", "--name", "Y") == 1
    assert call.err.endswith(
        "segments/x.json: cannot be written: Input/output error; the file may have been changed; check its content\n"
    )
