"""The command line, with definitions and a snapshot in a folder of its own."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders import rule, write_contacts, write_segment
from segbatch.interfaces import cli

RUN = ("run", "--contacts", "contacts.parquet")


@dataclass(frozen=True, slots=True)
class Ended:
    """The output and the exit status of a command."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.err.splitlines()]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


Program = Callable[..., Ended]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Program:
    """The program in a folder with a snapshot of four contacts and a segment, called for a JSON log."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGBATCH_LOG_FORMAT", "json")
    monkeypatch.delenv("SEGBATCH_LOG_IDS")
    for name in ("FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new", None, "active"], "cf": [{"plan": "x"}] * 4})
    write_segment(Path("segments"), "active", rule("status", "eq", "active"))

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["segbatch", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return Ended(int(end.value.code or 0), out, err)

    return call
