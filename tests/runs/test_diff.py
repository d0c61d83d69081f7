"""Differences between two runs, and their causes."""

from typing import Any

import pytest

from segbatch import Keep, PublishError, UsageError
from segbatch.runs.diff import RunsDiff, diff
from workspace import Workspace


def summary(found: RunsDiff) -> dict[str, tuple[Any, ...]]:
    return {
        entry.segment_id: (entry.then, entry.now, entry.entered, entry.exited, entry.definition)
        for entry in found.segments
        if entry.differs
    }


def test_the_net_changes_between_two_runs_are_reported(four: Workspace) -> None:
    assert summary(diff(four.output, "night-0", "night-1")) == {
        "free": (1, 2, 1, 0, "same"),
        "pro": (2, 2, 1, 1, "same"),
    }
    assert summary(diff(four.output, "night-0", "night-3")) == {
        "free": (1, 2, 1, 0, "same"),
        "pro": (2, 1, 0, 1, "same"),
    }
    assert summary(diff(four.output, "night-1", "night-2"))["pro"] == (2, 2, 1, 1, "same")


def test_two_runs_can_be_compared_the_other_way_round(four: Workspace) -> None:
    assert summary(diff(four.output, "last", "night-0"))["pro"] == (1, 2, 1, 0, "same")


def test_a_run_does_not_differ_from_itself(four: Workspace) -> None:
    found = diff(four.output, "last", "night-3")
    assert (summary(found), found.reasons) == ({}, ())


def test_pruned_runs_can_be_compared(four: Workspace) -> None:
    before = diff(four.output, "night-0", "night-3")
    four.run(4, keep=Keep(2, 0))
    assert diff(four.output, "night-0", "night-3") == before


def test_new_deleted_and_edited_segments_are_reported(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.segment("more", "pro")
    workspace.segment("pro", "free")
    workspace.drop("free")
    workspace.run(1)
    found = diff(workspace.output, "previous", "last")
    assert summary(found) == {
        "free": (1, None, 0, 1, "deleted"),
        "more": (None, 2, 2, 0, "new"),
        "pro": (2, 1, 1, 2, "changed"),
    }
    assert [found.definitions(name) for name in ("new", "deleted", "changed", "same")] == [1, 1, 1, 0]


def test_failed_segments_are_reported(workspace: Workspace) -> None:
    workspace.run(0)
    (workspace.folder / "segments" / "pro.json").write_text("{")
    workspace.run(1)
    [found] = [entry for entry in diff(workspace.output, "previous", "last").segments if entry.differs]
    assert (found.segment_id, found.status_then, found.status_now, found.then, found.now) == (
        "pro",
        "ok",
        "failed",
        2,
        2,
    )


def test_possible_causes_are_reported(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.run(0)
    monkeypatch.setattr("segbatch.pipeline.results.__version__", "9.9.9")
    workspace.contacts(ann="pro")
    workspace.run(1, timezone="Europe/Berlin")
    reasons = {reason.what: (reason.then, reason.now) for reason in diff(workspace.output, "previous", "last").reasons}
    assert list(reasons) == ["as_of", "timezone", "snapshot_fingerprint", "contacts", "segbatch"]
    assert reasons["timezone"] == ("UTC", "Europe/Berlin")
    assert reasons["contacts"] == ("3", "1")
    assert reasons["segbatch"][1] == "9.9.9"


def test_missing_runs_are_reported(workspace: Workspace) -> None:
    workspace.run(0)
    with pytest.raises(UsageError, match=r"run 'nigt-0' does not exist; did you mean 'night-0'\?"):
        diff(workspace.output, "nigt-0", "last")
    with pytest.raises(UsageError, match="run 'x' does not exist; list the runs with segbatch runs"):
        diff(workspace.output, "last", "x")
    with pytest.raises(UsageError, match="the last run is the first; it has no previous run"):
        diff(workspace.output, "previous", "last")


@pytest.mark.parametrize("content", [None, b"x"])
def test_lost_or_cut_changes_are_reported(four: Workspace, content: bytes | None) -> None:
    path = four.place("night-1") / "changes.parquet"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PublishError, match=r"night-1/changes.parquet: is missing or damaged"):
        diff(four.output, "night-0", "night-2")


def test_damaged_changes_are_reported(four: Workspace) -> None:
    path = four.place("night-1") / "changes.parquet"
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(
        PublishError, match=r"the changes cannot be read: .*; find the damaged files with segbatch verify"
    ):
        diff(four.output, "night-0", "night-2")
