"""The lock of an output folder: one run at a time.

The file contains the last owner, for the messages of waiting processes.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.errors import PublishError, SegbatchError
from segbatch.platform.file_lock import NotALockFileError, open_lock_file, take_lock
from segbatch.text import clipped

_PAUSE = 0.1
_OWNER_READS = 4
_OWNER_READ_PAUSE = 0.05
"""Number of attempts to read the owner of a lock, and seconds between them.

A new owner writes its name shortly after it takes the lock.
"""

_LONGEST_OWNER = 4096
_UNKNOWN_OWNER = "another run is at work on it"


class LockedError(SegbatchError):
    """Another run is at work on the same output."""

    exit_code = 75
    """EX_TEMPFAIL of sysexits.h: try again later."""


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """The behaviour when another run is at work.

    Attributes:
        wait: Whether to wait until the other run ends, without a time limit.
        on_wait: Called once with a message that names the owner of the lock.
    """

    wait: bool = False
    on_wait: Callable[[str], None] | None = None


FAIL_IF_LOCKED = LockPolicy()

Patience = LockPolicy
"""The former name, for programs that import it from `segbatch`."""


@contextmanager
def lock_output(path: Path, purpose: str, policy: LockPolicy) -> Iterator[None]:
    """Own a lock during the block.

    Args:
        path: The file to lock; created if missing.
        purpose: The work that is done under the lock, such as `run 20251105T020000Z`.
        policy: The behaviour when another process owns the lock.

    Raises:
        LockedError: Another process owns the lock.
        PublishError: The path is a link, or not a regular file.
    """
    is_reported = False
    while isinstance(found := _lock(path), str):
        if not policy.wait:
            raise LockedError(f"{path.parent}: {found}; run again when that is done, or with --wait")
        if policy.on_wait and not is_reported:
            policy.on_wait(f"{path.parent}: {found}; waiting")
            is_reported = True
        time.sleep(_PAUSE)
    try:
        with suppress(OSError):  # the owner is only shown in messages; a full disk is reported by the next write
            _write_owner(found, purpose)
        yield
    finally:
        os.close(found)


def _lock(path: Path) -> int | str:
    """Take the lock and return the open file; if it is taken, return a description of its owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = open_lock_file(path)
    except FileNotFoundError:  # a failed run has just removed the folder
        return _UNKNOWN_OWNER
    except NotALockFileError as error:
        raise PublishError(f"{path}: {error.strerror}") from None
    try:
        if take_lock(descriptor, path):
            return descriptor
        owner = _UNKNOWN_OWNER  # a failed run has just removed the file, and the folder with it
    except BlockingIOError:
        owner = _describe_owner(descriptor)
    os.close(descriptor)
    return owner


def _write_owner(descriptor: int, purpose: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    owner = {"what": purpose, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(owner).encode())


def _describe_owner(descriptor: int) -> str:
    """Describe the owner of a lock and since when it owns the lock."""
    for attempt in range(_OWNER_READS):
        if attempt:
            time.sleep(_OWNER_READ_PAUSE)
        if owner := _read_owner(descriptor):
            return owner
    return _UNKNOWN_OWNER


def _read_owner(descriptor: int) -> str | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with suppress(ValueError, KeyError, TypeError):
        owner = json.loads(os.read(descriptor, _LONGEST_OWNER))
        since = datetime.fromisoformat(owner["since"])
        what, pid, host = (clipped(str(owner[name])) for name in ("what", "pid", "host"))  # a long id hides no time
        return f"{what} (process {pid} on {host}) has been at work on it since {since:%Y-%m-%d %H:%M:%S} UTC"
    return None
