"""Removing files of killed runs, and the members of old runs."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from segbatch.model.manifest import History, PastRun
from segbatch.storage.keep import FEWEST, Keep
from segbatch.storage.layout import MEMBERSHIP, PRUNED, RUNS, UNFINISHED, UNPUBLISHED
from segbatch.storage.manifest_io import run_folders
from segbatch.storage.run_files import has_state, remove_state

_LONGEST = 36_500
_REWOUND_DAYS = 1.0
"""Minimum days to keep the folders of runs that --rewind rolled back, whatever else is pruned: it may be a mistake."""

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Pruned:
    """The result of pruning.

    Attributes:
        runs: The runs whose members were removed.
        taken_back: The removed folders of runs that were rolled back or replaced.
    """

    runs: tuple[PastRun, ...]
    taken_back: tuple[str, ...]


def clear_dead_runs(output: Path, history: History) -> None:
    """Remove the files of killed runs that were never published. The caller must own the lock."""
    published = {run.folder for run in history.runs}
    for folder in run_folders(output):
        is_dead = folder.name.startswith(UNFINISHED) or (folder / UNPUBLISHED).exists()
        if is_dead and folder.name not in published:
            discard_run(folder)
        elif is_dead:  # killed just after it was published
            (folder / UNPUBLISHED).unlink(missing_ok=True)


def discard_run(folder: Path) -> None:
    """Remove the folder of a run that was never published.

    The folder first gets the name of an unfinished run. If the removal is interrupted after the mark `unpublished` is
    gone, the rest can still be recognized. A thread that a signal did not stop may still create files in the folder, so
    the removal is tried several times.
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
    """Remove the members of old runs. Their changes and manifests are kept.

    Args:
        dry_run: Only return the runs and folders that would be removed.
    """
    runs = output / RUNS
    found = find_prunable(
        history, keep, now, lambda folder: has_members(runs / folder), lambda folder: (runs / folder).exists()
    )
    if not dry_run:
        _remove(runs, found)
    return found


def find_prunable(
    history: History,
    keep: Keep,
    now: datetime,
    has_members: Callable[[str], bool],
    has_folder: Callable[[str], bool],
) -> Pruned:
    """Find the runs whose members are to be removed, and the folders of rolled-back runs that are.

    Args:
        has_members: Returns whether the run in a folder still has its members.
        has_folder: Returns whether a folder has files.
    """
    oldest = now - timedelta(days=min(keep.days, _LONGEST))
    old = (run for run in _old(history, keep, oldest) if has_members(run.folder))
    return Pruned(tuple(old), tuple(filter(has_folder, _taken_back(history, oldest, now))))


def _remove(runs: Path, found: Pruned) -> None:
    """Remove as much as possible.

    Raises:
        OSError: A file could not be removed; raised after all others were tried.
    """
    errors = list[OSError]()
    for run in found.runs:
        try:
            remove_state(runs / run.folder)
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


def _old(history: History, keep: Keep, oldest: datetime) -> Iterator[PastRun]:
    """Yield the runs that do not keep their members. A run was visible until the next one was published."""
    spared = max(keep.runs, FEWEST)
    for run, next_run in zip(history.runs[:-spared], history.runs[1:], strict=False):
        if next_run.run.finished_at < oldest:
            yield run


def _taken_back(history: History, oldest: datetime, now: datetime) -> Iterator[str]:
    """Yield the folders of runs that were rolled back or replaced, and can no longer have readers."""
    published = {run.folder for run in history.runs}
    rewound = min(oldest, now - timedelta(days=_REWOUND_DAYS))
    for gone in history.taken_back:
        if gone.at < (rewound if gone.by_rewind else oldest) and gone.folder not in published:
            yield gone.folder


def has_members(folder: Path) -> bool:
    """Return whether a run still has its members."""
    return not (folder / PRUNED).exists() and (has_state(folder) or (folder / MEMBERSHIP).exists())
