"""Details of the command line: hints, times, reserved ids, shares, and the sources of wrong settings."""

import json
import os
import pty
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment
from calling import call
from segbatch.compiler.clock import read_clock
from segbatch.errors import UsageError
from segbatch.interfaces.cli.render.base import in_shell
from segbatch.pipeline.guardrails import Guard


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "output/segbatch.duckdb",
        "my out/segbatch.duckdb",
        "it's/segbatch.duckdb",
        "$(x)/a;b&c.duckdb",
        "-x/a",
        "a\nb\\'c",
        "é/ü",
    ],
)
def test_the_path_in_the_hint_is_quoted_for_a_shell(path: str) -> None:
    printed = subprocess.run(
        ["bash", "-c", f"printf %s {in_shell(path)}"], check=True, capture_output=True, text=True
    ).stdout
    assert Path(printed) == Path(path)


def test_a_run_prints_the_hint_with_a_quoted_path(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segment(Path("segments"), "a", rule("id", "exists"))
    write_contacts(Path("contacts.parquet"), {"id": ["x"]})
    assert call("run", "--contacts", "contacts.parquet", "--output", "my out", monkeypatch=monkeypatch) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(last) == ["duckdb", "-readonly", "my out/segbatch.duckdb"]


def on_a_terminal(*arguments: str, status: int = 0) -> str:
    """Return what a command writes to a terminal that is both its stdout and its stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "segbatch", *arguments],
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        written = bytearray()
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:  # the terminal is closed, on Linux
            pass
        finally:
            os.close(ours)
    assert process.returncode == status
    return written.decode()


@pytest.mark.slow
def test_exported_rows_on_a_terminal_are_not_mixed_with_progress(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segment(Path("segments"), "a", rule("id", "exists"))
    write_contacts(Path("contacts.parquet"), {"id": ["x", "y"]})
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    to_stdout = on_a_terminal("export", "a", "--to", "-")
    assert [line.strip('"\r') for line in to_stdout.split("\n")[:3]] == ["contact_id", "x", "y"]
    assert "rows" not in to_stdout
    assert "\x1b[" in on_a_terminal("export", "a", "--to", "a.csv")


@pytest.mark.parametrize(
    "command",
    [
        "columns --contacts contacts.parquet --schema -",
        "relink --to -",
        "run --contacts contacts.parquet --metrics-file -",
        "snapshot sqlite:///crm.db --from contacts --to -",
    ],
)
def test_a_file_that_cannot_be_standard_output_is_not_called_dash(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segment(Path("segments"), "a", rule("id", "exists"))
    write_contacts(Path("contacts.parquet"), {"id": ["x", "y"]})
    assert call("run", "--contacts", "contacts.parquet", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    assert call(*command.split(), monkeypatch=monkeypatch) == 2
    option = command.split()[-2]
    message = f"error: -: means standard output, which is not possible here; name a file ({option})\n"
    assert capsys.readouterr() == ("", message)
    assert not Path("-").exists()


@pytest.mark.slow
def test_a_report_is_not_shown_on_a_terminal() -> None:
    assert "a report cannot be shown on a terminal; name a file (--to)" in on_a_terminal(
        "report", "--to", "-", status=2
    )


@pytest.mark.parametrize(
    ("zone", "as_of", "instead"),
    [
        ("Europe/Berlin", "2025-03-30T02:30:00", "2025-03-30T03:30:00+02:00"),
        ("America/New_York", "2025-03-09 02:00", "2025-03-09T03:00:00-04:00"),
        ("Australia/Lord_Howe", "2025-10-05T02:15", "2025-10-05T02:45:00+11:00"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-31T12:00:00+14:00"),
    ],
)
def test_a_time_that_the_clocks_skip_is_rejected(zone: str, as_of: str, instead: str) -> None:
    reason = f"the clocks of {zone} skip this time; write {instead}, or another time with its offset (--as-of)"
    with pytest.raises(UsageError) as error:
        read_clock(as_of, zone, datetime.now(UTC))
    assert str(error.value) == f"'{as_of}' is not a valid time: {reason}"
    with pytest.raises(UsageError, match=f"the clocks of {zone} skip this time"):
        read_clock(datetime.fromisoformat(as_of), zone, datetime.now(UTC))
    assert read_clock(f"{as_of}Z", zone, datetime.now(UTC)).as_of == datetime.fromisoformat(f"{as_of}Z")


def test_an_ambiguous_time_is_its_first_occurrence() -> None:
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert read_clock("2025-10-26T02:30", "Europe/Berlin", datetime.now(UTC)).as_of == first


def test_a_day_that_begins_in_a_clock_change_begins_after_it() -> None:
    assert read_clock("2025-03-09", "America/Havana", datetime.now(UTC)).as_of == datetime(2025, 3, 9, 5, tzinfo=UTC)


def test_a_rule_with_a_time_that_the_clocks_skip_is_an_error_of_its_segment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_contacts(Path("contacts.parquet"), {"id": ["x"], "at": [datetime(2025, 6, 1, tzinfo=UTC)]})
    asked = ("preview", "--contacts", "contacts.parquet", "--rule", "at gt 2025-03-30T02:30:00")
    assert call(*asked, monkeypatch=monkeypatch) == 0
    assert call(*asked, "--timezone", "Europe/Berlin", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == (
        "error: --rule: $.rules[0].value: '2025-03-30T02:30:00' cannot be compared with 'at' (date-time): "
        "the clocks of Europe/Berlin skip this time; write 2025-03-30T03:30:00+02:00, or another time with its offset\n"
    )


def test_all_is_not_a_valid_segment_id(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    reserved = "$.id: 'all' cannot be an id, since --accept all accepts every segment; choose another id\n"
    create = ("segments", "create", "--name", "All", "--rule", "x exists")
    assert call(*create, "--id", "all", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == f"error: {reserved}"
    assert call(*create, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "created all-2: segments/all-2.json\n"
    write_segment(Path("segments"), "all", rule("x", "exists"))
    assert call("check", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == f"error: segments/all.json: {reserved}"


def test_a_missing_key_file_is_reported(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("keys", "list", "--keys", "nix.json", "--json", monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert err == "warning: nix.json: the file does not exist; 'segbatch keys create' creates it (--keys)\n"


def test_an_unknown_job_is_reported_with_its_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("segbatch.toml").write_text("[jobs.a]\noutput = 'a'\n")
    assert call("config", "show", "--job", "b", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "error: segbatch.toml: unknown job 'b'; it defines a (--job)\n"
    monkeypatch.setenv("SEGBATCH_JOB", "b")
    assert call("config", "show", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "error: segbatch.toml: unknown job 'b'; it defines a (SEGBATCH_JOB)\n"
    assert call("config", "show", "--job", "c", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "error: segbatch.toml: unknown job 'c'; it defines a (--job)\n"


@pytest.mark.parametrize(
    "written",
    [
        "[jobs.a]\noutput = 'o'\n[jobs.b]\noutput = 'o/'\n",
        "[jobs.a]\noutput = 'o'\n[jobs.b]\noutput = './x/../o'\n",
        "[jobs.a]\noutput = 'o'\n[jobs.b]\noutput = 'link'\n",
        "output = 'o'\n[jobs.a]\nsegments = 'x'\n[jobs.b]\nsegments = 'y'\n",
        "output = 'o'\n[jobs.a]\nproject = 'x'\n[jobs.b]\noutput = 'o'\n",
        "[jobs.a]\ncontacts = 'x.parquet'\n[jobs.b]\ncontacts = 'y.parquet'\n",
    ],
)
def test_two_jobs_with_the_same_output_are_rejected(
    written: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("o").mkdir()
    Path("link").symlink_to("o")
    Path("segbatch.toml").write_text(written)
    for job in ((), ("--job", "a")):
        assert call("config", "show", *job, monkeypatch=monkeypatch) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: segbatch.toml: jobs.b.output: publishes in ")
        assert error.endswith(
            ", as jobs.a does, and each run would delete the segments of the other; give each job its own output\n"
        )


@pytest.mark.parametrize(
    "written",
    [
        "[jobs.a]\noutput = 'o'\n[jobs.b]\noutput = 'p'\n",
        "output = 'o'\n[jobs.a]\nstrict = true\n[jobs.b]\nwait = true\n",
        "output = 'o'\n[jobs.a]\nsegments = 'x'\n[jobs.b]\nsegments = 'y'\noutput = 'p'\n",
    ],
)
def test_jobs_may_share_an_output_only_with_the_same_definitions(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("segbatch.toml").write_text(written)
    assert call("config", "show", "--job", "a", monkeypatch=monkeypatch) == 0


def test_max_change_can_be_a_percentage_everywhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Guard("30%").reason("a", None, 1000, 1301) == Guard(0.3).reason("a", None, 1000, 1301)
    assert Guard("30%").reason("a", None, 1000, 1300) is None
    for wrong in (30, -0.1, True, float("nan")):
        with pytest.raises(UsageError, match=r"^max_change must be a share from 0 to 10, such as 0\.3 or '30%'; found"):
            Guard(wrong)
    with pytest.raises(UsageError, match="'x' is not a share"):
        Guard("x")
    for written in ("30%", "0.3", " 30 %", 0.3):
        write_segment(Path("segments"), "a", rule("x", "exists"), max_change=written)
        assert call("check", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    for written, reason in (
        ("lots", "'lots' is not a share; write it like 30% or 0.3"),
        ("30", "'30' is more than 10 times the size; write a share like 30% or 0.3"),
        ("-5%", "'-5%' is not a share; write it like 30% or 0.3"),
        (30, "'max_change' must be a share from 0 to 10, such as 0.3 for 30 %; found 30"),
    ):
        write_segment(Path("segments"), "a", rule("x", "exists"), max_change=written)
        assert call("check", monkeypatch=monkeypatch) == 2
        assert capsys.readouterr().err == f"error: segments/a.json: $.max_change: {reason}\n"


def test_an_invalid_pattern_is_not_saved(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    create = ("segments", "create", "--id", "p", "--name", "P", "--rule")
    assert call(*create, "email matches (a", monkeypatch=monkeypatch) == 2
    reason = "'(a' is not a valid regular expression: unclosed group"
    assert capsys.readouterr().err == f"error: --rule 'email matches (a': {reason}\n"
    assert call(*create, "email matches a", monkeypatch=monkeypatch) == 0
    Path("changes.json").write_text(json.dumps({"rules": [rule("email", "matches", "(a")]}))
    capsys.readouterr()
    assert call("segments", "update", "p", "changes.json", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == f"error: changes.json: $.rules[0].value: {reason}\n"
    assert call("check", monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [
        (("check",), "(SEGBATCH_TIMEZONE)"),
        (("check", "--exclude", "../x"), "(--exclude)"),
    ],
)
def test_an_invalid_setting_is_reported_with_its_source(
    arguments: tuple[str, ...], variable: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segment(Path("segments"), "a", rule("x", "exists"))
    monkeypatch.setenv("SEGBATCH_TIMEZONE", "Mars")
    assert call(*arguments, monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.endswith(f"{variable}\n")


def test_the_option_exclude_overrides_the_environment_and_the_environment_the_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segment(Path("segments"), "a", rule("x", "exists"))
    write_segment(Path("segments/drafts"), "b", rule("x", "empty"))
    Path("segments/package.json").write_text('{"private": true}')
    Path("segbatch.toml").write_text('exclude = ["drafts/**", "package.json"]\n')
    for command in (("check",), ("lint",), ("segments", "list")):
        assert call(*command, monkeypatch=monkeypatch) == 0
        out = capsys.readouterr().out
        assert "1 segment" in out
    monkeypatch.setenv("SEGBATCH_EXCLUDE", "package.json nothing/**")
    assert call("check", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "2 segments checked: 0 errors, 0 warnings\n"
    assert call("check", "--exclude", "drafts", monkeypatch=monkeypatch) == 2
    assert "segments/package.json: $: has no 'rules'" in capsys.readouterr().err
    monkeypatch.setenv("SEGBATCH_EXCLUDE", "../x")
    assert call("check", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.startswith("error: SEGBATCH_EXCLUDE: invalid pattern '../x': it leads out")
