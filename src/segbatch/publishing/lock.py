"""One run at a time on an output.

The operating system holds the lock, on the folder itself, and lets go of it when the process ends, however it ends: no
file is left that somebody would have to remove.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segbatch.errors import SegbatchError

__all__ = ["LockedError", "locked"]


class LockedError(SegbatchError):
    """Another run is at work on the same output."""

    exit_code = 75
    """EX_TEMPFAIL of sysexits.h: try again later."""


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Hold the lock of an output folder, which has to be there.

    Raises:
        LockedError: Another run holds it.
    """
    descriptor = os.open(output, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LockedError(f"{output}: another run is at work on it; run again when that one is done") from None
    try:
        yield
    finally:
        os.close(descriptor)
