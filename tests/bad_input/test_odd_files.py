"""Unusual entries in a folder: pipes, files of other programs, and files without permission."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from .conftest import GOOD, SNAPSHOT, write
from .making import ABSENT, contacts, encode, rule, segment

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from .conftest import Program

DENIED = "cannot be read: Permission denied"
RUN = ("run", "--contacts", SNAPSHOT)
SECONDS = 60
"""How long a command may take; one that waits at a pipe takes for ever."""


def shell(*arguments: str, pipe: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segbatch", *arguments]
    passed = () if pipe is None else (pipe,)
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=SECONDS, pass_fds=passed)


@pytest.mark.parametrize("command", [("check",), RUN], ids=["check", "run"])
def test_a_pipe_in_the_folder_is_not_read(program: Program, command: tuple[str, ...]) -> None:
    assert program
    write(GOOD)
    os.mkfifo("segments/x.json")
    done = shell(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 segment checked" if command == ("check",) else "segment ")


def test_a_pipe_alone_in_the_folder_is_not_a_file(program: Program) -> None:
    assert program
    Path("segments").mkdir()
    os.mkfifo("segments/x.json")
    done = shell("check")
    assert done.stderr == "error: segments: the folder has no .json file; each segment is a JSON file\n"
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("definition", "status", "message"),
    [
        (segment(id="x"), 0, ""),
        (segment(id="x", name=5), 2, "error: {}: segment 'x': $.name: 'name' must be a text; found 5\n"),
    ],
    ids=["good", "bad"],
)
def test_a_pipe_that_is_given_is_read(program: Program, definition: object, status: int, message: str) -> None:
    assert program
    reader, writer = os.pipe()
    try:
        os.write(writer, encode(definition))
        os.close(writer)
        done = shell("check", "--segments", f"/dev/fd/{reader}", pipe=reader)
    finally:
        os.close(reader)
    assert (done.returncode, done.stderr) == (status, message.format(f"/dev/fd/{reader}"))


@pytest.mark.parametrize("command", [("check",), RUN], ids=["check", "run"])
def test_a_link_to_a_pipe_in_the_folder_is_not_read(program: Program, command: tuple[str, ...]) -> None:
    assert program
    write(GOOD)
    os.mkfifo("pipe")
    Path("segments/x.json").symlink_to("../pipe")
    done = shell(*command)
    assert (done.returncode, done.stderr) == (0, "")


NOT_A_FILE = "is a pipe or a device, not a regular file; export to a file"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_pipe_is_not_a_snapshot(program: Program, command: str) -> None:
    assert program
    write(GOOD)
    os.mkfifo("c.parquet")
    for path in ("c.parquet", "/dev/null"):
        done = shell(command, "--contacts", path)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {path}: {NOT_A_FILE}\n")


@pytest.mark.parametrize("path", ["in", "in/*.parquet"])
def test_a_pipe_among_the_files_of_a_snapshot_is_passed_over(program: Program, path: str) -> None:
    assert program
    write(GOOD | {"in/a.parquet": contacts()})
    os.mkfifo("in/b.parquet")
    Path("in/c.parquet").symlink_to("b.parquet")
    done = shell("run", "--contacts", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n2 contacts, 1 segment, 1 membership;" in done.stdout


def test_a_folder_that_is_named_like_a_file_of_a_snapshot_is_reported(program: Program) -> None:
    write(GOOD | {"in/a.parquet": contacts(), "in/b.parquet/part-0.parquet": contacts(id=["cid", "dan"])})
    message = "in/b.parquet: is a folder, not a file; for those in folders below it write 'in/**/*.parquet'"
    program.refuses(1, [message], "run", "--contacts", "in")
    outcome = program("run", "--contacts", "in/**/*.parquet")
    assert (outcome.status, outcome.err) == (0, "")
    assert "\n4 contacts, " in outcome.out


DEAD = "is a broken link; fix it or remove it"
LINKS = {"nowhere": "nowhere", "itself": "link.parquet"}


@pytest.mark.parametrize("target", LINKS.values(), ids=list(LINKS))
@pytest.mark.parametrize("path", ["in/link.parquet", "in", "in/*.parquet"])
def test_a_link_that_is_broken_is_not_a_snapshot(program: Program, target: str, path: str) -> None:
    write(GOOD | {"in/a.parquet": contacts()})
    Path("in/link.parquet").symlink_to(target)
    program.refuses(1, [f"in/link.parquet: {DEAD}"], "check", "--contacts", path)


@pytest.mark.parametrize("target", ["nowhere", "link.json"])
def test_a_link_that_is_broken_has_no_definitions(program: Program, target: str) -> None:
    Path("link.json").symlink_to(target)
    program.refuses(2, [f"link.json: {DEAD}"], "check", "--segments", "link.json")


def test_a_link_that_leads_to_itself_does_not_affect_others(program: Program) -> None:
    Path("segments").mkdir()
    Path("segments/bad.json").symlink_to("bad.json")
    program.finds([f"segments/bad.json: {DEAD}"])
    program.fails_alone([f"segments/bad.json: {DEAD}"])


def test_a_name_with_brackets_is_a_file_where_there_is_one(program: Program) -> None:
    write(GOOD | {"c[1].parquet": contacts()})
    assert program("check", "--contacts", "c[1].parquet").err == ""
    message = "d[1].parquet: matches no file; check the path of the export"
    program.refuses(1, [message], "check", "--contacts", "d[1].parquet")


def test_the_hint_at_folders_below_reads_a_limited_number_of_entries(program: Program) -> None:
    write(GOOD | {"in/[1]/2025/06.parquet": contacts()})
    hint = "for those in folders below it write 'in/[[]1]/**/*.parquet'"
    program.refuses(1, [f"in/[1]: the folder has no .parquet file; {hint}"], "check", "--contacts", "in/[1]")
    assert program("check", "--contacts", "in/[[]1]/**/*.parquet").status == 0
    write({f"far/x/{number}": "" for number in range(1000)} | {"far/x/deep/06.parquet": contacts()})
    message = "far: the folder has no .parquet file; export the contacts"
    program.refuses(1, [message], "check", "--contacts", "far")


PASSED_OVER: dict[str, str] = {"glob": "in/*.parquet", "deep glob": "in/**/*.parquet", "folder": "in"}


@pytest.mark.parametrize("path", PASSED_OVER.values(), ids=list(PASSED_OVER))
def test_unfinished_exports_are_ignored(program: Program, path: str) -> None:
    unfinished = contacts()[:100]
    write(GOOD | {"in/a.parquet": contacts(), "in/_x.parquet": unfinished, "in/.y.parquet": unfinished})
    write({"in/_temporary/0/b.parquet": unfinished})
    outcome = program("run", "--contacts", path)
    unread = "1 other file or folder in in looks like data and is not read (_temporary/)"
    advice = "export it as Parquet into the same folder, or move it elsewhere"
    assert (outcome.status, outcome.err) == (0, f"warning: {unread}; {advice}\n" if path == "in" else "")
    assert "\n2 contacts, 1 segment, 1 membership;" in outcome.out


@pytest.mark.parametrize("path", ["_in/_x.parquet", "_in/*.parquet", "_in"])
def test_an_excluded_file_is_read_if_it_is_named(program: Program, path: str) -> None:
    write(GOOD | {"_in/a.parquet": contacts(), "_in/_x.parquet": contacts()})
    outcome = program("run", "--contacts", path)
    assert (outcome.status, outcome.err) == (0, "")
    assert "\n2 contacts, " in outcome.out


def lock(path: str) -> None:
    Path(path).chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user can read everything")


@pytest.mark.parametrize("path", ["in", "in/a.parquet", "in/b.parquet", "in/*.parquet"])
def test_a_snapshot_in_a_folder_that_may_not_be_read_is_reported(program: Program, path: str) -> None:
    write(GOOD | {"in/a.parquet": contacts()})
    lock("in")
    try:
        program.refuses(1, [f"{path}: {DENIED}"], "check", "--contacts", path)
        program.refuses(1, [f"{path}: {DENIED}"], "run", "--contacts", path)
    finally:
        Path("in").chmod(0o700)


def test_a_definition_in_a_folder_that_may_not_be_read_is_reported(program: Program) -> None:
    write(GOOD)
    lock("segments")
    try:
        program.refuses(2, [f"segments/good.json: {DENIED}"], "check", "--segments", "segments/good.json")
        program.refuses(2, [f"segments/good.json: {DENIED}"], *RUN, "--segments", "segments/good.json")
    finally:
        Path("segments").chmod(0o700)


@pytest.mark.parametrize("folder", ["segments/sub", "segments/sub/deep"])
def test_a_folder_of_definitions_that_may_not_be_read_does_not_affect_others(program: Program, folder: str) -> None:
    write({f"{folder}/a.json": segment(), "segments/sub.json": segment()})
    lock(folder)
    try:
        program.finds([f"{folder}: {DENIED}"])
        Path("segments/sub.json").unlink()
        program.fails_alone([f"{folder}: {DENIED}"])
    finally:
        Path(folder).chmod(0o700)


def test_a_folder_of_definitions_alone_that_may_not_be_read_is_reported(program: Program) -> None:
    write(GOOD)
    lock("segments")
    try:
        program.refuses(2, [f"segments: {DENIED}"], "check")
    finally:
        Path("segments").chmod(0o700)


def test_names_in_a_folder_that_may_not_be_looked_at_are_reported(program: Program) -> None:
    write({"segments/in/bad.json": segment()})
    lock("segments/in")
    Path("segments/in").chmod(0o400)
    try:
        program.finds([f"segments/in/bad.json: {DENIED}"])
    finally:
        Path("segments/in").chmod(0o700)


def zoned(zone: str) -> bytes:
    seen = pa.array([datetime(2025, 6, 1), None], pa.timestamp("us", tz=zone))  # noqa: DTZ001 - Arrow has the zone
    return contacts(seen=seen)


def test_a_column_of_an_unknown_zone_affects_only_rules_that_use_it(program: Program) -> None:
    write(GOOD | {SNAPSHOT: zoned("Mars/Olympus")})
    outcome = program(*RUN)
    assert (outcome.status, outcome.err) == (0, "")


def test_a_column_of_an_unknown_zone_has_instants(program: Program) -> None:
    rules: dict[str, Any] = {
        "there": rule(field="seen", operator="exists", value=ABSENT),
        "missing": rule(field="seen", operator="empty", value=ABSENT),
        "late": rule(field="seen", operator="gt", value="2025-01-01"),
    }
    write({SNAPSHOT: zoned("Mars/Olympus")} | {f"segments/{name}.json": segment(rules[name]) for name in rules})
    outcome = program(*RUN)
    assert (outcome.status, outcome.err) == (0, "")
    with duckdb.connect("output/segbatch.duckdb", read_only=True) as published:
        members = published.sql("FROM membership ORDER BY ALL").fetchall()
    assert members == [("late", "ann"), ("missing", "bob"), ("there", "ann")]
