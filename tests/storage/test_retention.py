"""Retention: the runs that lose their members, and files that are never removed."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segbatch import Keep
from segbatch.storage.catalog_rebuild import relink
from segbatch.storage.layout import UNPUBLISHED
from segbatch.storage.retention import clear_dead_runs, discard_run, has_members, prune
from workspace import Workspace

pytestmark = pytest.mark.slow

LATER = datetime.now(UTC) + timedelta(days=30)


def kept(workspace: Workspace) -> list[str]:
    return [folder for folder in workspace.folders() if has_members(workspace.place(folder))]


def pruned(workspace: Workspace, keep: Keep, now: datetime = LATER) -> list[str]:
    return [run.run.run_id for run in prune(workspace.output, workspace.history(), keep, now).runs]


def some_runs(workspace: Workspace, count: int) -> None:
    for number in range(count):
        workspace.run(number)


def test_the_last_n_runs_keep_their_members(workspace: Workspace) -> None:
    some_runs(workspace, 5)
    assert pruned(workspace, Keep(3, 1)) == ["night-0", "night-1"]
    assert kept(workspace) == ["night-2", "night-3", "night-4"]
    assert pruned(workspace, Keep(3, 1)) == []


@pytest.mark.parametrize("runs", [1, 3, 4, 6])
def test_fewer_runs_than_are_to_be_kept_are_all_kept(workspace: Workspace, runs: int) -> None:
    some_runs(workspace, runs)
    assert pruned(workspace, Keep(7, 1)) == []


def test_the_last_two_runs_are_never_pruned(workspace: Workspace) -> None:
    some_runs(workspace, 3)
    assert pruned(workspace, Keep(0, 0)) == ["night-0"]
    workspace.run(2)  # which follows on the run before it
    assert kept(workspace) == ["night-1", "night-2", "night-2~2"]


def test_a_run_published_in_the_last_days_keeps_its_members(workspace: Workspace) -> None:
    some_runs(workspace, 4)
    replaced = workspace.history().runs[1].run.finished_at
    assert pruned(workspace, Keep(2, 3), replaced + timedelta(days=3)) == []
    assert pruned(workspace, Keep(2, 3), replaced + timedelta(days=3, microseconds=1)) == ["night-0"]


@pytest.mark.parametrize("days", [1e10, float("inf")])
def test_runs_can_be_kept_for_ever(workspace: Workspace, days: float) -> None:
    some_runs(workspace, 3)
    assert pruned(workspace, Keep(2, days)) == []


def test_a_run_prunes_those_before_it(workspace: Workspace) -> None:
    for number in range(4):
        workspace.run(number, keep=Keep(2, 0))
    assert kept(workspace) == ["night-2", "night-3"]


def test_changes_outlive_the_members(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    workspace.run(1)
    before = workspace.changes(), workspace.ask("FROM membership_history ORDER BY ALL")
    workspace.run(2, keep=Keep(2, 0))
    workspace.run(3, keep=Keep(2, 0))
    assert "night-1" not in kept(workspace)
    assert (workspace.changes(), workspace.ask("FROM membership_history ORDER BY ALL")) == before
    relink(workspace.output)
    assert workspace.changes() == before[0]


def test_a_dry_run_of_pruning_removes_nothing(workspace: Workspace) -> None:
    some_runs(workspace, 3)
    found = prune(workspace.output, workspace.history(), Keep(2, 0), LATER, dry_run=True)
    assert [run.folder for run in found.runs] == ["night-0"]
    assert "night-0" in kept(workspace)


def test_the_next_run_removes_the_files_of_a_killed_run(workspace: Workspace) -> None:
    workspace.run(0)
    (workspace.place("night-0") / "unpublished").touch()  # killed just after `current` named it
    dead = workspace.place("night-1")
    dead.mkdir()
    (dead / "unpublished").touch()  # killed just before
    workspace.place(".tmp-night-2").mkdir()
    workspace.run(3)
    assert workspace.folders() == ["night-0", "night-3"]
    assert not (workspace.place("night-0") / "unpublished").exists()


def test_a_rolled_back_folder_is_removed_when_it_has_no_readers(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.run(0)
    assert prune(workspace.output, workspace.history(), Keep(2, 1), datetime.now(UTC)).taken_back == ()
    assert prune(workspace.output, workspace.history(), Keep(2, 1), LATER).taken_back == ("night-0",)
    assert workspace.folders() == ["night-0~2"]
    assert prune(workspace.output, workspace.history(), Keep(2, 1), LATER).taken_back == ()


def test_a_run_in_a_reused_folder_is_not_the_old_run(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.run(0)
    prune(workspace.output, workspace.history(), Keep(2, 1), LATER)
    workspace.run(0)
    assert [run.folder for run in workspace.history().runs] == ["night-0"]
    prune(workspace.output, workspace.history(), Keep(2, 1), LATER)
    assert workspace.folders() == ["night-0"]
    assert workspace.members("pro") == ["ann", "bob"]


def test_members_that_cannot_be_cleared_away_do_not_hide_that_a_run_is_published(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "no", str(workspace.output / "runs"))

    monkeypatch.setattr("segbatch.storage.targets.output.prune", fail)
    report = workspace.run(0)
    where = f"{workspace.output / 'runs'}: cannot be written: Permission denied"
    outcome = "not all members of old runs are removed; the next run tries again, or segbatch runs prune"
    assert [str(warning) for warning in report.warnings] == [f"{where}; run night-0 is published, but {outcome}"]
    assert workspace.members("pro") == ["ann", "bob"]


@pytest.mark.parametrize("steps", range(9))
def test_a_clean_up_that_is_killed_itself_is_done_by_the_next(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    some_runs(workspace, 1)
    dead = shutil.copytree(workspace.place("night-0"), workspace.place("dead"))
    (dead / UNPUBLISHED).touch()
    left = steps

    def dying(action: Callable[..., None]) -> Callable[..., None]:
        def act(*arguments: Any, **options: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            action(*arguments, **options)

        return act

    with monkeypatch.context() as killed:
        for name in ("unlink", "rmdir", "rename"):
            killed.setattr(os, name, dying(getattr(os, name)))
        with suppress(KeyboardInterrupt):
            clear_dead_runs(workspace.output, workspace.history())
    clear_dead_runs(workspace.output, workspace.history())
    assert workspace.folders() == ["night-0"]


def test_a_folder_into_which_something_is_still_written_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".tmp-night"
    (folder / "membership").mkdir(parents=True)
    rmdir, late = os.rmdir, ["one", "two"]

    def write_and_rmdir(*arguments: Any, **options: Any) -> None:
        if late and (folder / "membership").exists():
            (folder / "membership" / late.pop()).touch()
        rmdir(*arguments, **options)

    monkeypatch.setattr(os, "rmdir", write_and_rmdir)
    discard_run(folder)
    assert list(tmp_path.iterdir()) == []
