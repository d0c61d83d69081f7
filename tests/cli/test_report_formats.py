"""Formats of `check` and `lint` for CI systems, and the hook for pre-commit."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from segbatch.errors import Problem
from segbatch.interfaces import cli
from segbatch.interfaces.cli.render.problem_formats import as_sarif, github_lines

ROOT = Path(__file__).parents[2]
BROKEN = """{
  "id": "vip", "name": "VIP",
  "rules": [
    { "field": "plan", "operator": "equals", "value": "vip" },
    { "field": "plan", "operator": "eq" }
  ]
}
"""
ODD = """{
  "name": "Odd",
  "rules": [
    { "field": "plan", "operator": "exists", "value": 1 }
  ]
}
"""
NEAR = "'equals' is not an operator; did you mean 'eq'?"
NEEDED = "'eq' needs a 'value'; to find contacts without a value, use 'empty' or 'exists'"
UNUSED = "'exists' takes no value; remove 1 (unused-value)"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "vip, gold.json").write_text(BROKEN)
    (tmp_path / "segments" / "odd.json").write_text(ODD)
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["segbatch", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_text_has_the_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "check", "--format", "text") == 2
    out, err = capsys.readouterr()
    assert out == "2 segments checked: 2 errors, 1 warning\n"
    assert err.splitlines() == [
        f"error: segments/vip, gold.json:4: segment 'vip': $.rules[0].operator: {NEAR}",
        f"error: segments/vip, gold.json:5: segment 'vip': $.rules[1].value: {NEEDED}",
        f"warning: segments/odd.json:4: $.rules[0].value: {UNUSED}",
    ]


@pytest.mark.parametrize("format_", [["--format", "json"], ["--json"], ["--json", "--format", "json"]])
def test_json_has_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], format_: list[str]
) -> None:
    assert call(monkeypatch, "check", *format_) == 2
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    assert report["problems"][0] == {
        "severity": "error",
        "segment_id": "vip",
        "file": "segments/vip, gold.json",
        "line": 4,
        "path": "$.rules[0].operator",
        "message": NEAR,
    }


def test_github_gets_annotations(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "check", "--format", "github") == 2
    out, err = capsys.readouterr()
    assert err == ""
    vip, title = "file=segments/vip%2C gold.json", "title=segbatch%3A"
    assert out.splitlines() == [
        f"::error {vip},line=4,{title} error::segment 'vip': $.rules[0].operator: {NEAR}",
        f"::error {vip},line=5,{title} error::segment 'vip': $.rules[1].value: {NEEDED}",
        f"::warning file=segments/odd.json,line=4,{title} unused-value::segment 'odd': $.rules[0].value: {UNUSED}",
    ]


def test_annotations_are_one_line_each_and_relative_to_the_working_folder(here: Path) -> None:
    problem = Problem("100 % of\r\nthem", file=str(here / "a:b.json"), severity="note")
    assert list(github_lines([problem, Problem("no file", severity="warning")])) == [
        "::notice file=a%3Ab.json,line=1,title=segbatch%3A note::100 %25 of%0D%0Athem",
        "::warning title=segbatch%3A warning::no file",
    ]
    [line] = github_lines([Problem("elsewhere", file="/else/where.json")])
    assert line == "::error file=/else/where.json,line=1,title=segbatch%3A error::elsewhere"


def test_a_problem_in_a_file_of_one_line_is_in_line_1_of_an_annotation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    (here / "one.json").write_text('{"id": "one", "name": "One", "rules": [{"field": "plan", "operator": "equals"}]}')
    assert call(monkeypatch, "check", "--segments", "one.json", "--format", "github") == 2
    assert capsys.readouterr().out.startswith("::error file=one.json,line=1,title=segbatch%3A error::segment 'one': ")


@pytest.mark.parametrize("command", ["check", "lint"])
def test_sarif_is_a_log_of_version_2_1_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert call(monkeypatch, command, "--format", "sarif") == 2
    out, err = capsys.readouterr()
    assert err == ""
    log = json.loads(out)
    ensure_sarif(log)
    [run] = log["runs"]
    found = {
        (result["ruleId"], result["level"], place["artifactLocation"]["uri"], place["region"]["startLine"])
        for result in run["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    }
    assert found == {
        ("definition", "error", "segments/vip%2C%20gold.json", 4),
        ("definition", "error", "segments/vip%2C%20gold.json", 5),
        ("unused-value", "warning", "segments/odd.json", 4),
    }


def test_sarif_without_problems_or_places_is_valid() -> None:
    ensure_sarif(as_sarif([]))
    log = as_sarif([Problem("no place"), Problem("a file", file="a.json", severity="note")])
    ensure_sarif(log)
    assert "locations" not in log["runs"][0]["results"][0]
    assert "logicalLocations" not in log["runs"][0]["results"][1]["locations"][0]


def ensure_sarif(log: dict[str, Any]) -> None:
    """Check the keys that the schema of SARIF 2.1.0 requires, and the types and values of those that are written."""
    assert log["version"] == "2.1.0"
    assert re.fullmatch(r"https://.*sarif.*2\.1\.0\.json", log["$schema"])
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        assert isinstance(driver["name"], str)
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(set(ids)) == len(ids)
        assert all(isinstance(rule["shortDescription"]["text"], str) for rule in driver["rules"])
        for result in run["results"]:
            assert isinstance(result["message"]["text"], str)
            assert result["level"] in {"none", "note", "warning", "error"}
            assert ids[result["ruleIndex"]] == result["ruleId"]
            for location in result.get("locations", ()):
                assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", location["physicalLocation"]["artifactLocation"]["uri"])
                assert location["physicalLocation"]["region"]["startLine"] >= 1


def test_lint_prints_findings_for_github(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (Path("segments") / "vip, gold.json").unlink()
    assert call(monkeypatch, "lint", "--format", "github") == 3
    assert capsys.readouterr().out == (
        "::warning file=segments/odd.json,line=4,title=segbatch%3A unused-value::segment 'odd': $.rules[0].value: "
        f"{UNUSED}\n"
    )


@pytest.mark.parametrize("command", ["check", "lint"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "sarrif"], "'sarrif' is not a format; did you mean 'sarif'? (--format)"),
        (["--format", "xml"], "'xml' is not a format; use text, json, github or sarif (--format)"),
        (["--json", "--format", "github"], "--json and --format github contradict each other; pass one of them"),
    ],
)
def test_a_format_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, options: list[str], message: str
) -> None:
    assert call(monkeypatch, command, *options) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")


def hook() -> dict[str, Any]:
    [found] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return dict(found)


@pytest.mark.parametrize(
    ("file", "is_checked"),
    [
        ("segments/vip.json", True),
        ("team/segments/eu/vip.json", True),
        ("segments.json", False),
        ("mysegments/vip.json", False),
        ("segments/vip.json.txt", False),
    ],
)
def test_the_hook_runs_for_definitions(file: str, *, is_checked: bool) -> None:
    assert bool(re.search(hook()["files"], file)) is is_checked


@pytest.mark.slow
def test_the_entry_of_the_hook_checks_the_folder() -> None:
    entry = hook()
    assert (entry["language"], entry["pass_filenames"]) == ("python", False)
    command = [sys.executable, "-m", *shlex.split(entry["entry"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "2 segments checked: 2 errors, 1 warning\n")
    (Path("segments") / "vip, gold.json").unlink()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
