"""The lock of an output folder: one run at a time.

The lock is an operating system lock on a file. It is released when the process ends, even if it is killed, so no stale
lock has to be removed. The file contains the last owner, for the messages of waiting processes.
"""

import errno
import fcntl
import json
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.errors import PublishError, SegbatchError
from segbatch.text import clipped

_PAUSE = 0.1
_GLANCES = 4
_GLANCE = 0.05
"""Number of attempts to read the owner of a lock, and seconds between them.

A new owner writes its name shortly after it takes the lock.
"""

_SOMEBODY = "another run is at work on it"


class LockedError(SegbatchError):
    """Another run is at work on the same output."""

    exit_code = 75
    """EX_TEMPFAIL of sysexits.h: try again later."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The behaviour when another run is at work.

    Attributes:
        wait: Whether to wait until the other run ends, without a time limit.
        told: Called once with a message that names the owner of the lock.
    """

    wait: bool = False
    told: Callable[[str], None] | None = None


NO_PATIENCE = Patience()


@contextmanager
def locked(path: Path, what: str, patience: Patience) -> Iterator[None]:
    """Own a lock during the block.

    Args:
        path: The file to lock; created if missing.
        what: The work that is done under the lock, such as `run 20251105T020000Z`.
        patience: The behaviour when another process owns the lock.

    Raises:
        LockedError: Another process owns the lock.
        PublishError: The path is a link, or not a regular file.
    """
    descriptor, told = None, False
    while descriptor is None:
        descriptor, holder = _take(path)
        if descriptor is None:
            if not patience.wait:
                raise LockedError(f"{path.parent}: {holder}; run again when that is done, or with --wait")
            if patience.told and not told:
                patience.told(f"{path.parent}: {holder}; waiting")
                told = True
            time.sleep(_PAUSE)
    try:
        _sign(descriptor, what)
        yield
    finally:
        os.close(descriptor)


def _take(path: Path) -> tuple[int | None, str]:
    """Take the lock and return the open file; if it is taken, return None and a description of its owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = _open(path)
    except FileNotFoundError:  # a failed run has just removed the folder
        return None, _SOMEBODY
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor)
    else:
        if _is_there(descriptor, path):
            return descriptor, ""
        holder = _SOMEBODY  # a failed run has just removed the file, and the folder with it
    os.close(descriptor)
    return None, holder


def _open(path: Path) -> int:
    """Open the lock file for writing, without following links.

    Raises:
        PublishError: The path is a link, a device or another special file.
        FileNotFoundError: The folder is missing.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise PublishError(f"{path}: is a link, and the lock is never written through one; remove it") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PublishError(f"{path}: is not a file, and the lock has to be one; remove it")
    return descriptor


def _is_there(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _sign(descriptor: int, what: str) -> None:
    """Write the owner of the lock to the file."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"what": what, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> str:
    """Describe the owner of a lock and since when it is owned."""
    for glance in range(_GLANCES):
        if glance:
            time.sleep(_GLANCE)
        signed = _signed(descriptor)
        if signed:
            return signed
    return _SOMEBODY


def _signed(descriptor: int) -> str | None:
    with suppress(ValueError, KeyError, TypeError):
        holder = json.loads(os.pread(descriptor, 4096, 0))
        since = datetime.fromisoformat(holder["since"])
        what, pid, host = (clipped(str(holder[name])) for name in ("what", "pid", "host"))  # a long id hides no time
        return f"{what} (process {pid} on {host}) has been at work on it since {since:%Y-%m-%d %H:%M:%S} UTC"
    return None
