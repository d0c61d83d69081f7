"""The differences between operating systems, in one place.

Windows has no `fcntl`, `pwd` and `grp`, some flags of `os.open`, permissions for groups and others, or folders that can
be flushed. Modules import what only POSIX has inside the function that needs it.
"""

import os
from importlib import import_module
from typing import Any

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
"""Do not open a link. Windows creates links only for administrators, and does not have the flag."""

SAFE_OPEN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Do not pass the file to other programs, do not wait for the other end of a pipe, and do not change line ends."""

HAS_USERS = hasattr(os, "geteuid")
"""Whether files have an owner, a group and permissions for others. Windows reports that others may write every file."""

CAN_SYNC_FOLDERS = os.name == "posix"
"""Whether a folder can be opened and flushed."""

CAN_MOVE_OPEN_FILES = os.name == "posix"
"""Whether a file can be moved or removed while it is open. Windows refuses both."""

HAS_SHELL = os.name == "posix"
"""Whether there is `/bin/sh`, which runs hooks."""

_LOCKED_BYTE = 1 << 30
"""The byte that is locked on Windows, far behind the content, so that other processes can read the content."""


def lock_descriptor(descriptor: int) -> None:
    """Take the exclusive lock of an open file. The operating system releases it when the file is closed.

    Raises:
        BlockingIOError: Another process or thread owns the lock.
    """
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ModuleNotFoundError:
        _lock_byte(descriptor)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_byte(descriptor: int) -> None:
    msvcrt: Any = import_module("msvcrt")
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError as error:
        raise BlockingIOError(error.errno, error.strerror) from None
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def set_nonblocking(descriptor: int) -> None:
    """Make writing to a full pipe fail, if the system has such pipes (Windows from Python 3.12)."""
    if hasattr(os, "set_blocking"):
        os.set_blocking(descriptor, False)


def is_running(pid: int) -> bool:
    """Return whether a process may be running on this machine. On Windows, where asking could end it, it always may."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
