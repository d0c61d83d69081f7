"""One writer at a time, whichever program, thread or command it is.

The operating system holds the lock, on a hidden file, and lets go of it when the process ends, however it ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import BusyError

__all__ = ["holding"]

_PAUSE = 0.002


@contextmanager
def holding(path: Path, patience: float, mode: int = 0o666) -> Iterator[None]:
    """Hold the lock on a file, which stays there.

    Args:
        path: The file; its folder has to be there.
        patience: For how many seconds to wait while another writer holds it.
        mode: Who may take the lock, where the file is made.

    Raises:
        BusyError: Another writer holds it all that time.
        OSError: The file cannot be made.
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
    """Take the lock and return the open file; None where another has it, or somebody has just removed the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None
