"""Sequences of runs in a folder, and what analysts and the model say about each."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import event

import segbatch
from oracle.runs import Ask, Model, Refusal, deleted, read
from oracle.worlds import START, World
from segbatch import Guard, Keep, PublishError, RunReport, SegmentFilter, SnapshotError, UsageError
from segbatch.engine import local
from segbatch.engine.local import LocalEngine
from segbatch.errors import NothingToPublishError, SegbatchError
from segbatch.snapshot.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from oracle.walks import Step, Walk
    from segbatch.cluster.base import Cluster
    from segbatch.engine.base import Engine

ERRORS: dict[type[SegbatchError], Refusal] = {
    UsageError: "usage",
    SnapshotError: "snapshot",
    NothingToPublishError: "nothing",
    PublishError: "pruned",
}


@contextmanager
def small_batches() -> Iterator[None]:
    """Let a handful of contacts be several batches, and spare the disk."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(local, "_MOST_ROWS", 3)
        patched.setattr(local, "_FEWEST_ROWS", 3)
        patched.setattr(Snapshot.ids, "__defaults__", (5,))
        patched.setattr(os, "fsync", lambda _: None)
        yield


@dataclass
class Place:
    """A folder for a sequence of runs, and the model of them.

    Attributes:
        choose_engine: Returns the engine or the cluster for the next run.
    """

    folder: Path
    world: World
    model: Model
    choose_engine: Callable[[], Engine | Cluster] = LocalEngine

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def run(self, ask: Ask, *, dry_run: bool = False) -> RunReport | Refusal:
        definitions = read(self.world.files, self.model.root)
        known = {"all", *definitions.good, *definitions.broken}  # to accept others is refused
        guard = Guard(ask.max_change, ask.floor, ask.accepted & known, ask.allow_collapse)
        keep = Keep(2, 0.0) if self.model.prunes else Keep()
        contacts, segments = self.folder / "contacts", self.folder / "segments"
        try:
            return segbatch.run(
                contacts,
                segments,
                self.output,
                as_of=ask.as_of,
                allow_empty=ask.allow_empty,
                run_id=ask.run_id,
                guard=guard,
                only=SegmentFilter(*map(tuple, ask.only)),
                keep=keep,
                rewind=ask.rewind,
                dry_run=dry_run,
                engine=self.choose_engine(),
            )
        except (UsageError, SnapshotError, NothingToPublishError, PublishError) as error:
            return ERRORS[type(error)]

    def write(self) -> None:
        for name in ("contacts", "segments"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        self.world.write(self.folder / "contacts", self.folder / "segments")

    def files(self) -> dict[str, str]:
        """Return a digest of each file of the output, without the lock, in which each run writes its name."""
        files = (path for path in self.output.rglob("*") if path.is_file() and path.name != "lock")
        return {str(path): sha256(path.read_bytes()).hexdigest() for path in files}

    def tables(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Read what analysts see."""
        with duckdb.connect(str(self.output / "segbatch.duckdb"), read_only=True) as connection:
            return {
                name: Counter(map(_in_utc, connection.execute(f"SELECT {columns} FROM {name}").fetchall()))
                for name, columns in COLUMNS.items()
            }

    def definitions(self) -> dict[str, tuple[Any, ...]]:
        """Return the rules that the members of each segment follow, and those that wait, if they can be read."""
        good = read(self.world.files, self.model.root).good
        with duckdb.connect(str(self.output / "segbatch.duckdb"), read_only=True) as connection:
            rows = connection.execute(f"SELECT {DEFINITIONS} WHERE run_id IS NOT NULL").fetchall()
        return {name: (_rules(follows), _rules(waiting if name in good else None)) for name, follows, waiting in rows}

    def expected_definitions(self) -> dict[str, tuple[Any, ...]]:
        return {
            name: tuple(item and {key: item.as_json()[key] for key in RULES} for item in (row.follows, row.pending))
            for name, row in self.model.runs[-1].segments.items()
            if row.run_id is not None
        }

    def expected(self) -> dict[str, Counter[tuple[Any, ...]]]:
        last = self.model.runs[-1]
        segments = last.segments.items()
        return {
            "membership": Counter(last.pairs),
            "membership_changes": self.model.changes(),
            "membership_history": self.model.stays(),
            "segments": Counter(
                (name, row.status, len(row.members), row.entered, row.exited, row.run_id) for name, row in segments
            ),
            "segment_runs": Counter(
                (run.run_id, run.as_of, name, row.status, len(row.members), row.entered, row.exited)
                for run in self.model.presented()
                for name, row in run.segments.items()
            ),
            "runs": Counter(self._runs()),
        }

    def _runs(self) -> Iterator[tuple[Any, ...]]:
        for number, run in enumerate(self.model.runs, 1):
            counts = Counter("left out" if row.left_out else row.status for row in run.segments.values())
            numbers = (counts["ok"], counts["failed"], counts["held"], counts["disabled"], counts["left out"])
            status = "partial" if counts["failed"] or counts["held"] else "ok"
            yield number, run.run_id, run.as_of, status, len(run.contacts), *numbers, len(run.pairs)


DEFINITIONS = "segment_id, definition, pending_definition FROM segments"
RULES = ("match", "rules")
COLUMNS = {
    "membership": "segment_id, contact_id",
    "membership_changes": "run_id, as_of, segment_id, contact_id, change",
    "membership_history": "segment_id, contact_id, entered_at, exited_at",
    "segments": "segment_id, status, member_count, entered, exited, run_id",
    "segment_runs": "run_id, as_of, segment_id, status, member_count, entered, exited",
    "runs": (
        "run_number, run_id, as_of, status, contacts, segments_ok, segments_failed, segments_held, segments_disabled,"
        " segments_left_out, memberships"
    ),
}


def _rules(definition: str | None) -> dict[str, Any] | None:
    if definition is None:
        return None
    data = json.loads(definition)
    return {key: data[key] for key in RULES}


def _in_utc(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(cell.replace(tzinfo=UTC) if isinstance(cell, datetime) else cell for cell in row)


def replayed(baseline: Counter[tuple[Any, ...]], changes: Counter[tuple[Any, ...]], runs: list[str]) -> set[Any]:
    """Apply all changes, run by run, to the members of the first run."""
    pairs = set(baseline)
    for run_id in runs:
        of_run = [(row[2:4], row[4]) for row in changes if row[0] == run_id]
        pairs -= {pair for pair, change in of_run if change == "exited"}
        pairs |= {pair for pair, change in of_run if change == "entered"}
    return pairs


def asked(step: Step, model: Model, number: int) -> Ask:
    """Turn what is drawn into a run that can be asked for."""
    runs = model.runs
    moment = runs[-1].as_of if runs else START
    run_id = f"run-{number}"
    if runs and step.again is not None:
        run_id = runs[-1 - step.again % len(runs)].run_id
    return replace(step.ask, run_id=run_id, as_of=moment + timedelta(days=step.days))


def ensure_told_before(told: RunReport | Refusal, report: RunReport | Refusal) -> None:
    """Check that a dry run told the numbers of the run that came after it."""
    if isinstance(told, str) or isinstance(report, str):
        assert told == report
        return
    times = {"started_at": START, "finished_at": START}
    assert told.run.model_copy(update=times) == report.run.model_copy(update=times)
    assert told.segments == report.segments
    assert told.deleted == report.deleted
    assert told.errors == report.errors
    assert told.membership == report.membership


def ensure_deleted_are_told(place: Place, report: RunReport, *, is_limited: bool) -> None:
    """Check that a run tells of the segments that it deleted."""
    definitions = read(place.world.files, place.model.root)
    is_full = len(place.model.runs) > 1 and not is_limited
    expected = deleted(definitions, place.model.presented()[-2]) if is_full else {}
    assert set(report.left_out) == {name for name, row in place.model.runs[-1].segments.items() if row.left_out}
    if report.left_out:
        event("segments are left out")
    assert {gone.segment_id: gone.exited for gone in report.deleted} == expected
    if expected:
        event("deleted segments")


def walk(place: Place, steps: Walk) -> None:
    for number, step in enumerate(steps.steps):
        for edit in step.edits:
            edit.change(place.world)
        place.write()
        ask = asked(step, place.model, number)
        before = place.files()
        told = place.run(ask, dry_run=True) if step.dry else None
        assert place.files() == before
        refusals = place.model.run(place.world, ask)
        report = place.run(ask)
        if told is not None:
            ensure_told_before(told, report)
        if isinstance(report, str):
            event(f"refused: {report}")
            assert report in refusals
            assert place.files() == before
            continue
        event("published")
        assert not refusals
        found, expected = place.tables(), place.expected()
        for name, rows in expected.items():
            assert found[name] == rows, name
        runs = [run.run_id for run in place.model.runs]
        assert place.definitions() == place.expected_definitions()
        if any(row.status == "disabled" for row in place.model.runs[-1].segments.values()):
            event("a disabled segment")
        if any(row.pending for row in place.model.runs[-1].segments.values()):
            event("a definition waits")
        ensure_deleted_are_told(place, report, is_limited=any(ask.only))
        if any(run.renamed for run in place.model.runs):
            event("renamed segments")
        baseline = Counter[tuple[Any, ...]](place.model.presented()[0].pairs)
        assert replayed(baseline, found["membership_changes"], runs) == set(found["membership"])
