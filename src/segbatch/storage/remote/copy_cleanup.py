"""Removing from a local copy what the output no longer has, and members that were not read for a day."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from segbatch.model.manifest import History
from segbatch.storage.layout import CATALOGUE, CURRENT, MEMBERSHIP, PRUNED, RUNS, STATE, UNFINISHED
from segbatch.storage.remote.publication import StoredRun
from segbatch.storage.retention import KEEP_DAYS

_USED = "used"
"""The mark in the folder of a run whose members are copied. Its time is that of the last reader that opened them."""

_DISCARDED = f"{UNFINISHED}~"
"""The beginning of the name of a folder that is being removed. No run id begins with `~`."""

_SECONDS = KEEP_DAYS * 24 * 3600


def mark_used(folder: Path) -> None:
    """Record that a reader opens the members of a run."""
    (folder / _USED).touch()


def mark_replaced(folder: Path) -> None:
    """Record that a run was the published one until now, if its members are copied."""
    if (folder / _USED).exists():
        mark_used(folder)


def mark_stored(output: Path, history: History, stored: Mapping[str, StoredRun]) -> None:
    """Give each run of the store a folder, and each run that keeps its members an empty folder for these.

    So the list of runs, and pruning, need no files of the members. A run without members in the store gets a mark,
    since its copied members stay for readers that have opened them.
    """
    folders = [past.folder for past in history.runs]
    folders += [gone.folder for gone in history.taken_back if gone.folder in stored]
    for folder in folders:
        path = output / RUNS / folder
        if _has_members(stored, folder):
            (path / MEMBERSHIP).mkdir(parents=True, exist_ok=True)
            (path / PRUNED).unlink(missing_ok=True)
        else:
            path.mkdir(exist_ok=True)
            (path / PRUNED).touch()


def clean_up(output: Path, history: History, stored: Mapping[str, StoredRun]) -> None:
    """Remove what the output no longer has, and members that are not needed; neither if they may have readers.

    The published run keeps its members. The caller must own the copy.
    """
    published = history.runs[-1].folder
    kept = {past.folder for past in history.runs}
    kept |= {gone.folder for gone in history.taken_back if gone.folder in stored}
    for leftover in (output / RUNS).glob(f"{_DISCARDED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in _folders(output):
        if folder.name not in kept:
            _discard_unused(folder)
        elif folder.name != published and not _may_have_readers(folder):
            _remove_members(folder, are_stored=_has_members(stored, folder.name))


def _has_members(stored: Mapping[str, StoredRun], folder: str) -> bool:
    return folder in stored and stored[folder].has_members


def clear(output: Path) -> None:
    """Remove all runs of a copy. The caller must own the copy."""
    for name in (CURRENT, CATALOGUE):
        (output / name).unlink(missing_ok=True)
    for folder in _folders(output):
        discard(folder)


def discard(folder: Path) -> None:
    """Remove the folder of a run at once, under a name that no run has that is being written on this machine."""
    hidden = folder.with_name(f"{_DISCARDED}{folder.name}")
    shutil.rmtree(hidden, ignore_errors=True)
    folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _folders(output: Path) -> Iterator[Path]:
    """Yield the folders of runs, without those that a run on this machine is writing."""
    for folder in sorted((output / RUNS).iterdir()):
        if not folder.name.startswith(UNFINISHED):
            yield folder


def _discard_unused(folder: Path) -> None:
    """Remove the folder of a run that the output no longer has, a day after that was noticed."""
    if not (folder / _USED).exists():
        mark_used(folder)
    elif not _may_have_readers(folder):
        discard(folder)


def _may_have_readers(folder: Path) -> bool:
    with suppress(OSError):
        return (folder / _USED).stat().st_mtime > time.time() - _SECONDS
    return False


def _remove_members(folder: Path, *, are_stored: bool) -> None:
    """Remove the copied members of a run. An empty folder stays if the output still has them."""
    if (folder / _USED).exists():
        (folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(folder / MEMBERSHIP, ignore_errors=True)
        if are_stored:
            (folder / MEMBERSHIP).mkdir(exist_ok=True)
        (folder / _USED).unlink(missing_ok=True)
    elif not are_stored:
        with suppress(OSError):
            (folder / MEMBERSHIP).rmdir()
