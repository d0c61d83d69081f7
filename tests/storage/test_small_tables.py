"""The rows that a run adds to the small tables of an output in Delta or Iceberg."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from segbatch.storage.manifest_io import read_history_of
from segbatch.storage.remote.publication import NewRun
from segbatch.storage.remote.small_tables import CURRENT, RENAMES, RUNS, SEGMENTS, small_tables
from workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro", tags=["vip"])
    workspace.run(0)
    return workspace


def rows(workspace: Workspace, folder: str, number: int, previous: str | None) -> dict[str, list[dict[str, Any]]]:
    place = workspace.place(folder)
    new = NewRun(folder, place, workspace.manifest(folder), read_history_of(place))
    return {name: table.to_pylist() for name, table in small_tables(new, number, previous).items()}


def as_plain(value: Any) -> Any:
    """Return a value of a table, or its text as `segbatch query` prints it, as a value that can be compared."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    return value


def test_tables_are_in_the_order_in_which_they_are_written(workspace: Workspace) -> None:
    assert list(rows(workspace, "night-0", 1, None)) == [SEGMENTS, RENAMES, RUNS, CURRENT]


def test_rows_have_the_columns_and_values_of_the_local_tables(workspace: Workspace) -> None:
    found = rows(workspace, "night-0", 1, None)
    for table in ("segments", "runs"):
        names = [name for name, *_ in workspace.ask(f"DESCRIBE {table}")]
        [local] = workspace.ask(f"SELECT {', '.join(names)} FROM {table}")
        [row] = found[table]
        assert set(names) == row.keys() - {"publication", "publication_number", "previous_publication"}
        assert [as_plain(row[name]) for name in names] == [as_plain(value) for value in local]
    assert found["segments"][0]["tags"] == ["vip"]


def test_the_first_run_follows_none(workspace: Workspace) -> None:
    found = rows(workspace, "night-0", 1, None)
    [run] = found["runs"]
    assert (run["publication_number"], run["previous_publication"], run["run_number"]) == (1, None, 1)
    assert found["current"] == [
        {
            "publication": "night-0",
            "publication_number": 1,
            "run_number": 1,
            "run_id": "night-0",
            "as_of": datetime(2025, 11, 1, 2),  # noqa: DTZ001 - UTC without a zone
        }
    ]
    assert found["segment_renames"] == []


def test_a_repeated_run_keeps_its_number_and_has_a_new_publication(workspace: Workspace) -> None:
    workspace.run(1)
    workspace.run(1)
    [run] = rows(workspace, "night-1~2", 3, "night-1")["runs"]
    assert (run["run_id"], run["publication"], run["publication_number"]) == ("night-1", "night-1~2", 3)
    assert (run["previous_publication"], run["run_number"]) == ("night-1", 2)


def test_consecutive_runs_with_an_old_id_are_one_row(workspace: Workspace) -> None:
    workspace.run(1)
    workspace.drop("pro")
    workspace.segment("paying", "pro", previous_ids=["pro"])
    workspace.run(2)
    workspace.segment("pro", "free")
    workspace.run(3)
    workspace.drop("pro")
    workspace.segment("free", "free", previous_ids=["pro"])
    workspace.run(4)
    renames = rows(workspace, "night-4", 5, "night-3")["segment_renames"]
    assert [tuple(row.values()) for row in renames] == [
        ("night-4", "pro", "paying", 1, 2),
        ("night-4", "pro", "free", 3, 4),
    ]


def test_an_old_id_that_was_used_again_has_a_row_for_each_time(workspace: Workspace) -> None:
    for number, (old, new) in enumerate([("pro", "a"), ("a", "pro"), ("pro", "b")], start=1):
        workspace.drop(old)
        workspace.segment(new, "pro", previous_ids=[old])
        workspace.run(number)
    renames = rows(workspace, "night-3", 4, "night-2")["segment_renames"]
    assert [tuple(row.values()) for row in renames] == [
        ("night-3", "pro", "b", 1, 1),
        ("night-3", "a", "b", 2, 2),
        ("night-3", "pro", "b", 3, 3),
    ]
