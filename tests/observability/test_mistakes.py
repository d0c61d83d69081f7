"""Wrong settings are reported to the log and the hooks, like other errors."""

import json
from pathlib import Path

import pytest

from .conftest import RUN, Program

TELL = 'echo "$SEGBATCH_STATUS $SEGBATCH_EXIT_STATUS: $SEGBATCH_MESSAGE" > told'
UNKNOWN = "segbatch.toml: kep: unknown; did you mean 'keep'?"
NO_JOB = "segbatch.toml: unknown job 'nosuch'; it defines a (--job)"
NO_NUMBER = "SEGBATCH_KEEP: must be a whole number; found 'abc'"
UNDECIDED = "segbatch.toml: 'output' is set only in jobs: a; choose one with --job or SEGBATCH_JOB"
GOOD = "[jobs.a]\noutput = 'out'\n"
IN_THE_FILE = f"on_failure = '{TELL}'\n"

MISTAKES: dict[str, tuple[str, dict[str, str], tuple[str, ...], str]] = {
    "file, hook as an option": ("kep = 3", {}, ("--on-failure", TELL), UNKNOWN),
    "file, hook as a variable": ("kep = 3", {"SEGBATCH_ON_FAILURE": TELL}, (), UNKNOWN),
    "variable, hook as an option": ("", {"SEGBATCH_KEEP": "abc"}, ("--on-failure", TELL), NO_NUMBER),
    "variable, hook in the file": (IN_THE_FILE, {"SEGBATCH_KEEP": "abc"}, (), NO_NUMBER),
    "no such job": (GOOD, {}, ("--job", "nosuch", "--on-failure", TELL), NO_JOB),
    "no job": (IN_THE_FILE + GOOD, {}, (), UNDECIDED),
    "all settings are given": (
        "kep = 3",
        {"SEGBATCH_HOOK_TIMEOUT": "soon", "SEGBATCH_LOG_IDS": "x"},
        ("--on-failure", TELL),
        UNKNOWN,
    ),
}


@pytest.mark.parametrize(("file", "variables", "options", "message"), MISTAKES.values(), ids=list(MISTAKES))
def test_wrong_settings_are_reported_to_the_log_and_the_hook(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    variables: dict[str, str],
    options: tuple[str, ...],
    message: str,
) -> None:
    Path("segbatch.toml").write_text(file)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ended = program(*RUN, *options)
    assert (ended.status, ended.out) == (2, "")
    assert [line["event"] for line in ended.lines] == ["error", "hook_ended", "run_ended"]
    assert (ended.lines[0]["message"], ended.lines[2]["exit_status"]) == (message, 2)
    assert Path("told").read_text() == f"failed 2: {message}\n"
    assert not Path("output").exists()


def test_for_people_it_is_the_error_alone(program: Program) -> None:
    Path("segbatch.toml").write_text("kep = 3\nkeep = 1")
    ended = program(*RUN, "--log-format", "plain")
    found = [UNKNOWN, "segbatch.toml: keep: must be at least 2; found 1"]
    assert sorted(ended.err.splitlines()) == sorted(f"error: {message}" for message in found)


def test_a_wrong_log_format_is_logged_as_plain_text(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBATCH_LOG_FORMAT", "yaml")
    assert program(*RUN).err.startswith("error: SEGBATCH_LOG_FORMAT: 'yaml' is not a log format")


@pytest.mark.parametrize("options", [("--dry-run",), ("--help",), ("--nope",)], ids=lambda options: options[0])
def test_a_command_that_makes_no_run_calls_no_hook(program: Program, options: tuple[str, ...]) -> None:
    Path("segbatch.toml").write_text("kep = 3")
    program(*RUN, *options, "--on-failure", TELL)
    assert not Path("told").exists()


def test_a_variable_with_a_hook_that_never_ends_is_given_its_own_time(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("segbatch.toml").write_text("kep = 3")
    monkeypatch.setenv("SEGBATCH_HOOK_TIMEOUT", "0.2")
    ended = program(*RUN, "--on-failure", "sleep 600")
    [hook] = ended.events("hook_ended")
    assert (hook["exit_status"], ended.status) == (None, 2)
    assert json.loads(ended.err.splitlines()[0])["message"] == UNKNOWN
