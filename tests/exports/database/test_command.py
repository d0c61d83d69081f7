"""`segbatch sync` as people and scripts call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from calling import Commands
from database_tables import published_tables, sqlite_tables
from workspace import Workspace

KILLED = Path(__file__).parents[2] / "killed_sync.py"

TABLE = """\
table               added  removed  rows
membership              3        0
membership_changes      2        0
segments                               2
runs                                   2
"""


@pytest.fixture
def call(two: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Call the program next to an output with two runs."""
    monkeypatch.chdir(two.folder)
    return Commands(monkeypatch, capsys)


def test_the_summary_shows_the_rows_that_were_written(two: Workspace, call: Commands) -> None:
    assert (call("sync", "sqlite:///a.db"), call.err) == (0, "")
    assert call.out == f"{TABLE}sqlite:///a.db: run night-1; complete, because the tables are new\n"
    assert (call("sync", "sqlite:///a.db"), call.err) == (0, "")
    assert call.out == "sqlite:///a.db: has run night-1 already; nothing was written\n"
    two.run(1)
    assert call("sync", "sqlite:///a.db") == 0
    assert call.out.splitlines()[-1] == "sqlite:///a.db: run night-1; changes since run night-1, night-1 undone"
    two.run(2)
    assert call("sync", "sqlite:///a.db") == 0
    assert call.out.splitlines()[-1] == "sqlite:///a.db: run night-2; changes since run night-1"


def test_the_summary_as_json(call: Commands) -> None:
    assert (call("sync", "sqlite:///a.db", "--json"), call.err) == (0, "")
    assert json.loads(call.out) == {
        "database": "sqlite:///a.db",
        "schema": None,
        "run_id": "night-1",
        "run_number": 2,
        "previous_run_id": None,
        "extent": "full",
        "reason": "the tables are new",
        "undone": [],
        "rows": {
            "membership": {"added": 3, "removed": 0},
            "membership_changes": {"added": 2, "removed": 0},
            "segments": 2,
            "runs": 2,
        },
        "warnings": [],
    }


def test_the_address_may_be_in_the_environment(call: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBATCH_DATABASE", "sqlite:///a.db")
    assert (call("sync"), call.err) == (0, "")
    assert sqlite_tables(Path("a.db")) == published_tables(Path("output"))
    assert (call("runs"), call.err) == (0, "")


def test_wrong_usage_ends_with_2(call: Commands) -> None:
    assert call("sync", "postgresql://ann:canary@host:x:y/db") == 2
    assert "canary" not in call.err
    assert call("sync", "sqlite:///a.db", "--output", "nothing") == 2
    assert call("sync", "sqlite:///a.db", "--schema", "s") == 2
    assert not Path("a.db").exists()


def test_a_database_that_cannot_be_reached_ends_with_1(call: Commands) -> None:
    assert call("sync", "sqlite:///missing/a.db") == 1
    assert call.err.startswith("error: sqlite:///missing/a.db: ")
    assert "\n" not in call.err.strip()


@pytest.mark.slow
def test_killed_at_any_point_it_leaves_one_whole_run(workspace: Workspace) -> None:
    output, file = workspace.output, workspace.folder / "a.db"

    def kill_at(point: str) -> None:
        ended = subprocess.run([sys.executable, str(KILLED), f"sqlite:///{file}", str(output), point], check=False)
        assert ended.returncode == -9, point

    workspace.crowd(3000, 1500)
    workspace.run(0)
    kill_at("committed")
    before = published_tables(output)
    workspace.crowd(3000, 1400)
    workspace.run(1)
    for point in ("row:1", "commit"):
        kill_at(point)
        assert sqlite_tables(file) == before, point
    kill_at("committed")
    assert sqlite_tables(file) == published_tables(output)
