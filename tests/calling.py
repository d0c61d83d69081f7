"""Calling the program in the process of the tests, with an input of one's own."""

import io
import sys

import pytest

from segbatch.interfaces import cli


class Stdin(io.TextIOWrapper):
    is_terminal = False

    def isatty(self) -> bool:
        return self.is_terminal


class Commands:
    """Calls the program as the shell does, and keeps what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str, typed: str = "") -> int:
        self.monkeypatch.setattr(sys, "argv", ["segbatch", *arguments])
        self.monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(typed.encode())))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        self.out, self.err = self.capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code


def call(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Call the program with arguments, and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["segbatch", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)
