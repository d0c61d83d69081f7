"""Invalid options, outputs that cannot be written, and the program as the shell starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import GOOD, write
from .making import contacts, segment

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from .conftest import Program

RUN = ("run", "--contacts", "contacts.parquet")
NO_SUCH_HOUR = "the day, hour or offset does not exist; write it like '2025-06-01T10:00:00Z'"
OUT_OF_CALENDAR = "in UTC, this is before the year 1 or after 9999; write a time between them"
A_DATETIME = "write a date-time like '2025-06-01T10:00:00Z'"
A_MOMENT = f"{A_DATETIME}, or a date like '2025-06-01'"
IANA = "write an IANA name such as Europe/Berlin (--timezone)"
IN_THE_WAY = "is in the way; remove it, or publish elsewhere (--output)"
NOTHING = "nothing was published"
A_RUN_ID = (
    "a run id begins with a letter or digit, goes on with these and '.', '_', ':', '+', '@', '=' and '-', "
    "and has at most 150 characters (--run-id)"
)


def empty_path(what: str, option: str) -> str:
    return f"the path of the {what} is empty; is a variable not set? ({option})"


MEANINGLESS: dict[str, tuple[tuple[str, ...], str]] = {
    "time": (("--as-of", "yesterday"), f"'yesterday' is not a valid time: {A_MOMENT} (--as-of)"),
    "time, empty": (("--as-of", ""), f"'' is not a valid time: {A_MOMENT} (--as-of)"),
    "time without minutes": (
        ("--as-of", "2025-06-01T10"),
        f"'2025-06-01T10' is not a valid time: {A_MOMENT} (--as-of)",
    ),
    "time, no such hour": (
        ("--as-of", "2025-06-01T25:00Z"),
        f"'2025-06-01T25:00Z' is not a valid time: {NO_SUCH_HOUR} (--as-of)",
    ),
    "time before the calendar": (
        ("--as-of", "0001-01-01", "--timezone", "Asia/Tokyo"),
        "'0001-01-01' is outside the calendar in Asia/Tokyo (--as-of)",
    ),
    "time after the calendar": (
        ("--as-of", "9999-12-31T23:59", "--timezone", "America/New_York"),
        f"'9999-12-31T23:59' is not a valid time: {OUT_OF_CALENDAR} (--as-of)",
    ),
    "max change": (("--max-change", "a third"), "'a third' is not a share; write it like 30% or 0.3 (--max-change)"),
    "max change, no percents": (
        ("--max-change", "30"),
        "'30' is more than 10 times the size; write a share like 30% or 0.3 (--max-change)",
    ),
    "accepted, misspelt": (("--accept", "god"), "there is no segment 'god'; did you mean 'good'? (--accept)"),
    "accepted, like none": (("--accept", "x", "--accept", "good"), "there is no segment 'x' (--accept)"),
    "run id as a path": (("--run-id", "../../x"), f"'../../x' cannot be a run id; {A_RUN_ID}"),
    "run id, empty": (("--run-id", ""), f"'' cannot be a run id; {A_RUN_ID}"),
    "segments, empty": (("--segments", ""), empty_path("definitions", "--segments")),
    "output, empty": (("--output", ""), empty_path("output", "--output")),
    "segments, too long": (("--segments", "x" * 300), f"{'x' * 300}: cannot be read: File name too long"),
    "zone": (("--timezone", "Europe/Berln"), f"unknown time zone 'Europe/Berln'; {IANA}"),
    "zone, empty": (("--timezone", ""), f"unknown time zone ''; {IANA}"),
    "zone as an offset": (("--timezone", "+02:00"), f"unknown time zone '+02:00'; {IANA}"),
    "zone of a folder": (("--timezone", "Europe"), f"unknown time zone 'Europe'; {IANA}"),
    "zone upwards": (("--timezone", "../../etc/passwd"), f"unknown time zone '../../etc/passwd'; {IANA}"),
    "zone as a path": (("--timezone", "/etc/passwd"), f"unknown time zone '/etc/passwd'; {IANA}"),
}

USAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "no snapshot": (
        ("run",),
        "Missing option '--contacts' (env var: 'SEGBATCH_CONTACTS'). Pass it, or set 'contacts' in segbatch.toml",
    ),
    "option without value": (("run", "--contacts"), "Option '--contacts' requires an argument."),
    "unknown option": ((*RUN, "--zebra", "1"), "No such option: --zebra"),
    "option of another command": (("query", "SELECT 1", "--timezone", "UTC"), "No such option: --timezone"),
    "too many words": ((*RUN, "now"), "Got unexpected extra argument"),
    "no statement": (("query",), "Missing argument"),
    "no database": (("sync",), "Missing argument 'database'. Pass it, or set the variable SEGBATCH_DATABASE"),
    "one run to keep": (
        (*RUN, "--keep", "1"),
        "Invalid value for '--keep' (env var: 'SEGBATCH_KEEP'): must be at least 2; found '1'",
    ),
    "days to come": (
        (*RUN, "--keep-days", "-1"),
        "Invalid value for '--keep-days' (env var: 'SEGBATCH_KEEP_DAYS'): must be at least 0; found '-1'",
    ),
    "floor": (
        (*RUN, "--max-change-floor", "-1"),
        "Invalid value for '--max-change-floor' (env var: 'SEGBATCH_MAX_CHANGE_FLOOR'): must be at least 0; found '-1'",
    ),
    "unknown command": (("chek",), "No such command 'chek'. Did you mean 'check', 'schema'?"),
}

UNWRITABLE: dict[str, tuple[dict[str, Any], str, str]] = {
    "a file": ({"out": "mine"}, "out", f"out: a file {IN_THE_WAY}; {NOTHING}"),
    "in a file": ({"out": "mine"}, "out/new", f"out: a file {IN_THE_WAY}; {NOTHING}"),
    "too long a name": ({}, "x" * 300, f"{'x' * 300}: cannot be written: File name too long; {NOTHING}"),
}


def words(text: str) -> str:
    """The words of a text without the colours, the frame and the line breaks around them."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[─-╿]", " ", text).split())


@pytest.mark.parametrize(("options", "message"), MEANINGLESS.values(), ids=list(MEANINGLESS))
def test_an_option_without_effect_is_reported_with_a_useful_one(
    program: Program, options: tuple[str, ...], message: str
) -> None:
    write(GOOD)
    program.refuses(2, [message], *RUN, *options)


@pytest.mark.parametrize(("arguments", "message"), USAGE.values(), ids=list(USAGE))
def test_wrong_usage_is_reported(program: Program, arguments: tuple[str, ...], message: str) -> None:
    write(GOOD)
    outcome = program(*arguments)
    assert f"Error {message}" in words(outcome.err)
    assert (outcome.status, outcome.out) == (2, "")


def test_both_commands_report_a_project_without_segments(program: Program) -> None:
    write({"segments/a.json": segment(project_id="proj-1")})
    message = "no segment belongs to project 'proj-2'; did you mean 'proj-1'? (--project)"
    program.refuses(2, [message], "check", "--project", "proj-2")
    program.refuses(2, [message], *RUN, "--project", "proj-2")


def test_a_snapshot_without_projects_is_noted(program: Program) -> None:
    write({"segments/a.json": segment(project_id="proj-1")})
    outcome = program(*RUN, "--project", "proj-1")
    message = "the snapshot has no column 'project_id', so all of its contacts count as those of 'proj-1'"
    assert (outcome.status, outcome.err) == (0, f"note: {message}\n")


@pytest.mark.parametrize(("files", "output", "message"), UNWRITABLE.values(), ids=list(UNWRITABLE))
def test_an_invalid_output_is_reported(program: Program, files: dict[str, Any], output: str, message: str) -> None:
    write(GOOD | files)
    program.refuses(1, [message], *RUN, "--output", output)
    assert all(Path(name).read_bytes() == b"mine" for name in files)


def test_a_file_inside_the_output_is_not_touched(program: Program) -> None:
    write(GOOD | {"out/runs": "mine"})
    outcome = program(*RUN, "--output", "out")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == f"error: out/runs: a file {IN_THE_WAY}; {NOTHING}\n"
    assert [path.name for path in Path("out").iterdir()] == ["runs"]


def test_an_output_that_may_not_be_written_is_reported(program: Program) -> None:
    write(GOOD)
    Path("out").mkdir(mode=0o555)
    if os.access("out", os.W_OK):
        pytest.skip("this user can write everywhere")
    program.refuses(1, [f"out: cannot be written: Permission denied; {NOTHING}"], *RUN, "--output", "out")


def test_relink_reports_an_output_without_runs(program: Program) -> None:
    message = "out: nothing is published there; name the folder that a run published in (--output)"
    program.refuses(2, [message], "relink", "--output", "out")


@pytest.mark.parametrize("command", [("check",), ("query", "SELECT 1"), ("relink",)], ids=lambda words: words[0])
def test_an_empty_path_is_not_the_current_folder(program: Program, command: tuple[str, ...]) -> None:
    write(GOOD)
    assert program(*RUN, "--output", ".").status == 0
    what, option = ("definitions", "--segments") if command == ("check",) else ("output", "--output")
    outcome = program(*command, option, "")
    assert (outcome.status, outcome.out, outcome.err) == (2, "", f"error: {empty_path(what, option)}\n")


def test_an_empty_path_of_the_snapshot_is_wrong_usage(program: Program) -> None:
    write(GOOD)
    for command in ("check", "run"):
        program.refuses(2, [empty_path("snapshot", "--contacts")], command, "--contacts", "")


@pytest.mark.parametrize("output", ["output", "audiences", "audiences/of/today"])
def test_a_run_that_fails_leaves_no_empty_folder(program: Program, output: str) -> None:
    write(GOOD | {"contacts.parquet": contacts(id=["ann", "ann"])})
    assert program(*RUN, "--output", output).status == 1
    assert sorted(path.name for path in Path().iterdir()) == ["contacts.parquet", "segments"]


SHELL: dict[str, tuple[tuple[str, ...], int, list[str]]] = {
    "check": (("check",), 2, ["error: segments/bad.json: $.name: 'name' must be a text; found 5"]),
    "run": (RUN, 3, ["error: segments/bad.json: $.name: 'name' must be a text; found 5"]),
    "no file": (
        ("run", "--contacts", "contact.parquet"),
        1,
        ["error: contact.parquet: no such file; did you mean 'contacts.parquet'?"],
    ),
    "no folder": (
        ("check", "--segments", "segment"),
        2,
        ["error: segment: no such file or folder; did you mean 'segments'?"],
    ),
    "zone": ((*RUN, "--timezone", "Mars"), 2, [f"error: unknown time zone 'Mars'; {IANA}"]),
}


@pytest.mark.parametrize(("arguments", "status", "lines"), SHELL.values(), ids=list(SHELL))
def test_the_shell_sees_the_same(program: Program, arguments: tuple[str, ...], status: int, lines: list[str]) -> None:
    assert program
    write(GOOD | {"segments/bad.json": segment(name=5)})
    command = [sys.executable, "-m", "segbatch", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr.splitlines()) == (status, lines)
