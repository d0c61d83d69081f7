"""Locks on files: one owner at a time, across programs, threads and commands.

The operating system owns the lock and releases it when the process ends, even if it is killed, so no stale lock has to
be removed. A lock file is a regular file, never a link, and can have content, such as the name of the owner.
"""

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.errors import BusyError
from segbatch.platform.portability import NO_FOLLOW, SAFE_OPEN, lock_descriptor

_PAUSE = 0.002
_LINK = "is a link, and locks are not written through links; remove it"


class NotALockFileError(OSError):
    """The path is a link, a device or another special file. The text is the problem and the fix."""

    def __init__(self, problem: str, path: Path) -> None:
        super().__init__(errno.EINVAL, problem, str(path))


@contextmanager
def lock_file(path: Path, timeout: float, mode: int = 0o666) -> Iterator[None]:
    """Own the lock on a file during the block. The file is not removed afterwards.

    Args:
        path: The lock file; its folder must exist.
        timeout: The seconds to wait while another writer owns the lock.
        mode: The permissions of the file if it is created, which decide which users can take the lock.

    Raises:
        BusyError: Another writer owned the lock all that time.
        OSError: The file cannot be created.
    """
    until = time.monotonic() + timeout
    while (descriptor := _open_and_lock(path, mode)) is None:
        if time.monotonic() > until:
            raise BusyError(f"another program has been writing for {timeout:g} s; try again later", str(path.parent))
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        with suppress(OSError):  # nothing is written to it
            os.close(descriptor)


def _open_and_lock(path: Path, mode: int) -> int | None:
    descriptor = open_lock_file(path, mode)
    with suppress(BlockingIOError):
        if take_lock(descriptor, path):
            return descriptor
    os.close(descriptor)
    return None


def open_lock_file(path: Path, mode: int = 0o666) -> int:
    """Open a lock file for reading and writing, without following links. It is created if it is missing.

    Raises:
        NotALockFileError: The path is a link, a device or another special file.
        FileNotFoundError: The folder is missing.
    """
    if not NO_FOLLOW and path.is_symlink():
        raise NotALockFileError(_LINK, path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW | SAFE_OPEN, mode)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise NotALockFileError(_LINK, path) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotALockFileError("is not a regular file, as the lock must be; remove it", path)
    return descriptor


def take_lock(descriptor: int, path: Path) -> bool:
    """Take the lock of an open lock file.

    Returns:
        Whether this process owns the lock; False if the file was removed or replaced since it was opened.

    Raises:
        BlockingIOError: Another process or thread owns the lock.
    """
    lock_descriptor(descriptor)
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
