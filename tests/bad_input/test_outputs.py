"""Outputs that are blocked or damaged, invalid statements, and results that cannot be printed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import GOOD, SNAPSHOT, write
from .making import contacts

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from .conftest import Program

RUN = ("run", "--contacts", SNAPSHOT)
IN_THE_WAY = "is in the way; remove it, or publish elsewhere (--output)"
NOTHING = "nothing was published"
AGAIN = "restore it, or publish into another folder (--output)"
NOT_PUBLISHED = "name the folder that a run published in (--output)"

FOLDERS = [
    "segbatch.duckdb",
    "segbatch.duckdb.wal",
    ".segbatch.duckdb.new",
    ".segbatch.duckdb.new.wal",
    "current",
    ".current.new",
]


def everything() -> list[str]:
    return sorted(map(str, Path("output").rglob("*")))


def run_ids() -> list[str]:
    return sorted(path.name for path in Path("output/runs").iterdir())


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_in_the_way_of_a_file_is_reported_and_nothing_is_left(program: Program, name: str) -> None:
    write(GOOD)
    Path("output", name).mkdir(parents=True)
    outcome = program(*RUN)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == f"error: output/{name}: a folder {IN_THE_WAY}; {NOTHING}\n"
    assert everything() == [f"output/{name}"]


@pytest.mark.parametrize("name", [".segbatch.duckdb.new", ".current.new"])
def test_files_of_a_killed_run_do_not_matter(program: Program, name: str) -> None:
    write(GOOD | {f"output/{name}": "half", f"output/{name}.wal": "half"})
    assert program(*RUN).status == 0
    assert not Path("output", name).exists()
    assert program("query", "FROM membership").status == 0


OBSTACLES = {
    "out": ("out", "out"),
    "in out": ("out", "out/a/b"),
    "runs": ("out/runs", "out"),
}


@pytest.mark.parametrize(("path", "output"), OBSTACLES.values(), ids=list(OBSTACLES))
def test_a_link_in_the_way_is_named(program: Program, path: str, output: str) -> None:
    write(GOOD)
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).symlink_to("nowhere")
    program.refuses(1, [f"{path}: a link {IN_THE_WAY}; {NOTHING}"], *RUN, "--output", output)


def lock(path: str) -> None:
    Path(path).chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user can read everything")


def test_the_folder_that_may_not_be_written_is_named(program: Program) -> None:
    write(GOOD)
    Path("out/runs").mkdir(parents=True)
    Path("above").mkdir()
    lock("out/runs")
    lock("above")
    Path("above").chmod(0o555)
    denied = f"cannot be written: Permission denied; {NOTHING}"
    try:
        program.refuses(1, [f"out/runs: {denied}"], *RUN, "--output", "out")
        program.refuses(1, [f"above: {denied}"], *RUN, "--output", "above/out")
    finally:
        Path("out/runs").chmod(0o700)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../..", b"a\nb", "run\u202e".encode(), None], ids=repr)
def test_a_pointer_to_a_missing_run_is_reported_and_fixed_by_relink(program: Program, content: bytes | None) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    assert program(*RUN).status == 0
    pointer = Path("output/current")
    right = pointer.read_bytes()
    pointer.unlink()
    if content is not None:
        write({"output/current": content})
    wrong = "is missing" if content is None else "does not name a run"
    assert program(*RUN).err == f"error: output/current: {wrong}; fix it with segbatch relink\n"
    assert program("relink").status == 0
    assert pointer.read_bytes() == right
    assert program(*RUN).status == 0
    assert program("query", "SELECT count(*) AS runs FROM runs").out.split() == ["runs", "3"]


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_pointer_without_any_run_cannot_be_fixed(program: Program, *, is_folder: bool) -> None:
    if is_folder:
        Path("output/current").mkdir(parents=True)
    else:
        write({"output/current": "20250101T000000Z-abcdef\n"})
    outcome = program("relink")
    assert (outcome.status, outcome.out) == (1, "")
    told = "names a run that does not exist; restore its folder, or remove the file"
    assert outcome.err == f"error: output/current: {told}\n"


@pytest.mark.parametrize("content", [b"", b"x" * 100, None], ids=["cut", "other", "gone"])
def test_a_membership_that_is_damaged_is_reported(program: Program, content: bytes | None) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    before = Path("output/segbatch.duckdb").read_bytes()
    [part] = Path("output").rglob("part-*.parquet")
    part.unlink()
    if content is not None:
        part.write_bytes(content)
    outcome = program("relink")
    assert (outcome.status, outcome.err) == (1, f"error: {part}: is missing or damaged; {AGAIN}\n")
    assert Path("output/segbatch.duckdb").read_bytes() == before


@pytest.mark.parametrize("name", ["current", "manifest.json", "part-00000.parquet"])
def test_relink_names_a_file_that_it_cannot_read(program: Program, name: str) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    [path] = Path("output").rglob(name)
    lock(str(path))
    outcome = program("relink")
    assert (outcome.status, outcome.err) == (1, f"error: {path}: cannot be read: Permission denied\n")


def test_relink_does_not_speak_of_publishing(program: Program) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    lock("output")
    Path("output").chmod(0o555)
    try:
        outcome = program("relink")
    finally:
        Path("output").chmod(0o700)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("error: output: cannot be written: ")
    assert outcome.err.endswith("; the tables are as they were\n")


def damage(path: Path, content: bytes | None) -> None:
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("content", [b"{}", b"", None], ids=["other", "empty", "a folder"])
def test_a_damaged_older_run_does_not_matter(program: Program, content: bytes | None) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    [old] = Path("output/runs").glob("*/manifest.json")
    assert program(*RUN).status == 0
    damage(old, content)
    assert program(*RUN).status == 0
    assert program("relink").status == 0
    assert program("query", "SELECT count(*) AS runs FROM runs").out.split() == ["runs", "3"]


@pytest.mark.parametrize("name", ["manifest.json", "history.json", "state.arrow"])
@pytest.mark.parametrize("content", [b"{}", b"", None], ids=["other", "empty", "a folder"])
def test_a_damaged_last_run_is_reported_and_kept(program: Program, content: bytes | None, name: str) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    [path] = Path("output/runs").glob(f"*/{name}")
    damage(path, content)
    outcome = program(*RUN)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(f"error: {path}: ")
    again = "first run the snapshot of that run again with --run-id 2"
    remedy = again if name == "state.arrow" else "publish into another folder (--output)"
    fault = "cannot be read: Is a directory" if content is None and name == "state.arrow" else "damaged"
    assert f"{fault}; restore it, or {remedy}" in outcome.err
    assert program("query", "SELECT count(*) AS runs FROM runs").out.split() == ["runs", "1"]


def test_an_output_that_may_not_be_read_is_reported(program: Program) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    lock("output/segbatch.duckdb")
    program.refuses_to_answer("output/segbatch.duckdb: cannot be read: Permission denied")
    lock("output")
    try:
        program.refuses_to_answer("output/segbatch.duckdb: cannot be read: Permission denied")
    finally:
        Path("output").chmod(0o700)


def test_invalid_tables_are_reported(program: Program) -> None:
    program.refuses_to_answer(f"output/segbatch.duckdb: no such file; {NOT_PUBLISHED}")
    Path("output").mkdir()
    place = Path("output/segbatch.duckdb")
    place.symlink_to("nowhere")
    program.refuses_to_answer(f"output/segbatch.duckdb: is a link that leads nowhere; {NOT_PUBLISHED}")
    place.unlink()
    os.mkfifo(place)
    program.refuses_to_answer("output/segbatch.duckdb: is not a file; remove it and rebuild it with segbatch relink")
    place.unlink()
    place.write_bytes(b"x" * 5000)
    outcome = program("query", "SELECT 1")
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith("error: output/segbatch.duckdb: cannot be opened: IO Error: ")
    assert outcome.err.endswith("; rebuild it with segbatch relink\n")


@pytest.mark.parametrize("sql", ["", ";", " ;; ", " -- FROM segments", "/* all */"])
def test_an_invalid_statement_is_reported(program: Program, sql: str) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    program.refuses_to_answer('the statement is empty; write one, such as "FROM segments"', sql)


def test_several_statements_are_one_too_many(program: Program) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    program.refuses_to_answer("only one statement can be run at a time; found 2", "SELECT 1; SELECT ';'")


ONLY_READS = (
    "segbatch query only reads: use SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, PIVOT or EXPLAIN; "
    "run other statements in DuckDB itself"
)


WRITES = [
    ("copy runs to 'x.csv'", "COPY statements are not allowed"),
    ("EXPLAIN ANALYZE COPY runs TO 'x.csv'", "COPY statements are not allowed"),
    ("/* a database */ ATTACH 'x.db'", "ATTACH statements are not allowed"),
    ("PRAGMA version", "PRAGMA statements are not allowed"),
    ("INSTALL httpfs", "INSTALL statements are not allowed"),
    ("UPDATE EXTENSIONS", "UPDATE statements are not allowed"),
    ("WITH a AS (COPY runs TO 'x.csv') FROM a", "the statement writes (COPY), which is not allowed"),
    ("FROM checkpoint()", "the statement writes (CHECKPOINT), which is not allowed"),
]


def test_a_statement_that_writes_is_refused(program: Program) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    for sql, what in WRITES:
        program.refuses_to_answer(f"{what}; {ONLY_READS}", sql)
    message = f'a PIVOT with COPY is not allowed; {ONLY_READS}. Quote a column of this name: "copy"'
    program.refuses_to_answer(message, "PIVOT (SELECT 1 AS copy) ON copy")


def test_an_error_of_duckdb_keeps_its_lines_and_nothing_else(program: Program) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    outcome = program("query", "FORM segments -- [red]\x1b[31m\u202e")
    assert outcome.err.splitlines() == [
        'error: Parser Error: syntax error at or near "FORM"',
        "",
        r"LINE 1: FORM segments -- [red]\x1b[31m\u202e",
        "        ^^^^",
    ]
    assert (outcome.status, outcome.out) == (2, "")


def test_a_statement_that_is_not_text_is_reported(program: Program) -> None:
    write(GOOD)
    assert program(*RUN).status == 0
    program.refuses_to_answer("the statement has bytes that are not UTF-8", os.fsdecode(b"SELECT '\xff'"))


FULL = "the output cannot be written: No space left on device"
COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "check": (("check",), FULL),
    "check as JSON": (("check", "--json"), FULL),
    "run": (RUN, f"the run is published, but {FULL}"),
    "run as JSON": ((*RUN, "--json"), f"the run is published, but {FULL}"),
    "query": (("query", "FROM segments"), FULL),
    "relink": (("relink",), FULL),
    "runs": (("runs",), FULL),
    "runs show": (("runs", "show"), FULL),
    "runs prune": (("runs", "prune", "--keep", "2"), FULL),
    "diff": (("diff", "last", "last"), FULL),
    "verify": (("verify",), FULL),
    "help": (("--help",), FULL),
    "help of a command": (("run", "--help"), FULL),
    "version": (("--version",), FULL),
}


@pytest.mark.parametrize(("command", "message"), COMMANDS.values(), ids=list(COMMANDS))
def test_an_answer_that_cannot_be_written_is_reported(program: Program, command: tuple[str, ...], message: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no full device")
    write(GOOD)
    assert program(*RUN).status == 0
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        words = [sys.executable, "-m", "segbatch", *command]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False)
    is_published = command[0] == "run" and "--help" not in command
    expected = (0, f"warning: {message}\n") if is_published else (1, f"error: {message}\n")
    assert (done.returncode, done.stderr) == expected


def test_a_folder_that_a_failed_run_found_empty_stays(program: Program) -> None:
    write(GOOD | {SNAPSHOT: contacts(id=["ann", "ann"])})
    Path("a/b").mkdir(parents=True)
    assert program(*RUN, "--output", "a/b/c/d").status == 1
    assert [str(path) for path in Path("a").rglob("*")] == ["a/b"]
    shutil.rmtree("a")
