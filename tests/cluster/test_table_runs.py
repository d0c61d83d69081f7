"""Runs on a cluster whose segments read related tables, and the same runs on one machine."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import segbatch
from segbatch.cluster.loop import LoopCluster
from segbatch.model.manifest import Manifest
from segbatch.storage.manifest_io import read_manifest

SAMPLE = Path(__file__).parents[2] / "sample_data"
TABLES = {
    "orders": {"path": str(SAMPLE / "orders.parquet"), "time": "placed_at"},
    "events": {"path": str(SAMPLE / "events.parquet")},
}
COUNT = {"table": "orders", "aggregate": "count", "operator": "gte", "value": 2}
PAID = {"field": "status", "operator": "eq", "value": "paid"}
SEGMENTS: dict[str, list[dict[str, Any]]] = {
    "plain": [{"field": "status", "operator": "eq", "value": "active"}],
    "two-orders": [COUNT],
    "two-paid-orders-active": [
        {**COUNT, "where": [PAID]},
        {"operator": "in_segment", "value": "plain"},
    ],
    "spent": [{"table": "orders", "aggregate": "sum", "field": "amount", "operator": "gt", "value": 100}],
    "last-paid": [{"table": "orders", "aggregate": "last", "field": "status", "operator": "eq", "value": "paid"}],
    "not-two-orders": [{"operator": "not_in_segment", "value": "two-orders"}],
    "no-events": [{"table": "events", "aggregate": "count", "operator": "eq", "value": 0}],
}


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    folder = tmp_path / "segments"
    folder.mkdir()
    for name, rules in SEGMENTS.items():
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "rules": rules}))
    return folder


def run(output: Path, segments: Path, day: int, **options: Any) -> Manifest:
    """Make a run as of a day of November 2025, before which some of the orders were placed."""
    moment = f"2025-11-{day:02}T00:00:00Z"
    paths = (SAMPLE / "contacts.parquet", segments, output)
    segbatch.run(*paths, run_id=f"r{day}", as_of=moment, tables=TABLES, **options)
    return read_manifest(output / "runs" / f"r{day}")


def facts(manifest: Manifest) -> tuple[Any, ...]:
    """Return what does not depend on how the run was made."""
    segments = [(one.segment_id, one.status, one.member_count, one.entered, one.exited) for one in manifest.segments]
    return segments, manifest.tables, manifest.warnings, manifest.notes


def rows(output: Path, manifest: Manifest, table: str) -> pl.DataFrame:
    """Return the rows of a table of a run, sorted."""
    files = sorted((output / "runs" / manifest.run.run_id).rglob(f"{table}*/*.parquet"))
    files += sorted((output / "runs" / manifest.run.run_id).glob(f"{table}*.parquet"))
    frame = pl.concat(pl.read_parquet(file).select(pl.all().cast(pl.String)) for file in files)
    return frame.sort(frame.columns)


@pytest.mark.parametrize("buckets", [1, 4])
def test_runs_on_a_cluster_publish_what_local_runs_publish(tmp_path: Path, segments: Path, buckets: int) -> None:
    cluster = {"engine": LoopCluster(), "buckets": buckets}
    for day in (2, 9):
        local = run(tmp_path / "local", segments, day)
        loop = run(tmp_path / "loop", segments, day, **cluster)
        assert facts(loop) == facts(local)
        assert all(one.member_count for one in local.segments)
        for table in ("membership", "changes"):
            assert rows(tmp_path / "loop", loop, table).equals(rows(tmp_path / "local", local, table))
    assert all(table.orphans for table in local.tables)
    assert sum(table.later for table in local.tables) > 0
