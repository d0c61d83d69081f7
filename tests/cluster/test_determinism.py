"""The files of a run on a cluster do not depend on the cut into splits, on the order of calls, and on attempts."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_segment
from cluster.clusters import RestlessCluster
from segbatch.cluster.base import Cluster
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.splits import split_files
from segbatch.engine.base import Engine
from segbatch.engine.local import LocalEngine
from segbatch.model.manifest import Manifest
from segbatch.storage.manifest_io import read_manifest

pytestmark = pytest.mark.slow  # each compares several runs on a cluster with runs on this machine

CONTACTS = 500


def write_snapshot(folder: Path, day: int) -> None:
    """Write contacts in two files of several row groups; each day has others, in another order."""
    folder.mkdir(exist_ok=True)
    numbers = [(number * 7 + day * 13) % CONTACTS for number in range(CONTACTS)][day * 20 :]
    table = pa.table(
        {
            "id": [f"contact-{number}" for number in numbers],
            "score": [(number * 31 + day * 5) % 100 for number in numbers],
        }
    )
    pq.write_table(table[:200], folder / "a.parquet", row_group_size=30)
    pq.write_table(table[200:], folder / "b.parquet", row_group_size=70)


def run_twice(folder: Path, cluster: LoopCluster | RestlessCluster, output: str) -> Manifest:
    for day in range(2):
        write_snapshot(folder / "contacts", day)
        segbatch.run(
            folder / "contacts",
            folder / "segments",
            folder / output,
            as_of=f"2026-01-0{day + 1}T00:00:00Z",
            run_id=f"run-{day}",
            engine=cluster,
            buckets=4,
        )
    return read_manifest(folder / output / "runs" / "run-1")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for number in range(0, 100, 20):
        write_segment(tmp_path / "segments", f"above-{number}", rule("score", "gt", number))
    return tmp_path


@pytest.mark.parametrize("rows", [1, 60, 100, 10_000])
def test_the_cut_into_splits_changes_no_file(place: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run_twice(place, LoopCluster(), "whole")
    monkeypatch.setattr(split_files, "__defaults__", (rows,))
    assert run_twice(place, LoopCluster(), "cut").files == expected.files


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_calls_and_lost_attempts_change_no_file(
    place: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run_twice(place, LoopCluster(), "in-order")
    monkeypatch.setattr(split_files, "__defaults__", (60,))
    cluster = RestlessCluster(seed)
    found = run_twice(place, cluster, "restless")
    assert found.files == expected.files
    assert cluster.attempts == 16
    written = {str(path.relative_to(place / "restless/runs/run-1")) for path in _files(place / "restless/runs/run-1")}
    assert {file.path for file in found.files} == written - {"manifest.json", "history.json"}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("buckets", [1, 3, 40])
def test_any_number_of_buckets_has_the_members_of_a_local_run(place: Path, buckets: int) -> None:
    write_snapshot(place / "contacts", 0)
    reports = [dry_run(place, LocalEngine(), None), dry_run(place, LoopCluster(), buckets)]
    assert reports[0].segments == reports[1].segments
    assert reports[0].run.memberships == reports[1].run.memberships > 0


def dry_run(place: Path, engine: Engine | Cluster, buckets: int | None) -> segbatch.RunReport:
    folders = place / "contacts", place / "segments", place / "output"
    return segbatch.run(*folders, dry_run=True, run_id="dry", engine=engine, buckets=buckets)
