"""The table `segment_runs`: the result of each segment in each run."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segbatch import Keep
from segbatch.storage import manifest_io
from segbatch.storage.catalog_rebuild import relink
from workspace import Workspace

ROWS = "SELECT run_id, segment_id, status, member_count, entered, exited FROM segment_runs ORDER BY as_of, segment_id"
EXPECTED = [
    ("night-0", "pro", "ok", 2, None, None),
    ("night-1", "pro", "disabled", 0, 0, 2),
    ("night-2", "pro", "ok", 1, 1, 0),
]


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro")
    workspace.run(0)
    workspace.segment("pro", enabled=False)
    workspace.run(1)
    workspace.contacts(ann="pro")
    workspace.segment("pro")
    return workspace


def read_from_manifests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the id of each run whose manifest is read for the table."""
    read, original = list[str](), manifest_io.read_manifest_as

    def note(folder: Path, model: Any) -> Any:
        read.append(folder.name)
        return original(folder, model)

    monkeypatch.setattr("segbatch.storage.segment_history.read_manifest_as", note)
    return read


def last_run(place: Workspace) -> None:
    place.run(2, allow_empty=True, keep=Keep(2, 0))


def test_the_table_has_all_runs_and_also_pruned_ones(place: Workspace) -> None:
    last_run(place)
    assert not (place.place("night-0") / "state.arrow").exists()
    assert place.ask(ROWS) == EXPECTED
    with duckdb.connect(str(place.output / "segbatch.duckdb"), read_only=True) as connection:
        columns = connection.execute("DESCRIBE segment_runs").fetchall()
        [(fingerprint, as_of)] = connection.execute(
            "SELECT fingerprint, CAST(as_of AS VARCHAR) FROM segment_runs WHERE run_id = 'night-0'"
        ).fetchall()
    assert [(row[0], row[1]) for row in columns] == [
        ("run_id", "VARCHAR"),
        ("as_of", "TIMESTAMP"),
        ("segment_id", "VARCHAR"),
        ("status", "VARCHAR"),
        ("member_count", "BIGINT"),
        ("entered", "BIGINT"),
        ("exited", "BIGINT"),
        ("fingerprint", "VARCHAR"),
    ]
    assert (fingerprint, as_of) == (place.manifest("night-0").segments[0].fingerprint, "2025-11-01 02:00:00")


def test_rows_of_earlier_runs_are_copied_and_a_relink_reads_every_manifest(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_from_manifests(monkeypatch)
    last_run(place)
    assert read == ["night-2"]
    relink(place.output)
    assert read == ["night-2", "night-0", "night-1", "night-2"]
    assert place.ask(ROWS) == EXPECTED


@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_a_damaged_catalogue_is_rebuilt_from_the_manifests(place: Workspace, content: bytes) -> None:
    (place.output / "segbatch.duckdb").write_bytes(content)
    last_run(place)
    assert place.ask(ROWS) == EXPECTED


def test_a_catalogue_of_an_earlier_version_is_continued(place: Workspace) -> None:
    with duckdb.connect(str(place.output / "segbatch.duckdb")) as connection:
        connection.execute("DROP TABLE segment_runs")
    for folder in ("night-0", "night-1"):
        path = place.place(folder) / "manifest.json"
        data = json.loads(path.read_bytes())
        del data["run"]["segments_disabled"]
        for segment in data["segments"]:
            for key in ("owner", "tags", "expires_at"):
                del segment[key]
        path.write_text(json.dumps(data))
    last_run(place)
    assert place.ask(ROWS) == EXPECTED


def test_a_run_that_is_replaced_is_read_again(place: Workspace) -> None:
    last_run(place)
    place.contacts(ann="pro", bob="pro")
    last_run(place)
    assert place.ask(ROWS) == [*EXPECTED[:2], ("night-2", "pro", "ok", 2, 2, 0)]


def test_a_lost_manifest_of_an_earlier_run_is_a_warning(place: Workspace) -> None:
    last_run(place)
    path = place.place("night-0") / "manifest.json"
    path.unlink()
    warnings = relink(place.output).warnings
    message = "is missing or damaged; segment_runs lacks run night-0; restore it from a copy and run segbatch relink"
    assert [(problem.file, problem.message) for problem in warnings] == [(str(path), message)]
    assert place.ask(ROWS) == EXPECTED[1:]
