"""Clearing away: what a dead run left, and the members of old runs."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from segbatch.publishing.places import MEMBERSHIP, RUNS, STATE, UNFINISHED, UNPUBLISHED
from segbatch.publishing.records import History

__all__ = ["FEWEST", "KEEP_DAYS", "KEEP_RUNS", "Keep", "clear_dead_runs", "prune"]


KEEP_RUNS = 7
KEEP_DAYS = 1.0
FEWEST = 2
"""Runs that are always kept: the last, and the one before, without which the last could not be run again."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Which runs keep their members.

    Attributes:
        runs: So many of the last.
        days: And all that were the published run within so many days, since somebody may still read them.
    """

    runs: int = KEEP_RUNS
    days: float = KEEP_DAYS


def clear_dead_runs(output: Path, history: History) -> None:
    """Remove what runs left that were killed, which nobody ever saw; to be called under the lock."""
    published = {run.folder for run in history.runs} | {run.folder for run in history.taken_back}
    for folder in (output / RUNS).iterdir():
        is_dead = folder.name.startswith(UNFINISHED) or (folder / UNPUBLISHED).exists()
        if is_dead and folder.name not in published:
            shutil.rmtree(folder, ignore_errors=True)
        elif is_dead:  # killed just after it was published
            (folder / UNPUBLISHED).unlink(missing_ok=True)


def prune(output: Path, history: History, keep: Keep, now: datetime) -> list[str]:
    """Remove the members of old runs; what they changed stays, and so does their manifest.

    Args:
        output: The output folder.
        history: The published runs.
        keep: Which of them keep their members.
        now: What time it is.

    Returns:
        The ids of the runs that lost their members.
    """
    oldest = now - timedelta(days=keep.days)
    pruned = []
    superseded = zip(history.runs, history.runs[1:], strict=False)
    for run, next_run in list(superseded)[: len(history.runs) - max(keep.runs, FEWEST)]:
        folder = output / RUNS / run.folder
        if next_run.run.finished_at < oldest and _has_members(folder):
            (folder / STATE).unlink(missing_ok=True)
            shutil.rmtree(folder / MEMBERSHIP, ignore_errors=True)
            pruned.append(run.run.run_id)
    for gone in history.taken_back:
        if gone.at < oldest:
            shutil.rmtree(output / RUNS / gone.folder, ignore_errors=True)
    return pruned


def _has_members(folder: Path) -> bool:
    return (folder / STATE).exists() or (folder / MEMBERSHIP).exists()
