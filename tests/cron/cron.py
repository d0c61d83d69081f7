"""A real cron: the one that is running on this computer, or one that is started for the tests."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import pytest

__all__ = ["at_work", "scheduled", "wait_for"]

TABLES = Path("/etc/cron.d")
PATIENCE = 180.0
"""Seconds to wait for a file. Cron starts jobs once a minute; three minutes allow for a busy computer."""


@contextmanager
def at_work() -> Iterator[None]:
    """Run cron, or skip the test if that is not possible."""
    if os.geteuid() != 0:
        pytest.skip("only root can give cron a table in /etc/cron.d")
    program = shutil.which("cron")
    if program is None:
        pytest.skip("there is no cron; `make nightly` installs Debian's")
    running = subprocess.Popen([program, "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()  # this process has already exited if another cron is running
        running.wait(20)


@contextmanager
def scheduled(folder: Path, jobs: dict[str, str]) -> Iterator[None]:
    """Schedule commands to be run by cron once, in the next minute, and record their exit statuses.

    Args:
        folder: The folder in which each job writes its exit status to `NAME.status` and its output to `NAME.mail`.
        jobs: The commands, by name.
    """
    table = TABLES / f"segbatch-test-{os.getpid()}"
    lines = [f"* * * * * root {_once(folder, name, command)}\n" for name, command in jobs.items()]
    aside = folder / "table"
    aside.write_text("".join(lines))
    aside.chmod(0o644)
    shutil.copy(aside, table)
    try:
        yield
    finally:
        table.unlink()


def _once(folder: Path, name: str, command: str) -> str:
    assert "%" not in command
    at = {what: quote(str(folder / f"{name}.{what}")) for what in ("once", "mail", "status")}
    return f"mkdir {at['once']} 2> /dev/null && {{ {command}; echo $? > {at['status']}; }} > {at['mail']} 2>&1"


def wait_for(path: Path) -> str:
    """Wait until a file has a whole line, and return its content."""
    until = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < until, f"{path.name} did not come"
        time.sleep(0.1)
    return path.read_text()
