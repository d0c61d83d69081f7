"""The log: plain text or JSON lines, as `--log-format` says, and no contact data."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.errors import Problem
from segbatch.interfaces.cli.render.run import PlainLog
from segbatch.observability.events import (
    ContactsDone,
    LockAwaited,
    Noted,
    PhaseEnded,
    RowsFetched,
    RunEvaluated,
    RunPlanned,
    RunStarted,
    SegmentFailed,
    SegmentHeld,
    Warned,
)
from segbatch.observability.log import JsonLog, lines_of
from segbatch.observability.run_outcome import (
    FailedAfterwards,
    HookEnded,
    MetricsFailed,
    Notice,
    Outcome,
    RunEnded,
    RunFailed,
)
from segbatch.storage.output_lock import FAIL_IF_LOCKED, lock_output

from .conftest import RUN, Program

pytestmark = pytest.mark.slow

NIGHTLY = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text()


def bare(command: str) -> subprocess.CompletedProcess[str]:
    """Run the real program by the shell, with none of the tests' settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEGBATCH_", "FORCE_"))}
    shell = ["bash", "-c", f"{sys.executable} -m segbatch {command}"]
    return subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)


def test_json_lines_have_the_time_and_the_run(program: Program) -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    before = datetime.now(UTC)
    ended = program(*RUN, "--run-id", "tonight")
    assert ended.status == 3
    lines = ended.lines
    assert all(list(line)[:4] == ["time", "level", "event", "run_id"] for line in lines)
    assert {line["run_id"] for line in lines} == {"tonight"}
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    assert times == sorted(times)
    assert before <= times[0] <= datetime.now(UTC)
    assert all(time.utcoffset() == timedelta(0) for time in times)
    events = [line["event"] for line in lines if line["event"] != "phase_ended"]
    assert events == ["run_started", "run_planned", "segment_failed", "run_published", "run_ended"]
    [failed] = ended.events("segment_failed")
    assert (failed["level"], failed["segment_id"], failed["file"]) == ("error", "bad", "segments/bad.json")
    assert failed["message"].endswith("the snapshot has no column 'stauts'; did you mean 'status'?")
    [end] = ended.events("run_ended")
    assert (end["status"], end["exit_status"], end["level"], end["is_published"]) == ("partial", 3, "error", True)
    assert list(end["phases"]) == [line["phase"] for line in ended.events("phase_ended")]
    assert sum(end["phases"].values()) <= end["seconds"] + 0.01
    assert ended.out.splitlines()[0].split() == ["segment", "members", "share", "status"]


@pytest.mark.usefixtures("program")
def test_the_real_program_writes_json_into_a_file_and_its_answer_to_stdout() -> None:
    done = bare("run --contacts contacts.parquet --json --log-format json 2> log")
    assert (done.returncode, json.loads(done.stdout)["memberships"], done.stderr) == (0, 2, "")
    lines = [json.loads(line) for line in Path("log").read_text().splitlines()]
    assert (lines[0]["event"], lines[0]["version"], lines[-1]["event"]) == (
        "run_started",
        segbatch.__version__,
        "run_ended",
    )


def on_a_terminal(*arguments: str) -> str:
    """Run the real program with stderr on a terminal, and return what that shows."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGBATCH_")}
    command = [sys.executable, "-m", "segbatch", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as running:
        os.close(theirs)
        shown = b"".join(read(ours))
    os.close(ours)
    assert running.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def read(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # so Linux tells that nobody writes any more
        while data := os.read(terminal, 4096):
            yield data


@pytest.mark.usefixtures("program")
def test_on_a_terminal_the_log_is_for_people() -> None:
    shown = on_a_terminal(*RUN)
    assert "{" not in shown
    assert "1 segment, 1 distinct rule, 2 columns read\r\n" in shown
    assert re.search(r"^\r?\d+\.\d s(: [a-z]+ \d+\.\d(, [a-z]+ \d+\.\d)*)?\r$", shown, re.MULTILINE)
    assert "compared with run " in on_a_terminal(*RUN)
    assert on_a_terminal(*RUN, "--quiet") == ""
    assert json.loads(on_a_terminal(*RUN, "--log-format", "json").splitlines()[0])["event"] == "run_started"


@pytest.mark.parametrize("log_format", [(), ("--log-format", "plain"), ("--log-format", "auto")])
def test_plain_without_a_terminal_is_the_default_and_shows_only_problems(
    program: Program, log_format: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGBATCH_LOG_FORMAT")
    assert program(*RUN, *log_format).err == ""
    write_segment(Path("segments"), "odd", rule("cf.plam", "neq", "pro"))
    assert program(*RUN, *log_format).err.startswith("warning: segments/odd.json: $.rules[0].field: 'cf'")


@pytest.mark.parametrize("log_format", ["plain", "json"])
def test_quiet_prints_nothing_if_nothing_is_wrong(program: Program, log_format: str) -> None:
    ended = program(*RUN, "--quiet", "--log-format", log_format)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    ended = program(*RUN, "-q", "--log-format", log_format)
    assert (ended.status, ended.out) == (3, "")
    assert "the snapshot has no column 'stauts'" in ended.err.splitlines()[0]
    if log_format == "json":
        assert [line["event"] for line in ended.lines] == ["segment_failed", "run_ended"]
    assert json.loads(program(*RUN, "-q", "--json").out)["segments_failed"] == 1


def test_the_environment_chooses_the_format(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBATCH_LOG_FORMAT", "plain")
    assert program(*RUN).err == ""
    assert program(*RUN, "--log-format", "json").lines


@pytest.mark.parametrize(("written", "hint"), [("jsn", "did you mean 'json'?"), ("xml", "use plain or json")])
def test_another_format_is_refused(program: Program, written: str, hint: str) -> None:
    ended = program(*RUN, "--log-format", written)
    assert (ended.status, ended.err) == (2, f"error: '{written}' is not a log format; {hint} (--log-format)\n")
    Path("segbatch.toml").write_text(f'log_format = "{written}"')
    ended = program(*RUN)
    [error] = ended.events("error")
    message = f"segbatch.toml: log_format: '{written}' is not a log format; {hint}"
    assert (ended.status, error["message"]) == (2, message)


FAILURES = {
    "no snapshot": (
        ("run", "--contacts", "nope.parquet"),
        1,
        ["nope.parquet: no such file; check the path of the export"],
    ),
    "wrong usage": ((*RUN, "--timezone", "Mars"), 2, ["unknown time zone 'Mars'"]),
    "wrong share": ((*RUN, "--max-change", "x"), 2, ["'x' is not a share"]),
    "all segments fail": (
        (*RUN, "--segments", "bad"),
        1,
        ["bad/a.json: $.rules[0].field: the snap", "bad/b.json: $.rules[0].field: the snap", "no segment can be"],
    ),
}


@pytest.mark.parametrize(("arguments", "status", "messages"), FAILURES.values(), ids=list(FAILURES))
def test_an_error_that_ends_a_run_is_a_line_for_each_problem(
    program: Program, arguments: tuple[str, ...], status: int, messages: list[str]
) -> None:
    for name in "ab":
        write_segment(Path("bad"), name, rule("stauts", "eq", "x"))
    ended = program(*arguments)
    assert (ended.status, ended.out) == (status, "")
    errors = ended.events("error")
    assert [line["level"] for line in errors] == ["error"] * len(messages)
    for line, message in zip(errors, messages, strict=True):
        assert line["message"].startswith(message)
    assert (ended.lines[-1]["event"], ended.lines[-1]["status"]) == ("run_ended", "failed")
    assert (ended.lines[-1]["exit_status"], ended.lines[-1]["is_published"]) == (status, False)


def test_waiting_for_a_lock_is_logged(program: Program) -> None:
    Path("output").mkdir()
    with lock_output(Path("output/lock"), "run first", FAIL_IF_LOCKED):
        ended = program(*RUN)
    assert (ended.status, ended.lines[-1]["status"]) == (75, "locked")
    assert ended.events("error")[0]["message"].startswith("output: run first (process ")


WRONG = {
    "an id twice": {"id": ["Zoe-Secret", "Zoe-Secret"], "status": ["a", "b"], "cf": [{"plan": "x"}] * 2},
    "broken JSON": {"id": ["Zoe-Secret", "b"], "status": ["active", "b"], "custom_fields": ['{"a": Secret', "{}"]},
    "all is well": {"id": ["Zoe-Secret", "b"], "status": ["active", "Secret"], "cf": [{"plan": "Secret"}] * 2},
}


@pytest.mark.parametrize("log_format", ["plain", "json"])
@pytest.mark.parametrize("columns", WRONG.values(), ids=list(WRONG))
def test_no_id_and_nothing_else_of_a_contact_is_logged(
    program: Program, columns: dict[str, list[object]], log_format: str
) -> None:
    write_contacts(Path("contacts.parquet"), columns)
    write_segment(Path("segments"), "a", rule("custom_fields.a" if "custom_fields" in columns else "status", "exists"))
    plain = program(*RUN, "--log-format", log_format, "--on-failure", "cat", "--on-success", "cat")
    assert "Secret" not in plain.err
    asked = program(*RUN, "--log-format", log_format, "--log-ids", "--on-failure", "cat", "--on-success", "cat")
    assert ("Zoe-Secret" in asked.err) == ("cf" not in columns or columns["id"][1] == "Zoe-Secret")


class Clock:
    """A clock that moves only when a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_logged_now_and_then() -> None:
    clock, stream = Clock(), io.StringIO()
    with redirect_stderr(stream):
        log = JsonLog(clock=clock)
        for second in range(25):
            clock.now = float(second)
            log(ContactsDone(second * 100, 2500))
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["done"], line["contacts"]) for line in told] == [
        ("progress", 1000, 2500),
        ("progress", 2000, 2500),
    ]


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("where", ["/dev/full", "&-"], ids=["full disk", "closed"])
def test_a_log_that_cannot_be_written_stops_no_run(where: str) -> None:
    done = bare(f"run --contacts contacts.parquet --json 2>{where}")
    assert (done.returncode, json.loads(done.stdout)["memberships"]) == (0, 2)


def test_invalid_text_is_still_json(program: Program) -> None:
    name = os.fsdecode(b"c\xff\n.parquet")
    ended = program("run", "--contacts", name)
    assert ended.events("run_started")[0]["contacts"] == r"c\xff\n.parquet"


PROBLEM = Problem("is wrong", file="segments/a.json", segment_id="a")


@pytest.fixture
def notices(program: Program) -> list[Notice]:  # noqa: ARG001 - in its folder
    """One notice of each type."""
    heard: list[Notice] = []
    report = segbatch.run("contacts.parquet", events=heard.append)
    dry = segbatch.run("contacts.parquet", events=heard.append, dry_run=True)
    assert (report.dry_run, dry.dry_run) == (False, True)
    outcome = Outcome("r", 0, "", "output", 0.0, 1.0, report=report)
    return [
        *heard,
        LockAwaited("output: run first is at work; waiting"),
        RowsFetched("postgresql://db/crm#contacts", 131_072),
        *(kind(PROBLEM) for kind in (SegmentFailed, SegmentHeld, Warned, Noted)),
        RunFailed((PROBLEM,)),
        HookEnded("--on-success", 0, 0.1),
        HookEnded("--on-failure", None, 60.0),
        MetricsFailed("no space"),
        FailedAfterwards(PROBLEM),
        RunEnded(outcome),
    ]


def test_the_documented_events_are_those_that_are_written_with_their_fields(notices: list[Notice]) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+?) \| (.+?) \| .+? \|$", NIGHTLY, re.MULTILINE)
    documented = {
        name: (set(re.split(r" or |, ", levels)), set(re.findall(r"`([a-z_]+)`", said))) for name, levels, said in rows
    }
    written: dict[str, tuple[set[str], set[str]]] = {}
    for line in (line for notice in notices for line in lines_of(notice, ids=True)):
        levels, fields = written.setdefault(line.event, (set(), set()))
        levels.add(line.level)
        fields.update(line.fields)
    written["run_ended"][0].add("error")  # with another exit status
    assert documented == written


def test_there_is_a_notice_of_every_kind(notices: list[Notice]) -> None:
    kinds = {RunStarted, RunPlanned, PhaseEnded, ContactsDone, RunEvaluated} | {type(notice) for notice in notices}
    assert set(get_args(Notice)) == kinds == {type(notice) for notice in notices}


def test_later_failures_are_shown_to_people_too(capsys: pytest.CaptureFixture[str]) -> None:
    log = PlainLog()
    for notice in (
        LockAwaited("output: run first is at work; waiting"),
        HookEnded("--on-success", 0, 0.1),
        HookEnded("--on-success", 4, 0.1),
        HookEnded("--on-failure", None, 60.0),
        MetricsFailed("m.prom: no space"),
    ):
        log(notice)
    assert capsys.readouterr().err.splitlines() == [
        "output: run first is at work; waiting",
        "warning: the command of --on-success ended with 4",
        "warning: the command of --on-failure was ended after 60 s, as it was not done (--hook-timeout)",
        "warning: m.prom: no space",
    ]
