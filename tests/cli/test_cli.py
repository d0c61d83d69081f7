"""The command line, as users and schedulers call it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from calling import call
from segbatch.interfaces.cli.render.bar import show_progress

ACTIVE = rule("status", "eq", "active")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    write_contacts(
        tmp_path / "contacts.parquet", {"status": ["active", "new", None, "active"], "cf": [{"plan": "pro"}] * 4}
    )
    write_segment(tmp_path / "segments", "active", ACTIVE)
    return tmp_path


def test_run_needs_only_the_contacts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert lines[:2] == [["segment", "members", "share", "status"], ["active", "2", "50.0%", "ok"]]
    assert out.splitlines()[2].startswith("4 contacts, 1 segment, 2 memberships; run ")


def test_a_large_run_shows_failed_and_most_changed_segments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(150):
        write_segment(Path("segments"), f"more-{number:03}", ACTIVE)
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    write_segment(Path("segments"), "more-100", rule("id", "exists"))
    write_segment(Path("segments"), "more-149", rule("no_such_field", "eq", 1))
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 30 + 3
    assert [line.split()[0] for line in lines[29:31]] == ["more-100", "more-149"]
    assert lines[31] == "and 121 more; shown are those that failed, were held or changed most"


@pytest.mark.parametrize(
    ("width", "header"),
    [
        ("80", "segment  members   share  entered  exited  status"),
        ("56", "segment  members  entered  exited  status"),
        ("48", "segment  members  entered  status"),
        ("39", "segment  members  status"),
        ("30", "segment  status"),
        ("12", "segment"),
    ],
)
def test_a_narrow_terminal_keeps_the_segment_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: str, header: str
) -> None:
    write_segment(Path("segments"), "a-long-id-of-a-segment", ACTIVE)
    for _ in range(2):
        assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", width)
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out).splitlines()
    assert lines[0].split() == header.split()
    columns = ["members", "share", "entered", "exited", "status"]
    hidden = sorted(set(columns) - set(header.split()), key=["share", "exited", "entered", "members", "status"].index)
    assert (f"not shown on this narrow terminal: {', '.join(hidden)}; --json prints them" in lines) == bool(hidden)
    assert lines[1].startswith("a-long-id-of")
    assert int(width) < 22 or lines[1].split()[0] == "a-long-id-of-a-segment"


def test_deleted_segments_are_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_segment(Path("segments"), "b", ACTIVE)
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    Path("segments/b.json").unlink()
    capsys.readouterr()
    assert call("run", "--contacts", "contacts.parquet", "--dry-run", "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["deleted"] == [{"segment_id": "b", "exited": 2}]
    assert call("run", "--contacts", "contacts.parquet", "--run-id", "r2", monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert lines[:3] == [
        ["segment", "members", "share", "entered", "exited", "status"],
        ["active", "2", "50.0%", "ok"],
        ["b", "-", "-", "-2", "deleted"],
    ]
    assert out.splitlines()[3] == "4 contacts, 1 segment, 2 memberships, 1 deleted; run r2"
    assert err == (
        "warning: segments: 1 segment of the last run is no longer defined; it is deleted, with 2 memberships: b; "
        "if that is a mistake, restore it and run again with --run-id r2\n"
    )


def test_an_error_in_a_list_is_reported_once_for_all_of_its_segments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = {"more": ["b", "d"], "most": ["a", "c", "e"], "one": ["f"]}
    for name, segment_ids in lists.items():
        listed = [{"id": one, "name": one, "rules": [ACTIVE]} for one in segment_ids]
        Path(f"segments/{name}.json").write_text(json.dumps(listed), encoding="utf-8")
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    for name in lists:
        Path(f"segments/{name}.json").write_text("[\n<<<<<<< HEAD\n", encoding="utf-8")
    capsys.readouterr()
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 3
    conflict = "git conflict markers are here (line 2); keep one side and remove the markers"
    kept = "is missing from this file, which has an error; its members are kept until the file is fixed"
    assert capsys.readouterr().err.splitlines() == [
        f"error: segments/more.json: {conflict}",
        f"error: segments/most.json: {conflict}",
        f"error: segments/one.json: {conflict}",
        f"error: segments/more.json: segments b, d: {kept}",
        f"error: segments/most.json: segments a, c, e: {kept}",
        f"error: segments/one.json: segment 'f': {kept}",
    ]


def test_stdout_contains_only_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_segment(Path("segments"), "warned", rule("cf.plam", "neq", "pro"))
    assert call("run", "--contacts", "contacts.parquet", "--json", monkeypatch=monkeypatch) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(entry["segment_id"], entry["member_count"], entry["share"]) for entry in data["segments"]] == [
        ("active", 2, 0.5),
        ("warned", 4, 1.0),
    ]
    assert "did you mean 'plan'" in data["warnings"][0]
    assert Path(data["catalogue"]).is_file()
    assert Path(data["membership"]).is_dir()


def test_a_failed_segment_is_reported_with_exit_status_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 3
    out, err = capsys.readouterr()
    assert (
        err
        == "error: segments/bad.json: $.rules[0].field: the snapshot has no column 'stauts'; did you mean 'status'?\n"
    )
    assert ["bad", "-", "-", "failed"] in [line.split() for line in out.splitlines()]
    assert "1 failed" in out


def test_strict_makes_a_warning_fail_its_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    write_segment(Path("segments"), "warned", rule("cf.plam", "neq", "pro"))
    assert call("run", "--contacts", "contacts.parquet", "--strict", monkeypatch=monkeypatch) == 3


def test_a_project_without_a_project_column_gives_a_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--contacts", "contacts.parquet", "--project", "p1", monkeypatch=monkeypatch) == 0
    assert "note: the snapshot has no column 'project_id'" in capsys.readouterr().err


def test_a_project_evaluates_only_its_own_contacts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_contacts(Path("contacts.parquet"), {"status": ["active"] * 3, "project_id": ["p1", "p2", None]})
    assert call("run", "--contacts", "contacts.parquet", "--project", "p1", "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["memberships"] == 1


def test_check_reports_the_problems_that_a_run_would_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    write_segment(Path("segments"), "warned", rule("cf.plam", "neq", "pro"))
    assert call("check", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "3 segments checked: 0 errors, 0 warnings\n"
    assert call("check", "--contacts", "contacts.parquet", "--json", monkeypatch=monkeypatch) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [(entry["severity"], entry["segment_id"], entry["path"]) for entry in problems] == [
        ("error", "bad", "$.rules[0].field"),
        ("warning", "warned", "$.rules[0].field"),
    ]


def test_query_prints_a_table_and_reports_omitted_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch)
    capsys.readouterr()
    assert call("query", "FROM membership ORDER BY ALL", "--rows", "1", monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()] == [["segment_id", "contact_id"], ["active", "a"]]
    assert "only the first 1 rows are shown" in err
    assert call("query", "FROM membership ORDER BY ALL", "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)[1] == {"segment_id": "active", "contact_id": "d"}


def test_preview_prints_one_line_per_segment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("preview", "--contacts", "contacts.parquet")
    assert call(*arguments, "active", "--first", "1", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "active: 2 of 4 contacts, 50.0%: a, …\n"
    rules = ("--rule", "status eq new", "--rule", "status eq nobody")
    assert call(*arguments, *rules, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "--rule: 0 of 4 contacts, 0.0%\n"
    assert call(*arguments, *rules, "--match", "any", "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["segments"] == [
        {"segment_id": "--rule", "name": "the rules that were given", "members": 1, "share": 0.25, "first": ["b"]}
    ]


def test_preview_prints_valid_segments_and_reports_invalid_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    assert call("preview", "--contacts", "contacts.parquet", "segments/", monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == "active: 2 of 4 contacts, 50.0%: a, d\n"
    assert err.startswith("error: segments/bad.json: $.rules[0].field: the snapshot has no column 'stauts'")


@pytest.mark.parametrize("command", [("preview",), ("explain",), ("explain", "a")], ids=" ".join)
def test_strict_makes_a_warning_an_error_of_preview_and_explain(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(Path("segments"), "warned", rule("cf.plam", "neq", "pro"))
    name, *contact = command
    arguments = (name, "warned", *contact, "--contacts", "contacts.parquet")
    assert call(*arguments, monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert "warned" in out
    assert err.startswith("warning: segments/warned.json: $.rules[0].field: 'cf' has no 'plam'")
    assert call(*arguments, "--strict", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr() == ("", err.replace("warning", "error", 1))


@pytest.mark.parametrize(
    ("match", "hint"),
    [("most", ": use all, any or none"), ("one", "; did you mean 'any'?"), ("ANY", "; did you mean 'any'?")],
)
def test_match_must_be_all_any_or_none(
    match: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("preview", "--contacts", "contacts.parquet", "--rule", "status exists", "--match", match)
    assert call(*arguments, monkeypatch=monkeypatch) == 2
    assert capsys.readouterr() == ("", f"error: invalid --match '{match}'{hint}\n")


def test_explain_prints_one_line_per_rule(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("explain", "active", "b", "--contacts", "contacts.parquet")
    assert call(*arguments, monkeypatch=monkeypatch) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == ["rule why", "no status eq \"active\" 'new' is not 'active'", "b is not in active"]
    assert call(*arguments, "--json", monkeypatch=monkeypatch) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["member"], data["verdicts"][0]["path"]) == (False, "$.rules[0]")


def test_explain_without_a_contact_prints_a_funnel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("explain", "active", "--contacts", "contacts.parquet")
    assert call(*arguments, monkeypatch=monkeypatch) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "rule keeps share left share",
        'status eq "active" 2 50.0% 2 50.0%',
        "active: 2 of 4 contacts, 50.0%",
    ]
    assert call(*arguments, "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["steps"][0]["left"] == 2


def test_explaining_an_unknown_contact_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("explain", "active", "z", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "error: no contact has the id 'z'; the ids in the column 'id' are texts\n"


def test_relink_prints_the_path_of_the_catalogue(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch)
    capsys.readouterr()
    assert call("relink", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "output/segbatch.duckdb\n"


def test_an_interrupt_prints_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("segbatch.authoring.check.check", interrupted)
    assert call("check", monkeypatch=monkeypatch) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_progress_is_shown_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with show_progress("bytes") as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with show_progress("bytes") as progress:
        progress(1, 2)
    assert "1/2 bytes" in capsys.readouterr().err


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "segbatch", *arguments], capture_output=True, text=True, check=False)


def test_the_module_can_be_run_and_prints_its_version() -> None:
    assert program("--version").stdout == f"segbatch {segbatch.__version__}\n"


@pytest.mark.parametrize("command", ["run", "check", "preview", "explain", "query", "relink", "runs", "diff", "verify"])
def test_help_contains_an_example(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command, "--help", monkeypatch=monkeypatch) == 0
    assert "Example: segbatch " in capsys.readouterr().out


def test_the_first_steps_are_printed_without_a_command() -> None:
    assert "Start with segbatch init, then segbatch check" in program().stdout


def test_a_closed_pipe_gives_no_traceback() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m segbatch check --json | true; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_importing_the_package_and_the_command_line_loads_no_polars() -> None:
    code = (
        "import sys, segbatch\nfrom segbatch.interfaces import cli\ncli.every_command()\n"
        "sys.exit('polars' in sys.modules or 'duckdb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_public_names_exist_and_other_names_raise_an_error() -> None:
    for name in segbatch.__all__:
        assert getattr(segbatch, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'segments'"):
        segbatch.segments  # noqa: B018


def test_a_segment_is_printed_as_sql(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        call("sql", "active", "--contacts", "contacts.parquet", "--as-of", "2025-06-01", monkeypatch=monkeypatch) == 0
    )
    assert capsys.readouterr().out.splitlines() == [
        "-- Active (active), as of 2025-06-01T00:00:00+00:00",
        "SELECT id",
        "FROM READ_PARQUET('contacts.parquet')",
        "WHERE status = 'active';",
    ]


def test_sql_prints_the_warnings_of_a_run_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_contacts(Path("json.parquet"), {"custom_fields": ['{"plan": "pro"}', "{"]})
    asked = ("sql", "--contacts", "json.parquet", "--rule", "custom_fields.plam eq pro", "--as-of", "2025-06-15")
    assert call(*asked, monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert out.endswith("WHERE FALSE;\n")
    broken, unknown = err.splitlines()
    assert broken.startswith(
        "warning: 'custom_fields' of 1 contact is not a JSON object and counts as missing; the first is that"
    )
    assert unknown.startswith("warning: --rule: $.rules[0].field: 'custom_fields' has no 'plam' in this snapshot")
    write_contacts(Path("json.parquet"), {"custom_fields": ['{"plan": "pro"}']})
    assert call(*asked, "--strict", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr() == ("", unknown.replace("warning", "error", 1) + "\n")
