"""Hooks: commands that run after a run with any outcome, and do not change it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from builders import rule, write_segment
from segbatch.observability import hook_runner
from segbatch.observability.hooks import Hooks
from segbatch.observability.run_outcome import Outcome
from segbatch.storage.output_lock import FAIL_IF_LOCKED, lock_output

from .conftest import RUN, Ended, Program

pytestmark = pytest.mark.slow

NIGHTLY = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text()
KEEP = "env | grep ^SEGBATCH_ | grep -vE '^SEGBATCH_(LOG_FORMAT|EXAMPLES)=' | sort > {0}.env; cat > {0}.json"  # facts
BOTH = ("--on-success", KEEP.format("success"), "--on-failure", KEEP.format("failure"))
PATIENCE = 60.0


def hook_input(hook: str, wait: float = 0.0) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the environment and the standard input of a hook."""
    until = time.monotonic() + wait
    while time.monotonic() < until and not is_complete(Path(f"{hook}.json")):
        time.sleep(0.05)
    other = {"success": "failure", "failure": "success"}[hook]
    assert not Path(f"{other}.env").exists()
    facts = dict(line.split("=", 1) for line in Path(f"{hook}.env").read_text().splitlines())
    return facts, json.loads(Path(f"{hook}.json").read_text())


def is_complete(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("}\n")


def hooks_of(ended: Ended) -> list[tuple[str, int | None]]:
    return [(line["hook"], line["exit_status"]) for line in ended.events("hook_ended")]


def test_the_success_hook_gets_the_report(program: Program) -> None:
    ended = program(*RUN, "--run-id", "tonight", *BOTH)
    assert ended.status == 0
    assert hooks_of(ended) == [("--on-success", 0)]
    facts, report = hook_input("success")
    assert re.fullmatch(r"\d+\.\d", facts.pop("SEGBATCH_SECONDS"))
    assert facts == {
        "SEGBATCH_HOOK": "on-success",
        "SEGBATCH_RUN_ID": "tonight",
        "SEGBATCH_STATUS": "published",
        "SEGBATCH_EXIT_STATUS": "0",
        "SEGBATCH_PUBLISHED": "yes",
        "SEGBATCH_OUTPUT": str(Path("output").absolute()),
        "SEGBATCH_MESSAGE": "4 contacts, 1 segment, 2 memberships",
        "SEGBATCH_CONTACTS_READ": "4",
        "SEGBATCH_MEMBERSHIPS": "2",
        "SEGBATCH_SEGMENTS_OK": "1",
        "SEGBATCH_SEGMENTS_FAILED": "0",
        "SEGBATCH_SEGMENTS_HELD": "0",
        "SEGBATCH_SEGMENTS_DISABLED": "0",
        "SEGBATCH_SEGMENTS_LEFT_OUT": "0",
    }
    assert (report["status"], report["is_published"], report["report"]["memberships"]) == ("published", True, 2)
    assert report["report"]["segments"][0]["member_count"] == 2


def test_the_documented_variables_are_those_that_hooks_get(program: Program) -> None:
    program(*RUN, *BOTH)
    facts, report = hook_input("success")
    assert set(re.findall(r"^\| `(SEGBATCH_[A-Z_]+)` \|", NIGHTLY, re.MULTILINE)) == set(facts)
    [documented] = re.findall(r"standard input as JSON: (.*?)\.\n", NIGHTLY, re.DOTALL)
    assert set(re.findall(r"`([a-z_]+)`", documented)) == set(report)


def test_a_partial_run_calls_the_failure_hook(program: Program) -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    assert program(*RUN, *BOTH).status == 3
    facts, report = hook_input("failure")
    assert (facts["SEGBATCH_STATUS"], facts["SEGBATCH_EXIT_STATUS"]) == ("partial", "3")
    assert facts["SEGBATCH_MESSAGE"] == "4 contacts, 2 segments, 2 memberships; 1 failed: bad"
    assert "stauts" in report["report"]["segments"][1]["error"]
    write_segment(Path("segments"), "active", rule("stauts", "eq", "x"))
    write_segment(Path("segments"), "new", rule("id", "exists"))
    assert program(*RUN, *BOTH).status == 3
    facts, _ = hook_input("failure")
    totals = "4 contacts, 3 segments, 6 memberships; 2 failed (1 with earlier members): active, bad"
    assert facts["SEGBATCH_MESSAGE"] == totals


FAILED = {
    "no snapshot": (
        ("run", "--contacts", "nope.parquet"),
        1,
        "nope.parquet: no such file; check the path of the export",
    ),
    "no metrics": (
        (*RUN, "--metrics-file", "nowhere/m.prom"),
        2,
        "nowhere: no such folder; create it first (--metrics-file)",
    ),
}


@pytest.mark.parametrize(("arguments", "status", "message"), FAILED.values(), ids=list(FAILED))
def test_the_failure_hook_gets_the_message(
    program: Program, arguments: tuple[str, ...], status: int, message: str
) -> None:
    assert program(*arguments, *BOTH).status == status
    facts, report = hook_input("failure")
    assert (facts["SEGBATCH_STATUS"], facts["SEGBATCH_MESSAGE"], facts["SEGBATCH_PUBLISHED"]) == (
        "failed",
        message,
        "no",
    )
    assert facts["SEGBATCH_MEMBERSHIPS"] == ""
    assert (report["exit_status"], report["message"], report["report"]) == (status, message, None)


def test_a_message_is_one_line_whatever_files_are_called(program: Program) -> None:
    name = os.fsdecode(b"a\nBcc: x\x1b[31m\xff.json")
    Path("segments/active.json").rename(f"segments/{name}")
    Path("segments", name).write_text("[")
    Path("segments/b.json").write_text("[")
    assert program(*RUN, *BOTH).status == 1
    facts, report = hook_input("failure")
    first, second, last = report["message"].split("\n")
    assert first.startswith(r"segments/a\nBcc: x\x1b[31m\xff.json: ")
    assert second.startswith("segments/b.json: ")
    assert facts["SEGBATCH_MESSAGE"] == f"{first}; {second}; {last}"


def test_a_long_message_is_cut_in_the_environment_alone(program: Program) -> None:
    Path("segments/active.json").unlink()
    for number in range(1500):
        Path(f"segments/{number:0100}.json").write_text("[")
    assert program(*RUN, *BOTH).status == 1
    facts, report = hook_input("failure")
    assert len(facts["SEGBATCH_MESSAGE"]) == 10_000
    assert len(report["message"].splitlines()) == 1501


def test_a_locked_run_calls_the_failure_hook(program: Program) -> None:
    Path("output").mkdir()
    with lock_output(Path("output/lock"), "run first", FAIL_IF_LOCKED):
        assert program(*RUN, *BOTH).status == 75
    assert hook_input("failure")[0]["SEGBATCH_STATUS"] == "locked"


def test_a_dry_run_calls_no_hook(program: Program) -> None:
    ended = program(*RUN, "--dry-run", *BOTH)
    assert (ended.status, hooks_of(ended)) == (0, [])
    assert not Path("success.env").exists()


BAD = {
    "it fails": ("exit 4", 4),
    "there is none": ("no-such-program-at-all", 127),
    "it is killed": ("kill -9 $$", 137),
    "what runs it is killed": ("kill -9 $PPID", 137),
    "what runs it is terminated": ("kill $PPID", 143),
}


@pytest.mark.parametrize(("command", "status"), BAD.values(), ids=list(BAD))
def test_a_hook_that_fails_is_a_warning_and_takes_nothing_back(program: Program, command: str, status: int) -> None:
    ended = program(*RUN, "--on-success", f"{command} 2> /dev/null")
    assert ended.status == 0
    [line] = ended.events("hook_ended")
    assert (line["level"], line["exit_status"]) == ("warning", status)
    assert ended.lines[-1]["status"] == "published"
    plain = program(*RUN, "--log-format", "plain", "--on-success", f"{command} 2> /dev/null")
    assert plain.err == f"warning: the command of --on-success ended with {status}\n"


def test_a_hook_that_takes_too_long_is_ended_with_all_that_it_started(program: Program) -> None:
    begun = time.monotonic()
    ended = program(*RUN, "--hook-timeout", "0.5", "--on-success", "(sleep 300 & echo $! > pid; wait)")
    assert time.monotonic() - begun < 30
    assert (ended.status, hooks_of(ended)) == (0, [("--on-success", None)])
    gone_until = time.monotonic() + PATIENCE
    while Path(f"/proc/{Path('pid').read_text().strip()}").exists() and time.monotonic() < gone_until:
        time.sleep(0.05)
    assert not Path(f"/proc/{Path('pid').read_text().strip()}").exists()


def test_a_hook_that_ignores_sigterm_is_killed() -> None:
    told = {"command": "trap '' TERM; sleep 300", "timeout": 0.2, "environment": {}, "report": {}}
    assert hook_runner.run_hook(told) == hook_runner.TOO_LATE


def test_a_hook_need_not_read_its_input(program: Program) -> None:
    for number in range(600):
        write_segment(Path("segments"), f"a-segment-of-many-{number}", rule("status", "exists"))
    ended = program(*RUN, "--on-success", "true")
    assert (ended.status, hooks_of(ended)) == (0, [("--on-success", 0)])


def test_the_output_of_a_hook_goes_to_stderr(program: Program) -> None:
    ended = program(*RUN, "--json", "--on-success", "echo hello", "--log-format", "plain")
    assert json.loads(ended.out)["memberships"] == 2
    assert ended.err == "hello\n"


def test_a_hook_that_runs_segbatch_does_not_call_itself(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    again = f"{sys.executable} -m segbatch {' '.join(RUN)} --output other --log-format json 2> inner"
    monkeypatch.setenv("SEGBATCH_ON_SUCCESS", again)
    assert program(*RUN).status == 0
    inner = [json.loads(line)["event"] for line in Path("inner").read_text().splitlines()]
    assert inner[-1] == "run_ended"
    assert "hook_ended" not in inner


@pytest.mark.parametrize("option", ["--on-success", "--on-failure"])
def test_an_empty_hook_is_refused_before_the_run(program: Program, option: str) -> None:
    ended = program(*RUN, option, " ")
    assert ended.status == 2
    [error] = ended.events("error")
    assert error["message"] == f"the command of the hook is empty; is a variable not set? ({option})"
    assert not Path("output").exists()


HELD_UP = """
import sys
import {module}
def hold_up(*_):
    print("there", flush=True)
    sys.stdin.read()
{module}.{name} = hold_up
sys.argv[0] = "segbatch"
from segbatch.__main__ import main
main()
"""
IN_ITS_MIDDLE = ("segbatch.pipeline.evaluation", "segment_records")
AFTER_IT_IS_PUBLISHED = ("segbatch.storage.targets.output", "prune")


def held_up(module: str, name: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a run that stops at a given step, and return when it is there."""
    code = HELD_UP.format(module=module, name=name)
    command = [sys.executable, "-c", code, *RUN, "--run-id", "tonight", *arguments]
    pipe = subprocess.PIPE
    running = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "there\n"
    return running


SIGNALS = [(signal.SIGTERM, "terminated", 143), (signal.SIGINT, "interrupted", 130), (signal.SIGKILL, "killed", 137)]


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(("number", "status", "exit_status"), SIGNALS, ids=[word for _, word, _ in SIGNALS])
def test_a_run_that_a_signal_ends_calls_the_hook_without_delay(
    number: signal.Signals, status: str, exit_status: int
) -> None:
    running = held_up(*IN_ITS_MIDDLE, *BOTH)
    begun = time.monotonic()
    running.send_signal(number)
    running.wait(20)
    assert time.monotonic() - begun < 2
    assert running.returncode in {exit_status, -number}
    facts, report = hook_input("failure", PATIENCE)
    _, err = running.communicate()
    assert (facts["SEGBATCH_STATUS"], facts["SEGBATCH_RUN_ID"]) == (status, "tonight")
    assert (facts["SEGBATCH_EXIT_STATUS"], facts["SEGBATCH_PUBLISHED"]) == (str(exit_status), "no")
    assert report["status"] == status
    lines = [json.loads(line) for line in err.splitlines()]
    if status == "killed":
        assert facts["SEGBATCH_MESSAGE"].startswith("the run died without reporting an error (killed")
        assert lines[-1]["event"] == "phase_ended"
    else:
        assert facts["SEGBATCH_MESSAGE"] == f"{status}; nothing was published"
        assert [(line["event"], line["run_id"]) for line in lines[-2:]] == [
            ("error", "tonight"),
            ("run_ended", "tonight"),
        ]
        assert (lines[-1]["status"], lines[-1]["exit_status"]) == (status, exit_status)
        assert list(Path("output").rglob("*")) == []


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_ends_after_publishing_reports_that_it_is_published(number: signal.Signals) -> None:
    running = held_up(*AFTER_IT_IS_PUBLISHED, *BOTH)
    running.send_signal(number)
    running.communicate(timeout=20)
    facts, _ = hook_input("failure", PATIENCE)
    assert (facts["SEGBATCH_PUBLISHED"], facts["SEGBATCH_RUN_ID"]) == ("yes", "tonight")


@pytest.mark.usefixtures("program")
def test_a_signal_while_a_hook_is_at_work_leaves_it_to_that() -> None:
    os.mkfifo("go")
    command = [
        sys.executable,
        "-m",
        "segbatch",
        *RUN,
        "--on-success",
        f"echo there; read line < go; {KEEP.format('success')}",
    ]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    while running.stderr.readline() != "there\n":
        pass
    running.terminate()
    assert running.wait(20) == 143
    Path("go").write_text("on\n")
    facts, _ = hook_input("success", PATIENCE)
    assert facts["SEGBATCH_STATUS"] == "published"
    running.stderr.close()


def test_the_last_whole_line_counts(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    line = {"command": f"echo $SAID > {mark}", "timeout": 9, "environment": {"SAID": "first"}, "report": {}}
    second = json.dumps(line | {"environment": {"SAID": "second"}}).encode()
    cut = second.replace(b"second", b"third")[:-20]
    assert hook_runner.main(BytesIO(json.dumps(line).encode() + b"\n\n" + second + b"\n" + cut)) == 0
    assert mark.read_text() == "second\n"
    mark.unlink()
    assert hook_runner.main(BytesIO(second + b"\nnull\n")) == 0
    assert hook_runner.main(BytesIO(b"")) == 0
    assert not mark.exists()


def test_only_the_hook_of_the_outcome_gets_data() -> None:
    good, bad = (Outcome("r", status, "", "o", 0.0, 1.0) for status in (0, 1))
    assert Hooks(on_success="a").request(bad) is None
    assert Hooks(on_failure="a").request(good) is None
    assert Hooks().start_runner() is None
