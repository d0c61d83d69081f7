"""A hidden temporary file next to its destination, which replaces the destination once it is complete."""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.platform.shutdown import shutdown


@contextmanager
def aside_of(place: Path) -> Iterator[Path]:
    """Create a hidden temporary file in the folder of a destination, to be moved there once it is complete.

    If it still exists at the end of the block, it is removed. Temporary files that killed processes left for the same
    destination are removed first.

    Args:
        place: The destination.
    """
    mark = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:12]
    with suppress(OSError):  # the next call removes them
        for left in place.parent.glob(f".segbatch-{mark}-*"):
            _remove_if_left(left)
    aside = place.with_name(f".segbatch-{mark}-{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with shutdown.cleanup(lambda: _discard(aside)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield aside
        finally:
            os.close(descriptor)


def _discard(aside: Path) -> None:
    """Remove a file if possible. The next export removes leftover files."""
    with suppress(OSError):
        aside.unlink(missing_ok=True)


def _remove_if_left(aside: Path) -> None:
    """Remove a file whose writer has died. A living writer owns a lock on its file."""
    with suppress(OSError):
        descriptor = os.open(aside, os.O_WRONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside.unlink()
        finally:
            os.close(descriptor)
