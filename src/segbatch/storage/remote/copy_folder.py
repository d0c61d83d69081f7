"""The folder on this machine with the copy of an output that is stored elsewhere, and the folders of runs in it.

`own_copy` creates the folder and owns its lock. A run that is written on this machine has a hidden folder there. What
the output no longer has is removed from the copy, and members that were not read for a day.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import BusyError, PublishError, UsageError
from segbatch.model.manifest import History
from segbatch.platform.file_lock import lock_file
from segbatch.platform.files import is_writable_by_others, new_file, replace_file
from segbatch.platform.io_errors import io_reason
from segbatch.platform.portability import HAS_USERS
from segbatch.platform.shutdown import shutdown
from segbatch.storage.keep import KEEP_DAYS
from segbatch.storage.layout import CATALOGUE, CURRENT, MEMBERSHIP, PRUNED, RUNS, UNFINISHED
from segbatch.storage.output_lock import LockPolicy, lock_output
from segbatch.storage.remote.publication import StoredRun
from segbatch.storage.run_files import remove_state

_ADDRESS = "address"
"""The file in a copy with the address of the output. Only copies have it."""

_VARIABLE = "SEGBATCH_CACHE_DIR"
_LOCK = "refresh.lock"
_PRIVATE = 0o700
_READABLE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60
_DIGEST = 12

_STAGED_LOCK = ".lock"
"""Suffix of the lock next to the folder of an unfinished run."""

_LOCK_TIMEOUT = 10.0
"""Seconds to wait for a lock that another run has in its hands while it looks for folders of killed runs."""

_USED = "used"
"""The mark in the folder of a run whose members are copied. Its time is that of the last reader that opened them."""

_DISCARDED = f"{UNFINISHED}~"
"""The beginning of the name of a folder that is being removed. No run id begins with `~`."""

_SECONDS = KEEP_DAYS * 24 * 3600


class CopyError(PublishError):
    """The copy of an output cannot be written. The message names its folder on this machine."""


def copy_folder(address: str) -> Path:
    """Return the folder with the copy of an output: a readable part of its address, and a checksum of all of it."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:_DIGEST]
    readable = _READABLE.sub("-", address).strip("-.")[:_LONGEST]
    return _cache_folder() / "outputs" / f"{readable}-{digest}"


@contextmanager
def own_copy(folder: Path, address: str, policy: LockPolicy) -> Iterator[None]:
    """Own a copy during the block: no other process or thread changes it. It is created if it is missing.

    Args:
        address: The address of the output.
        policy: The behaviour while another process refreshes the copy.

    Raises:
        LockedError: Another process refreshes the copy, and the policy does not wait.
        CopyError: The copy cannot be written, also inside the block.
    """
    with _translate_errors(folder, address):
        _create(folder)
        with lock_output(folder / _LOCK, "refresh", policy):
            if not (folder / _ADDRESS).exists():
                with new_file(folder / f".{_ADDRESS}.new", f"{address}\n".encode()) as new:
                    replace_file(new, folder / _ADDRESS)
            yield


@contextmanager
def staging_folder(copy: Path, folder: str) -> Iterator[Path]:
    """Create a folder in a copy for a run that is to be published under a folder name. It is removed after the block.

    Folders of killed runs are removed first. A run owns the lock next to its folder before the folder exists, so that
    another run which starts at the same time does not take it for one of a killed run.
    """
    for leftover in copy.glob(f"{UNFINISHED}*"):
        if leftover.is_dir() or leftover.name.endswith(_STAGED_LOCK):
            _remove_if_abandoned(leftover.with_name(leftover.name.removesuffix(_STAGED_LOCK)))
    path = copy / f"{UNFINISHED}{folder}-{secrets.token_hex(8)}"
    with lock_file(_lock_of(path), timeout=_LOCK_TIMEOUT), shutdown.cleanup(lambda: _discard_unfinished(path)):
        path.mkdir(mode=_PRIVATE)
        yield path


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


@contextmanager
def _translate_errors(folder: Path, address: str) -> Iterator[None]:
    """Convert errors of the disk to errors that say what to do."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = f"{'free some space, or ' if is_full else ''}name another folder in {_VARIABLE}"
        raise CopyError(f"{address}: cannot be copied to {folder}: {io_reason(error) or error}; {remedy}") from None


def _create(folder: Path) -> None:
    """Create the folder of a copy, which only this user can read.

    Raises:
        CopyError: Another user owns the folder or can write to it.
    """
    for path in (folder.parent.parent, folder.parent, folder):
        path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    found = folder.stat()
    if (HAS_USERS and found.st_uid != os.geteuid()) or is_writable_by_others(found):
        message = "another user owns it or can write to it; remove it, or name another folder"
        raise CopyError(f"{folder}: is not used for a copy: {message} in {_VARIABLE}")
    (folder / RUNS).mkdir(mode=_PRIVATE, exist_ok=True)


def _cache_folder() -> Path:
    """Return the folder of this user for cached files: `SEGBATCH_CACHE_DIR`, or the usual folder of the system.

    Raises:
        UsageError: The user has no home folder.
    """
    given = os.environ.get(_VARIABLE)
    return Path(given).absolute() if given else _of_system(sys.platform) / "segbatch"


def _of_system(platform: str) -> Path:
    match platform:
        case "win32":
            return _absolute("LOCALAPPDATA") or _home() / "AppData" / "Local"
        case "darwin":
            return _home() / "Library" / "Caches"
        case _:
            return _absolute("XDG_CACHE_HOME") or _home() / ".cache"


def _absolute(variable: str) -> Path | None:
    """Return the folder that a variable names; relative paths are to be ignored, by the XDG specification."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise UsageError(f"this user has no home folder for copies of outputs; set {_VARIABLE} to a folder") from None


def _remove_if_abandoned(path: Path) -> None:
    """Remove the folder of a killed run and its lock. A living run owns the lock."""
    with suppress(BusyError, OSError), lock_file(_lock_of(path), timeout=0):
        _discard_unfinished(path)


def _discard_unfinished(path: Path) -> None:
    """Remove the folder of an unfinished run, and then its lock."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        _lock_of(path).unlink(missing_ok=True)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{_STAGED_LOCK}")


def _has_members(stored: Mapping[str, StoredRun], folder: str) -> bool:
    return folder in stored and stored[folder].has_members


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
        remove_state(folder)
        shutil.rmtree(folder / MEMBERSHIP, ignore_errors=True)
        if are_stored:
            (folder / MEMBERSHIP).mkdir(exist_ok=True)
        (folder / _USED).unlink(missing_ok=True)
    elif not are_stored:
        with suppress(OSError):
            (folder / MEMBERSHIP).rmdir()
