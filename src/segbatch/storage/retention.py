"""Clearing away: what a dead run left, and the members of old runs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from segbatch.model.manifest import History, PastRun
from segbatch.storage.layout import MEMBERSHIP, RUNS, STATE, UNFINISHED, UNPUBLISHED

__all__ = [
    "FEWEST",
    "KEEP_DAYS",
    "KEEP_RUNS",
    "Keep",
    "Pruned",
    "clear_dead_runs",
    "discard_run",
    "has_members",
    "prune",
]


KEEP_RUNS = 7
KEEP_DAYS = 1.0
_LONGEST = 36_500
_REWOUND_DAYS = 1.0
"""So long the folders of runs stay at least that a rewind took back, however little is kept: it may be a mistake."""

_TRIES = 5
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


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was cleared away.

    Attributes:
        runs: The runs that lost their members.
        taken_back: The folders of runs that were taken back.
    """

    runs: tuple[PastRun, ...]
    taken_back: tuple[str, ...]


def clear_dead_runs(output: Path, history: History) -> None:
    """Remove what runs left that were killed, which nobody ever saw; to be called under the lock."""
    published = {run.folder for run in history.runs}
    for folder in list((output / RUNS).iterdir()):
        is_dead = folder.name.startswith(UNFINISHED) or (folder / UNPUBLISHED).exists()
        if is_dead and folder.name not in published:
            discard_run(folder)
        elif is_dead:  # killed just after it was published
            (folder / UNPUBLISHED).unlink(missing_ok=True)


def discard_run(folder: Path) -> None:
    """Remove the folder of a run that nobody ever saw.

    It gets the name of an unfinished one first, so that what is left of it is still known for what it is, should this
    be cut short after the mark in it is removed. A thread that a signal did not stop may make a file in it meanwhile.
    """
    unfinished = folder
    if not folder.name.startswith(UNFINISHED):
        unfinished = folder.with_name(UNFINISHED + folder.name)
        shutil.rmtree(unfinished, ignore_errors=True)
        with suppress(OSError):
            folder.rename(unfinished)
    for _ in range(_TRIES):
        shutil.rmtree(unfinished, ignore_errors=True)
        if not os.path.lexists(unfinished):
            break


def prune(output: Path, history: History, keep: Keep, now: datetime, *, dry_run: bool = False) -> Pruned:
    """Remove the members of old runs; what they changed stays, and so does their manifest.

    Args:
        output: The output folder.
        history: The published runs.
        keep: Which of them keep their members.
        now: What time it is.
        dry_run: Whether to tell what would be removed, and remove nothing.
    """
    oldest = now - timedelta(days=min(keep.days, _LONGEST))
    found = Pruned(tuple(_old(output, history, keep, oldest)), tuple(_taken_back(output, history, oldest, now)))
    if not dry_run:
        _remove(output / RUNS, found)
    return found


def _remove(runs: Path, found: Pruned) -> None:
    """Remove as much as can be removed.

    Raises:
        OSError: Something could not be.
    """
    errors = list[OSError]()
    for run in found.runs:
        try:
            (runs / run.folder / STATE).unlink(missing_ok=True)
        except OSError as error:
            errors.append(error)
        _remove_tree(runs / run.folder / MEMBERSHIP, errors)
    for folder in found.taken_back:
        _remove_tree(runs / folder, errors)
    if errors:
        raise errors[0]


def _remove_tree(folder: Path, errors: list[OSError]) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)  # part of it was removed meanwhile
    except OSError as error:
        errors.append(error)
        shutil.rmtree(folder, ignore_errors=True)


def _old(output: Path, history: History, keep: Keep, oldest: datetime) -> Iterator[PastRun]:
    """Yield the runs that are to lose their members: each was shown until the one behind it was published."""
    spared = max(keep.runs, FEWEST)
    for run, next_run in zip(history.runs[:-spared], history.runs[1:], strict=False):
        if next_run.run.finished_at < oldest and has_members(output / RUNS / run.folder):
            yield run


def _taken_back(output: Path, history: History, oldest: datetime, now: datetime) -> Iterator[str]:
    """Yield the folders of runs that were taken back, and which nobody can have open any more."""
    published = {run.folder for run in history.runs}
    rewound = min(oldest, now - timedelta(days=_REWOUND_DAYS))
    for gone in history.taken_back:
        if (
            gone.at < (rewound if gone.by_rewind else oldest)
            and gone.folder not in published
            and (output / RUNS / gone.folder).exists()
        ):
            yield gone.folder


def has_members(folder: Path) -> bool:
    """Tell whether a run still has its members."""
    return (folder / STATE).exists() or (folder / MEMBERSHIP).exists()
