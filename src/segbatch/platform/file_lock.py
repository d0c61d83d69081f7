"""A lock for one writer at a time, across programs, threads and commands.

The lock is an operating system lock on a hidden file. It is released when the process ends, even if it is killed.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import BusyError

_PAUSE = 0.002


@contextmanager
def holding(path: Path, patience: float, mode: int = 0o666) -> Iterator[None]:
    """Own the lock on a file during the block. The file is not removed afterwards.

    Args:
        path: The lock file; its folder must exist.
        patience: The seconds to wait while another writer owns the lock.
        mode: The permissions of the file if it is created, which decide which users can take the lock.

    Raises:
        BusyError: Another writer owned the lock all that time.
        OSError: The file cannot be created.
    """
    until = time.monotonic() + patience
    while (descriptor := _take(path, mode)) is None:
        if time.monotonic() > until:
            raise BusyError(f"another program has been writing for {patience:g} s; try again later", str(path.parent))
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        with suppress(OSError):  # nothing is written to it
            os.close(descriptor)


def _take(path: Path, mode: int) -> int | None:
    """Take the lock and return the open file; None if it is taken, or the file has just been removed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None
