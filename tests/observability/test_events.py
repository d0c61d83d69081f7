"""The events of a run, in order."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.errors import Problem, SegbatchError
from segbatch.observability.events import (
    ContactsDone,
    Event,
    PhaseEnded,
    RunEvaluated,
    RunPlanned,
    RunStarted,
    SegmentFailed,
    SegmentHeld,
    Warned,
)
from segbatch.snapshot.open_snapshot import open_snapshot
from workspace import Workspace

PHASES = ["wait", "prepare", "match", "evaluate", "publish", "prune"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new"], "cf": [{"plan": "pro", "age": 3}] * 2})
    write_segment(Path("segments"), "active", rule("status", "eq", "active"), rule("cf.plan", "eq", "pro"))
    write_segment(Path("segments"), "other", rule("status", "neq", "active"))


def emitted(**options: object) -> list[Event]:
    """Make a run, and return its events."""
    events: list[Event] = []
    segbatch.run("contacts.parquet", events=events.append, **options)  # type: ignore[arg-type]
    return events


def test_a_run_emits_its_events_in_order() -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    write_segment(Path("segments"), "odd", rule("cf.plam", "eq", "pro"))
    events = emitted(run_id="tonight", as_of="2025-06-01")
    assert events[0] == RunStarted(
        "tonight", "contacts.parquet", "segments", "output", "2025-06-01", "UTC", None, dry_run=False
    )
    phases = [event for event in events if isinstance(event, PhaseEnded)]
    assert [event.phase for event in phases] == PHASES
    assert all(event.seconds >= 0 for event in phases)
    others = [event for event in events[1:] if not isinstance(event, PhaseEnded)]
    planned, warned, failed, done, ended = others
    assert isinstance(planned, RunPlanned)
    assert (planned.contacts, planned.segments, planned.rules, planned.columns, planned.follows) == (2, 3, 3, 4, None)
    assert isinstance(warned, Warned)
    assert str(warned.problem).startswith("segments/odd.json: $.rules[0].field: 'cf' has no 'plam'")
    assert isinstance(failed, SegmentFailed)
    assert failed.problem.segment_id == "bad"
    assert done == ContactsDone(2, 2)
    assert isinstance(ended, RunEvaluated)
    assert (ended.run.run_id, ended.run.memberships, ended.deleted, ended.dry_run) == ("tonight", 2, 0, False)


def test_the_next_run_names_its_predecessor_and_held_segments(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="free", cem="free")
    events: list[Event] = []
    workspace.run(1, guard=segbatch.Guard(0.1, 0), events=events.append)
    [planned] = [event for event in events if isinstance(event, RunPlanned)]
    assert planned.follows == "night-0"
    held = [event.problem for event in events if isinstance(event, SegmentHeld)]
    assert sorted(problem.segment_id or "" for problem in held) == ["free", "pro"]
    assert all("more than 10% of its size" in problem.message for problem in held)


def test_a_dry_run_reports_its_totals_and_publishes_nothing() -> None:
    events = emitted(dry_run=True)
    ended = events[-1]
    assert isinstance(ended, RunEvaluated)
    assert ended.dry_run
    assert [event.phase for event in events if isinstance(event, PhaseEnded)] == PHASES[:4]
    assert not Path("output").exists()


def test_a_run_over_a_frame_emits_no_event() -> None:
    events: list[Event] = []
    with pytest.raises(segbatch.UsageError, match="found a value of type DataFrame"):
        segbatch.run(frame(), events=events.append)
    assert events == []


def frame() -> str:
    return pl.DataFrame({"id": ["ann"]})  # type: ignore[return-value]


WITH_IDS = {
    "an id twice": (
        {"id": ["ann", "ann"], "status": ["a", "b"]},
        "1 id occurs more than once in 'id' (ann); keep one row per contact in the export",
        "1 id occurs more than once in 'id'; keep one row per contact in the export",
    ),
    "a broken text, with --strict": (
        {"id": ["ann", "bob"], "status": ["active", "new"], "custom_fields": ['{"plan": "pro"}', "[]"]},
        "the first is that of 'bob' in row 2: it is a list",
        "the first is in row 2: it is a list",
    ),
}


@pytest.mark.parametrize(("columns", "named", "hidden"), WITH_IDS.values(), ids=list(WITH_IDS))
def test_an_error_can_be_reported_without_ids(columns: dict[str, list[object]], named: str, hidden: str) -> None:
    write_contacts(Path("contacts.parquet"), columns)
    write_segment(Path("segments"), "active", rule("custom_fields.plan", "eq", "pro"))
    with pytest.raises(segbatch.SnapshotError) as refused:
        segbatch.run("contacts.parquet", strict=True)
    assert named in str(refused.value)
    assert hidden in refused.value.without_ids
    assert not any(contact in refused.value.without_ids for contact in ("ann", "bob"))


def test_ids_that_do_not_fit_can_be_reported_without_ids() -> None:
    write_contacts(Path("contacts.parquet"), {"id": [1, 2], "status": ["active", "new"], "cf": [{"plan": "pro"}] * 2})
    emitted()
    huge = open_huge()
    with pytest.raises(segbatch.UsageError, match="the id 18446744073709551615 does not fit") as refused:
        emitted()
    assert "an id does not fit the ids" in refused.value.without_ids
    assert str(huge) not in refused.value.without_ids


def open_huge() -> int:
    huge = 2**64 - 1
    ids = pa.array([1, huge], pa.uint64())
    write_contacts(Path("contacts.parquet"), pa.table({"id": ids, "status": ["a", "b"], "cf": [{"plan": "pro"}] * 2}))
    return huge


def test_messages_without_ids_are_unchanged() -> None:
    assert SegbatchError("no such file").without_ids == "no such file"
    assert Problem("no such column").hiding_ids() == Problem("no such column")
    several = segbatch.DefinitionError([Problem("of ann", without_ids="of somebody"), Problem("no name")])
    assert several.without_ids == "of somebody\nno name"


def test_columns_are_counted_once_each_with_the_ids() -> None:
    snapshot = open_snapshot("contacts.parquet")
    assert snapshot.columns(["status", "cf.plan", "cf.age"]) == ["cf.age", "cf.plan", "id", "status"]
