"""Standard input and output that are closed, full, or not read to the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment

pytestmark = pytest.mark.slow

PROGRAM = f"{sys.executable} -m segbatch"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active"]})
    write_segment(Path("segments"), "active", rule("status", "eq", "active"))


def shell(command: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # it hides errors
    ended = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("command", ["preview - --contacts contacts.parquet", "segments create -"])
def test_a_closed_stdin_is_reported(command: str) -> None:
    message = "error: stdin is closed; send a definition to it, or pass a file\n"
    assert shell(f"{PROGRAM} {command} <&-") == (2, "", message)


def test_no_confirmation_is_requested_if_stdin_is_closed() -> None:
    message = "error: not a terminal: pass --yes to confirm the deletion\n"
    assert shell(f"{PROGRAM} segments delete active <&-") == (2, "", message)


@pytest.mark.parametrize("command", ["sql active --contacts contacts.parquet", "run --contacts contacts.parquet"])
def test_a_closed_stdout_is_an_error_before_a_command_starts(command: str) -> None:
    message = "error: stdout is closed, so no result can be printed; redirect it to a file or to /dev/null\n"
    assert shell(f"{PROGRAM} {command} >&-") == (1, "", message)
    assert not Path("output").exists()


@pytest.mark.parametrize(
    "command", ["check", "lint --list", "sql active --contacts contacts.parquet", "run --contacts contacts.parquet"]
)
def test_a_closed_pipe_ends_a_command_without_a_message(command: str) -> None:
    assert shell(f"{PROGRAM} {command} | true; echo ${{PIPESTATUS[0]}}") == (0, "141\n", "")


NOBODY = "2>&1 >answer | true; exit ${PIPESTATUS[0]}"
UNTOLD = {
    "published": ("run --contacts contacts.parquet --log-format json", 0),
    "published, with a warning": ("run --contacts contacts.parquet --log-format plain --as-of 2099-01-01", 0),
    "no snapshot": ("run --contacts none.parquet --log-format json", 1),
    "no snapshot, for people": ("run --contacts none.parquet --log-format plain", 1),
    "wrong usage": ("run --nope", 2),
    "no definitions": ("check --segments nowhere", 2),
    "wrong settings": ("check --config none.toml", 2),
}


@pytest.mark.parametrize("where", ["2>/dev/full", NOBODY], ids=["full disk", "pipe without a reader"])
@pytest.mark.parametrize(("command", "status"), UNTOLD.values(), ids=list(UNTOLD))
def test_messages_that_cannot_be_written_do_not_change_the_exit_status(command: str, status: int, where: str) -> None:
    ended, _, err = shell(f"{PROGRAM} {command} {where}")
    assert (ended, err) == (status, "")
    assert Path("output/current").exists() == (status == 0)


def test_output_that_cannot_be_written_is_an_error() -> None:
    assert shell(f"{PROGRAM} lint --list >/dev/full 2>/dev/full") == (1, "", "")


def test_the_traceback_of_an_internal_error_is_written_immediately() -> None:
    fault = (
        "import segbatch.interfaces.cli as cli; cli.main = lambda: 1 / 0; import segbatch.__main__ as own; own.main()"
    )
    ended, _, err = shell(f"{sys.executable} -c '{fault}'")
    assert (ended, err.splitlines()[-1]) == (1, "ZeroDivisionError: division by zero")
