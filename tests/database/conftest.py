"""A SQLite file with contacts and orders, and segments over them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from builders import rule, write_segment
from calling import Commands

Execute = Callable[..., None]


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Execute a statement in the file, once for each row of values."""

    def run(statement: str, *rows: tuple[object, ...]) -> None:
        with closing(sqlite3.connect(tmp_path / "crm.db")) as connection, connection:
            if rows:
                connection.executemany(statement, rows)
            else:
                connection.execute(statement)

    return run


@pytest.fixture
def crm(tmp_path: Path, execute: Execute, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the file. The working directory is its folder."""
    monkeypatch.chdir(tmp_path)
    execute("CREATE TABLE contacts (id INTEGER, status TEXT, custom_fields TEXT)")
    people = [(1, "active", '{"plan": "pro"}'), (2, "active", '{"plan": "free"}'), (3, "left", None)]
    execute("INSERT INTO contacts VALUES (?, ?, ?)", *people)
    execute('CREATE TABLE "order" (contact_id INTEGER, state TEXT)')
    execute('INSERT INTO "order" VALUES (?, ?)', (1, "paid"), (1, "paid"), (2, "open"))
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"))
    write_segment(tmp_path / "segments", "pro", rule("custom_fields.plan", "eq", "pro"))
    return f"sqlite:///{tmp_path}/crm.db"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Calls of the program in this process."""
    return Commands(monkeypatch, capsys)
