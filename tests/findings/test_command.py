"""`segbatch lint`, as people and CI use it."""

import json
import sys
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment
from segbatch.findings.finding import NAMES
from segbatch.interfaces import cli


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", "new"]})
    write_segment(tmp_path / "segments", "it", rule("status", "eq", "active"))
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["segbatch", "lint", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_nothing_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--contacts", "contacts.parquet") == 0
    assert capsys.readouterr() == ("1 segment linted: 0 findings\n", "")


def test_something_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_segment(Path("segments"), "it", rule("status", "exists", 1))
    assert call(monkeypatch) == 3
    expected = "warning: segments/it.json: $.rules[0].value: 'exists' takes no value; remove 1 (unused-value)\n"
    assert capsys.readouterr() == ("1 segment linted: 1 finding\n", expected)
    assert call(monkeypatch, "--ignore", "unused-value", "--ignore", "never-holds") == 0


def test_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_segment(Path("segments"), "it", rule("status", "exists", 1))
    assert call(monkeypatch, "--json") == 3
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "segments": 1,
        "problems": [],
        "findings": [
            {
                "name": "unused-value",
                "severity": "warning",
                "segment_id": "it",
                "file": "segments/it.json",
                "line": None,
                "path": "$.rules[0].value",
                "message": "'exists' takes no value; remove 1",
            }
        ],
    }


def test_errors_are_reported_next_to_findings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(Path("segments"), "bad", rule("status", "equals", 1))
    write_segment(Path("segments"), "gone", rule("nowhere", "eq", 1))
    write_segment(Path("segments"), "odd", rule("status", "eq", "Active"))
    assert call(monkeypatch, "--contacts", "contacts.parquet") == 2
    out, err = capsys.readouterr()
    assert out == "4 segments linted: 2 errors, 1 finding\n"
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "error", "warning"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["--ignore", "never-hold"],
            2,
            "there is no finding 'never-hold'; did you mean 'never-holds'? (--lint-ignore)",
        ),
        (
            ["--lint-ignore", "xyz"],
            2,
            "there is no finding 'xyz'; 'segbatch lint --list' shows them all (--lint-ignore)",
        ),
        (["--segments", "nowhere"], 2, "nowhere: no such file or folder"),
        (["--contacts", "nowhere.parquet"], 1, "nowhere.parquet"),
        (["--as-of", "noon"], 2, "(--as-of)"),
    ],
)
def test_invalid_options_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    assert call(monkeypatch, *arguments) == status
    assert message in capsys.readouterr().err


def test_the_names_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(NAMES)
    assert call(monkeypatch, "--list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == NAMES
