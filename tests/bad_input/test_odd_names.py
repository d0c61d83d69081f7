"""Names and texts with control characters: each message stays one line of plain characters."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import GOOD, SNAPSHOT, write
from .making import A_SEGMENT, ABSENT, AN_ID, SEGMENT_KEYS, contacts, rule, segment

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from .conftest import Program

EVIL = "a\n\x1b[31mb\u202ec"
"""A line break, a colour, and what turns the direction of writing round."""

EVIL_SHOWN = r"a\n\x1b[31mb\u202ec"
PRINTED = {
    EVIL: EVIL_SHOWN,
    "a\r\nb": r"a\r\nb",
    "a\x07b": r"a\x07b",
    "a\x85b": r"a\x85b",
    "a\u2028b": r"a\u2028b",
    "a\u200bb": r"a\u200bb",
    ":warning:": ":warning:",
    "[red]a[/red]": "[red]a[/red]",
    "[link=file:a]b": "[link=file:a]b",
}


@pytest.mark.parametrize(("name", "shown"), PRINTED.items(), ids=list(PRINTED.values()))
def test_an_id_is_printed_in_one_line(program: Program, name: str, shown: str) -> None:
    write(GOOD | {"segments/bad.json": segment(id=name)})
    message = f"error: segments/bad.json: segment '{shown}': $.id: '{shown}' cannot be an id; {AN_ID}\n"
    assert program("check").err == message
    outcome = program("run", "--contacts", SNAPSHOT)
    assert (outcome.status, outcome.err) == (3, message)
    assert shown in outcome.out
    assert name == shown or name not in outcome.out


@pytest.mark.parametrize(
    ("name", "shown"),
    [(name, shown) for name, shown in PRINTED.items() if "/" not in name],
    ids=[shown for name, shown in PRINTED.items() if "/" not in name],
)
def test_a_file_name_is_printed_in_one_line(program: Program, name: str, shown: str) -> None:
    write({f"segments/{name}.json": segment()})
    outcome = program("check")
    assert outcome.err == f"error: segments/{shown}.json: $.id: '{shown}' cannot be an id; {AN_ID}\n"


PATHS = {
    "segments": (("check", "--segments"), 2, "no such file or folder; check the path of the definitions (--segments)"),
    "contacts": (("run", "--contacts"), 1, "matches no file; check the path of the export"),
}


@pytest.mark.parametrize(("command", "status", "message"), PATHS.values(), ids=list(PATHS))
def test_a_path_is_printed_in_one_line(program: Program, command: tuple[str, ...], status: int, message: str) -> None:
    write(GOOD)
    program.refuses(status, [f"{EVIL_SHOWN}:warning:: {message}"], *command, f"{EVIL}:warning:")


def test_columns_and_values_are_printed_in_one_line(program: Program) -> None:
    write({SNAPSHOT: contacts(age=[1, 2], **{EVIL: [1, 2]})})
    write({"segments/bad.json": segment(rule(field=f"{EVIL}!!!!!!!!!!"), rule(field="age", value=f"{EVIL}:x:"))})
    where = "segments/bad.json: $.rules"
    has = f"it has id, status, age, {EVIL_SHOWN}"
    program.finds(
        [
            f"{where}[0].field: the snapshot has no column '{EVIL_SHOWN}!!!!!!!!!!'; {has}",
            f"{where}[1].value: '{EVIL_SHOWN}:x:' cannot be compared with 'age' (whole number): write a number",
        ],
        *("--contacts", SNAPSHOT),
    )


def test_an_answer_is_printed_as_it_is_but_harmless(program: Program) -> None:
    write(GOOD)
    assert program("run", "--contacts", SNAPSHOT).status == 0
    outcome = program("query", """SELECT ':warning:' AS ":x:", 'a\x1b[31mb' AS "[red]y" """)
    assert [line.split() for line in outcome.out.splitlines()] == [[":x:", "[red]y"], [":warning:", r"a\x1b[31mb"]]


ASCII = {
    "check": (("check",), 2, rf"segments/gr\xf6\xdfe.json: $.id: 'gr\xf6\xdfe' cannot be an id; {AN_ID}"),
    "run": (("run", "--contacts", "contäcts.parquet"), 1, r"cont\xe4cts.parquet: no such file; did you mean 'contacts"),
}


@pytest.mark.parametrize(("arguments", "status", "message"), ASCII.values(), ids=list(ASCII))
def test_a_terminal_without_umlauts_does_not_stop_a_command(
    program: Program, arguments: tuple[str, ...], status: int, message: str
) -> None:
    assert program
    write({"segments/größe.json": segment()})
    done = _shell(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)
    assert done.stderr.startswith(f"error: {message}")


def test_a_run_whose_folders_the_terminal_cannot_show_is_published(program: Program) -> None:
    write(GOOD | {"kön/c.parquet": contacts()})
    done = _shell("run", "--contacts", "kön", "--output", "süd")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("duckdb -readonly $'s\\xc3\\xbcd/segbatch.duckdb'\n")
    assert program("query", "FROM membership", "--output", "süd").status == 0


def _shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segbatch", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    return subprocess.run(command, capture_output=True, encoding="ascii", check=False, timeout=60, env=environment)


@pytest.fixture
def not_unicode(program: Program) -> Path:
    """A file name that is not text."""
    assert program
    path = Path(os.fsdecode(b"segments/b\xff.json"))
    path.parent.mkdir()
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system has no such names")
    return path


def test_a_file_whose_name_is_not_text_is_read_where_it_has_an_id(program: Program, not_unicode: Path) -> None:
    write({str(not_unicode): segment(id="mine")})
    outcome = program("check")
    assert (outcome.status, outcome.err) == (0, "")
    outcome = program("run", "--contacts", SNAPSHOT)
    assert (outcome.status, outcome.err) == (0, "")


NO_ID: dict[str, tuple[Any, str]] = {
    "good": (segment(id=ABSENT), rf": $.id: 'b\xff' cannot be an id; {AN_ID}"),
    "bad": (segment(name=5), r": $.name: 'name' must be a text; found 5"),
    "no JSON": ("", f": the file is empty; {A_SEGMENT.replace('an object', 'a JSON object')}"),
    "a list": (
        [5],
        (
            ": $: [5] is a list without a segment in it; move the file, "
            "or exclude it with 'exclude' in segbatch.toml or --exclude"
        ),
    ),
}


@pytest.mark.parametrize(("content", "message"), NO_ID.values(), ids=list(NO_ID))
def test_a_file_whose_name_is_not_text_does_not_affect_others(
    program: Program, not_unicode: Path, content: object, message: str
) -> None:
    write({str(not_unicode): content})
    messages = [rf"segments/b\xff.json{message}"]
    if content == segment(name=5):
        messages.insert(0, rf"segments/b\xff.json: $.id: 'b\xff' cannot be an id; {AN_ID}")
    program.finds(messages)
    program.fails_alone(messages)


@pytest.mark.parametrize("name", [b"c\xff.parquet", b"in\xff", b"in\xff/*.parquet"])
def test_a_snapshot_whose_name_is_not_text_is_read(program: Program, not_unicode: Path, name: bytes) -> None:
    not_unicode.unlink()
    write(GOOD | {os.fsdecode(b"c\xff.parquet"): contacts(), os.fsdecode(b"in\xff/c.parquet"): contacts()})
    outcome = program("run", "--contacts", os.fsdecode(name), "--json")
    assert (outcome.status, outcome.err) == (0, "")
    [manifest] = Path("output/runs").glob("*/manifest.json")
    assert (
        rf"{name.split(b'/')[0].decode(errors='backslashreplace')}"
        in json.loads(manifest.read_text())["snapshot"][0]["path"]
    )


def test_a_snapshot_whose_name_is_not_text_is_named_where_it_is_wrong(program: Program, not_unicode: Path) -> None:
    not_unicode.unlink()
    write(GOOD | {os.fsdecode(b"c\xff.parquet"): b"x"})
    message = r"c\xff.parquet: is not Parquet, is truncated, or is damaged; export it again"
    program.refuses(1, [message], "run", "--contacts", os.fsdecode(b"c\xff.parquet"))


@pytest.mark.parametrize("command", [("run", "--contacts", SNAPSHOT), ("relink",), ("query", "SELECT 1")], ids=str)
def test_an_output_whose_name_is_not_text_is_refused(
    program: Program, not_unicode: Path, command: tuple[str, ...]
) -> None:
    not_unicode.unlink()
    write(GOOD)
    assert program("run", "--contacts", SNAPSHOT).status == 0
    shutil.move("output", os.fsdecode(b"o\xff"))
    before = everything()
    outcome = program(*command, "--output", os.fsdecode(b"o\xff"))
    problem = "has bytes in its path that are not UTF-8, so DuckDB cannot open files in it"
    assert outcome.err == rf"error: o\xff: {problem}; publish elsewhere (--output)" + "\n"
    assert (outcome.status, outcome.out) == (2, "")
    assert everything() == before


@pytest.mark.parametrize("name", ["a?b", "a\\b"])
@pytest.mark.parametrize("command", [("run", "--contacts", SNAPSHOT), ("relink",), ("query", "SELECT 1")], ids=str)
def test_an_output_whose_name_duckdb_takes_for_another_is_refused(
    program: Program, name: str, command: tuple[str, ...]
) -> None:
    write(GOOD)
    assert program("run", "--contacts", SNAPSHOT).status == 0
    shutil.move("output", name)
    before = everything()
    outcome = program(*command, "--output", name)
    problem = f"has a {name[1]} in its path, so DuckDB cannot open files in it; publish elsewhere (--output)"
    assert (outcome.status, outcome.out, outcome.err) == (2, "", f"error: {name}: {problem}\n")
    assert everything() == before


def everything() -> list[Path]:
    return sorted(Path().rglob("*"))


LONG = "x" * 5_000
CUT = "x" * 99 + "…"
CUT_KEY = "x" * 99 + r"\u2026"
LONG_NAMES: dict[str, tuple[Any, str]] = {
    "id": (
        segment(id=LONG),
        f"segments/bad.json: segment '{CUT}': $.id: '{'x' * 58}… cannot be an id; {AN_ID}",
    ),
    "key": (
        segment(**{LONG: 1}),
        f'segments/bad.json: $["{CUT_KEY}"]: \'{"x" * 58}… is not a key of a segment; its keys are {SEGMENT_KEYS}',
    ),
    "field": (
        segment(rule(field=LONG)),
        f"segments/bad.json: $.rules[0].field: the snapshot has no column '{CUT}'; it has id, status, {'y' * 99}…",
    ),
    "field, nearly": (
        segment(rule(field="y" * 4_999)),
        f"segments/bad.json: $.rules[0].field: the snapshot has no column '{'y' * 99}…'; did you mean '{'y' * 99}…'?",
    ),
}


@pytest.mark.parametrize(("definition", "message"), LONG_NAMES.values(), ids=list(LONG_NAMES))
def test_a_long_name_is_cut(program: Program, definition: object, message: str) -> None:
    write({"segments/bad.json": definition, SNAPSHOT: contacts(**{"y" * 5_000: [1, 2]})})
    program.finds([message], "--contacts", SNAPSHOT)


def test_a_long_name_of_an_option_is_cut(program: Program) -> None:
    write({"segments/a.json": segment(project_id="p")})
    program.refuses(2, [f"no segment belongs to project '{CUT}' (--project)"], "check", "--project", LONG)
    message = f"the snapshot has no id column '{CUT}'; it has id, status (--id-column NAME)"
    program.refuses(1, [message], "check", "--contacts", SNAPSHOT, "--id-column", LONG)


def test_a_value_inside_a_list_is_escaped_as_all_else(program: Program) -> None:
    write({"segments/bad.json": segment(rule(value=[EVIL, "\\u001b"]))})
    problem = "a value is a text, a number, true or false; found"
    hint = "for a list, use 'in'"
    program.finds([rf'segments/bad.json: $.rules[0].value: {problem} ["{EVIL_SHOWN}", "\\u001b"]; {hint}'])
