"""Runs and previews evaluate their segments with the engine that the caller passes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.authoring.preview import preview
from segbatch.compiler.plan import Plan
from segbatch.engine.base import Members
from segbatch.engine.local import LocalEngine
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.manifest_io import read_manifest


@dataclass(slots=True)
class InvertingEngine:
    """An engine with other results than the local one: the members are the contacts that a segment does not match."""

    evaluated: list[list[str]] = field(default_factory=list)
    name = "inverting"

    def evaluate(self, plan: Plan, snapshot: Snapshot) -> Iterator[Members]:
        self.evaluated.append([segment.definition.segment_id for segment in plan.segments])
        batches = LocalEngine().evaluate(plan, snapshot)
        return (Members.of_frame(batch.ids, batch.frame.select(~pl.all())) for batch in batches)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", "new", None]})
    write_segment(tmp_path / "segments", "active", rule("status", "eq", "active"))


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_evaluates_with_the_engine_of_its_caller(*, dry_run: bool) -> None:
    engine = InvertingEngine()
    report = segbatch.run("contacts.parquet", engine=engine, dry_run=dry_run)
    assert (report.run.memberships, engine.evaluated) == (2, [["active"]])
    if not dry_run:
        assert read_manifest(Path("output/runs", report.run.run_id)).engine == "inverting"


def test_a_preview_evaluates_with_the_engine_of_its_caller() -> None:
    engine = InvertingEngine()
    (previewed,) = preview("contacts.parquet", "active", engine=engine).segments
    assert (previewed.first, engine.evaluated) == (("b", "c"), [["active"]])
