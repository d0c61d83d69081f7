"""The command line in a folder of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from segbatch.interfaces import cli

from .making import contacts, encode, segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GOOD = {"segments/good.json": segment()}
SNAPSHOT = "contacts.parquet"


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Program:
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Outcome:
        """Call the command as the shell does."""
        self.monkeypatch.setattr(sys, "argv", ["segbatch", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        assert isinstance(end.value.code, int)
        return Outcome(end.value.code, out, err)

    def refuses(self, status: int, messages: Sequence[str], *arguments: str) -> None:
        """Call it, and expect these messages alone, and that nothing is published."""
        outcome = self(*arguments)
        assert outcome.err.splitlines() == [f"error: {message}" for message in messages]
        assert (outcome.status, outcome.out) == (status, "")
        assert not list(Path.cwd().rglob("current"))

    def refuses_to_answer(self, message: str, sql: str = "SELECT 1") -> None:
        """Ask the published tables, and expect this message alone."""
        outcome = self("query", sql)
        assert (outcome.status, outcome.out, outcome.err) == (2, "", f"error: {message}\n")

    def finds(self, messages: Sequence[str], *arguments: str) -> None:
        """Check, and expect these errors alone."""
        outcome = self("check", *arguments)
        assert outcome.err.splitlines() == [f"error: {message}" for message in messages]
        assert outcome.status == 2
        assert f" checked: {len(messages)} error{'s' if len(messages) > 1 else ''}, 0 warnings\n" in outcome.out

    def fails_alone(self, messages: Sequence[str], *arguments: str) -> None:
        """Run with a good segment next to the bad ones, and expect it, and it alone, to be published."""
        write(GOOD)
        outcome = self("run", "--contacts", SNAPSHOT, *arguments)
        assert outcome.err.splitlines() == [f"error: {message}" for message in messages]
        assert outcome.status == 3
        with duckdb.connect("output/segbatch.duckdb", read_only=True) as published:
            assert published.sql("FROM membership").fetchall() == [("good", "ann")]
            assert published.sql("SELECT segment_id FROM segments WHERE status = 'ok'").fetchall() == [("good",)]
            errors = published.sql("SELECT error FROM segments WHERE status <> 'ok' ORDER BY segment_id").fetchall()
        assert "\n".join(error for (error,) in errors).splitlines() == list(messages)


def write(files: Mapping[str, Any]) -> None:
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(content))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in an empty folder but for a snapshot, so that its messages name short paths."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    write({SNAPSHOT: contacts()})
    return Program(monkeypatch, capsys)
