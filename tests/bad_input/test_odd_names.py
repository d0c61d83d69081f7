"""Names and texts that a terminal would obey, or cannot show: each message stays one line of plain characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import GOOD, SNAPSHOT, write
from .making import ABSENT, AN_ID, contacts, rule, segment

if TYPE_CHECKING:
    from .conftest import Program

EVIL = "a\n\x1b[31mb\u202ec"
"""A line break, a colour, and what turns the direction of writing round."""

EVIL_SHOWN = r"a\n\x1b[31mb\u202ec"
EVIL_QUOTED = r"a\n\u001b[31mb\u202ec"
"""The same as a value, which is shown as it is written in JSON."""

PRINTED = {
    EVIL: (EVIL_SHOWN, EVIL_QUOTED),
    "a\r\nb": (r"a\r\nb", r"a\r\nb"),
    "a\x07b": (r"a\x07b", r"a\u0007b"),
    "a\x85b": (r"a\x85b", r"a\x85b"),
    "a\u2028b": (r"a\u2028b", r"a\u2028b"),
    "a\u200bb": (r"a\u200bb", r"a\u200bb"),
    ":warning:": (":warning:", ":warning:"),
    "[red]a[/red]": ("[red]a[/red]", "[red]a[/red]"),
    "[link=file:a]b": ("[link=file:a]b", "[link=file:a]b"),
}


@pytest.mark.parametrize(("name", "shown"), PRINTED.items(), ids=[quoted for _, quoted in PRINTED.values()])
def test_an_id_is_printed_in_one_line(program: Program, name: str, shown: tuple[str, str]) -> None:
    write(GOOD | {"segments/bad.json": segment(id=name)})
    plain, quoted = shown
    message = f"error: segments/bad.json: segment '{plain}': $.id: '{quoted}' cannot be an id; {AN_ID}\n"
    assert program("check").err == message
    outcome = program("run", "--contacts", SNAPSHOT)
    assert (outcome.status, outcome.err) == (3, message)
    assert plain in outcome.out
    assert name == plain or name not in outcome.out


@pytest.mark.parametrize(
    ("name", "shown"),
    [(name, shown) for name, shown in PRINTED.items() if "/" not in name],
    ids=[quoted for name, (_, quoted) in PRINTED.items() if "/" not in name],
)
def test_a_file_name_is_printed_in_one_line(program: Program, name: str, shown: tuple[str, str]) -> None:
    write({f"segments/{name}.json": segment()})
    plain, quoted = shown
    outcome = program("check")
    assert outcome.err == f"error: segments/{plain}.json: $.id: '{quoted}' cannot be an id; {AN_ID}\n"


PATHS = {
    "segments": (("check", "--segments"), 2, "no such file or folder; check the path of the definitions (--segments)"),
    "contacts": (("run", "--contacts"), 1, "no such file; check the path of the export"),
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
            f"{where}[1].value: '{EVIL_QUOTED}:x:' cannot be compared with 'age' (number, Int64): write a number",
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
def test_a_terminal_without_umlauts_ends_no_command(
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
    assert done.stdout.endswith("duckdb -readonly s\\xfcd/segbatch.duckdb\n")
    assert program("query", "FROM membership", "--output", "süd").status == 0


def _shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segbatch", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    return subprocess.run(command, capture_output=True, encoding="ascii", check=False, timeout=60, env=environment)


@pytest.fixture
def not_unicode(program: Program) -> Path:
    """A file name that is no text."""
    assert program
    path = Path(os.fsdecode(b"segments/b\xff.json"))
    path.parent.mkdir()
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system has no such names")
    return path


def test_a_file_whose_name_is_no_text_is_read_where_it_has_an_id(program: Program, not_unicode: Path) -> None:
    write({str(not_unicode): segment(id="mine")})
    outcome = program("check")
    assert (outcome.status, outcome.err) == (0, "")
    outcome = program("run", "--contacts", SNAPSHOT)
    assert (outcome.status, outcome.err) == (0, "")


def test_a_file_whose_name_is_no_text_cannot_give_its_segment_an_id(program: Program, not_unicode: Path) -> None:
    write({str(not_unicode): segment(id=ABSENT)})
    outcome = program("check")
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.endswith(f" cannot be an id; {AN_ID}\n")
