"""Folders for the files of runs that are made on this machine, until they are published."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import BusyError
from segbatch.platform.file_lock import lock_file
from segbatch.platform.shutdown import shutdown
from segbatch.storage.layout import UNFINISHED

_LOCK = ".lock"
"""Suffix of the lock next to the folder of an unfinished run."""


@contextmanager
def staging_folder(copy: Path, folder: str) -> Iterator[Path]:
    """Create a folder in a copy for a run that is to be published under a folder name. It is removed after the block.

    Folders of killed runs are removed first.
    """
    for leftover in copy.glob(f"{UNFINISHED}*"):
        _remove_if_abandoned(leftover)
    path = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}{folder}-", dir=copy))
    lock = path.with_name(f"{path.name}{_LOCK}")
    with shutdown.cleanup(lambda: _discard(path)), lock_file(lock, timeout=0):
        yield path


def _remove_if_abandoned(path: Path) -> None:
    """Remove the folder of a killed run. A living run has a lock on it."""
    if path.is_dir():
        with suppress(BusyError, OSError), lock_file(path.with_name(f"{path.name}{_LOCK}"), timeout=0):
            _discard(path)


def _discard(path: Path) -> None:
    """Remove the folder of an unfinished run, and then its lock."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.with_name(f"{path.name}{_LOCK}").unlink(missing_ok=True)
