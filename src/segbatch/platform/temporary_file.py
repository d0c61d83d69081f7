"""A hidden file beside its destination, which takes the place of the destination once it is complete."""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.platform.shutdown import underway

__all__ = ["aside_of"]


@contextmanager
def aside_of(place: Path) -> Iterator[Path]:
    """Make a hidden file in the same folder, to be put in a place once it is complete.

    It is removed at the end if it is still there, and so is what a killed process left of earlier ones.

    Args:
        place: Where the file is to be.
    """
    mark = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:12]
    with suppress(OSError):  # a later one removes them
        for left in place.parent.glob(f".segbatch-{mark}-*"):
            _remove_if_left(left)
    aside = place.with_name(f".segbatch-{mark}-{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with underway.ending(lambda: _discard(aside)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield aside
        finally:
            os.close(descriptor)


def _discard(aside: Path) -> None:
    """Remove a file, if that is possible: the next export removes what is left."""
    with suppress(OSError):
        aside.unlink(missing_ok=True)


def _remove_if_left(aside: Path) -> None:
    """Remove a file whose writer is dead: one that is alive holds a lock on it."""
    with suppress(OSError):
        descriptor = os.open(aside, os.O_WRONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside.unlink()
        finally:
            os.close(descriptor)
