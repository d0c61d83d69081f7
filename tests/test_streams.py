"""Standard input and output that are closed, or that nobody reads to its end."""

import subprocess
import sys
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment

PROGRAM = f"{sys.executable} -m segbatch"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active"]})
    write_segment(Path("segments"), "active", rule("status", "eq", "active"))


def shell(command: str) -> tuple[int, str, str]:
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("command", ["preview - --contacts contacts.parquet", "segments create -"])
def test_a_closed_stdin_is_told(command: str) -> None:
    message = "error: stdin is closed; send a definition there, or name a file\n"
    assert shell(f"{PROGRAM} {command} <&-") == (2, "", message)


def test_nobody_is_asked_over_a_closed_stdin() -> None:
    message = "error: nobody can be asked here whether to delete the segment; say --yes\n"
    assert shell(f"{PROGRAM} segments delete active <&-") == (2, "", message)


@pytest.mark.parametrize("command", ["sql active --contacts contacts.parquet", "run --contacts contacts.parquet"])
def test_a_closed_stdout_is_an_error_before_anything_is_done(command: str) -> None:
    message = "error: stdout is closed, so that nothing can be answered; send it to a file or to /dev/null\n"
    assert shell(f"{PROGRAM} {command} >&-") == (1, "", message)
    assert not Path("output").exists()


@pytest.mark.parametrize(
    "command", ["check", "lint --list", "sql active --contacts contacts.parquet", "run --contacts contacts.parquet"]
)
def test_who_stops_reading_ends_a_command_without_a_word(command: str) -> None:
    assert shell(f"{PROGRAM} {command} | true; echo ${{PIPESTATUS[0]}}") == (0, "141\n", "")
