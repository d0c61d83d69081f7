"""Folders for the files of runs that are made on this machine, until they are published."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import BusyError
from segbatch.platform.file_lock import lock_file
from segbatch.platform.shutdown import shutdown
from segbatch.storage.layout import UNFINISHED

_LOCK = ".lock"
"""Suffix of the lock next to the folder of an unfinished run."""

_LOCK_TIMEOUT = 10.0
"""Seconds to wait for a lock that another run has in its hands while it looks for folders of killed runs."""


@contextmanager
def staging_folder(copy: Path, folder: str) -> Iterator[Path]:
    """Create a folder in a copy for a run that is to be published under a folder name. It is removed after the block.

    Folders of killed runs are removed first. A run owns the lock next to its folder before the folder exists, so that
    another run which starts at the same time does not take it for one of a killed run.
    """
    for leftover in copy.glob(f"{UNFINISHED}*"):
        if leftover.is_dir() or leftover.name.endswith(_LOCK):
            _remove_if_abandoned(leftover.with_name(leftover.name.removesuffix(_LOCK)))
    path = copy / f"{UNFINISHED}{folder}-{secrets.token_hex(8)}"
    with lock_file(_lock_of(path), timeout=_LOCK_TIMEOUT), shutdown.cleanup(lambda: _discard(path)):
        path.mkdir(mode=0o700)
        yield path


def _remove_if_abandoned(path: Path) -> None:
    """Remove the folder of a killed run and its lock. A living run owns the lock."""
    with suppress(BusyError, OSError), lock_file(_lock_of(path), timeout=0):
        _discard(path)


def _discard(path: Path) -> None:
    """Remove the folder of an unfinished run, and then its lock."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        _lock_of(path).unlink(missing_ok=True)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{_LOCK}")
