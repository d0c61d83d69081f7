"""Tables on a narrow terminal: no number is cut, no id is broken if it fits, and no column vanishes without a sign."""

import re
from pathlib import Path

import pytest

from builders import rule, write_contacts, write_segment
from calling import Commands
from segbatch.interfaces.cli.render.query import print_answer
from segbatch.runs.query import Answer

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    write_segment(Path("segments"), "active-customers-of-2025", rule("status", "eq", "active"))
    write_contacts(Path("contacts.parquet"), {"status": ["active"] * 12_345, "id": list(range(12_345))})
    return Commands(monkeypatch, capsys)


def lines(call: Commands) -> list[str]:
    return [line.rstrip() for line in COLOURS.sub("", call.out).splitlines()]


def test_runs_are_listed_as_records(call: Commands) -> None:
    for run_id in ("20261129T080333Z-dc84be", "20261130T080333Z-dc84be"):
        assert call("run", "--contacts", "contacts.parquet", "--run-id", run_id) == 0
    assert call("runs", "list") == 0
    shown = lines(call)
    assert shown[0] == "run          20261130T080333Z-dc84be"
    assert re.fullmatch(r"as of        \d{4}-\d\d-\d\d \d\d:\d\d", shown[1])
    assert shown[2:8] == [
        "segments     1 ok",
        "contacts     12,345",
        "memberships  12,345",
        "changes      0",
        "kept         yes",
        "",
    ]
    assert shown[8] == "run          20261129T080333Z-dc84be"


def test_a_query_with_many_columns_is_printed_as_records(call: Commands) -> None:
    assert call("run", "--contacts", "contacts.parquet") == 0
    assert call("query", "SELECT segment_id, name, member_count, status, project_id FROM segments") == 0
    assert lines(call) == [
        "segment_id    active-customers-of-2025",
        "name          Active-Customers-Of-2025",
        "member_count  12345",
        "status        ok",
        "project_id",
    ]


def test_a_query_without_rows_shows_its_columns(call: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    print_answer(Answer(("a" * 15, "b" * 15, "c" * 15), (), complete=True), as_json=False)
    call.out = capsys.readouterr().out
    assert lines(call) == ["a" * 15, "b" * 15, "c" * 15]


def test_listed_segments_name_the_columns_that_are_left_out(call: Commands) -> None:
    assert call("segments", "list") == 0
    assert lines(call)[:3] == [
        "segment                   status",
        "active-customers-of-2025  -",
        "not shown on this narrow terminal: name, project, members; --json prints them",
    ]


def test_a_funnel_keeps_its_numbers(call: Commands) -> None:
    assert call("explain", "active-customers-of-2025", "--contacts", "contacts.parquet") == 0
    header, row, hidden, _ = lines(call)
    assert header.split() == ["rule", "keeps", "left"]
    assert row.split()[-2:] == ["12,345", "12,345"]
    assert hidden == "not shown on this narrow terminal: share; --json prints them"


def test_settings_leave_out_their_origins(call: Commands) -> None:
    assert call("config", "show") == 0
    assert lines(call)[0].split() == ["setting", "value"]
    assert "not shown on this narrow terminal: from; --json prints them" in lines(call)
