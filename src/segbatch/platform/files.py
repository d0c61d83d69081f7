"""Writing files safely: checking the target, temporary files, flushing to disk, and replacing a file in one step."""

import hashlib
import os
import secrets
import stat
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from segbatch.errors import Problem, UsageError
from segbatch.platform.portability import (
    CAN_MOVE_OPEN_FILES,
    CAN_SYNC_FOLDERS,
    HAS_USERS,
    NO_FOLLOW,
    SAFE_OPEN,
    lock_descriptor,
)
from segbatch.platform.shutdown import shutdown
from segbatch.text import printable

STDOUT = "-"  # in place of the name of a file
_STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
"""Paths of streams of this process, even if they currently lead to a file."""

_FLUSHED_AT_ONCE = 8


class UnflushedError(OSError):
    """A file was changed, but its folder could not be flushed. A power failure may undo the change."""


class UncertainError(OSError):
    """Changing a file failed, and its path cannot be checked, so the change may have happened."""


Warn = Callable[[Problem], None]
"""A function that takes a warning about a change that is made."""


def warn_caller(problem: Problem) -> None:
    """Emit a Python warning, for callers that do not receive warnings in another way."""
    warnings.warn(str(problem), RuntimeWarning, stacklevel=3)


def unflushed(path: Path, error: UnflushedError) -> Problem:
    """Return the warning about a changed file whose change may not survive a power failure."""
    message = f"is changed, but that may not survive a power failure: {error.strerror}; check the disk"
    return Problem(message, file=printable(str(path)), severity="warning")


def resolve_destination(path: Path, option: str, *, instead: str = "name a file") -> Path:
    """Return the path to write a file to, with links resolved, and check that it can be written there.

    Args:
        path: The path as the user wrote it.
        option: The command-line option with the path, for messages.
        instead: The advice if the path is a pipe or a device.

    Returns:
        The path. It is a regular file, or does not exist.

    Raises:
        UsageError: The path is a folder, a pipe or a device, or means standard output, or its folder does not exist.
    """
    name = printable(str(path))
    if name == STDOUT:
        raise UsageError(f"{name}: means standard output, which is not possible here; name a file ({option})")
    try:
        found = Path(os.path.realpath(path))
        mode, mode_around, is_link = _mode_of(path), _mode_of(found.parent), path.is_symlink()
    except ValueError:
        raise UsageError(f"{name}: a path cannot contain a NUL character ({option})") from None
    except OSError as error:
        raise UsageError(f"{name}: cannot be written: {error.strerror} ({option})") from None
    if str(path.absolute()).startswith(_STREAMS) or (mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))):
        raise UsageError(f"{name}: is a pipe or a device, not a regular file; {instead} ({option})")
    folder = printable(str(found.parent if is_link else path.parent))
    if mode_around is None:
        link = f"{name}: is a link into a missing folder: " if is_link else ""
        raise UsageError(f"{link}{folder}{'' if link else ': no such folder'}; create it first ({option})")
    if not stat.S_ISDIR(mode_around):
        raise UsageError(f"{folder}: is a file, not a folder ({option})")
    if mode and stat.S_ISDIR(mode):
        raise UsageError(f"{name}: is a folder; name a file ({option})")
    return found


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_writable_by_others(found: os.stat_result, *, is_own_group_fine: bool = False) -> bool:
    """Return whether the mode of a file allows users other than its owner and root to write it.

    Args:
        found: The status of the file.
        is_own_group_fine: Whether the file may be writable by a group that has no other member than its owner. With
            such groups, the umask is usually 002, which makes all files group-writable.
    """
    if not HAS_USERS:
        return False
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not (is_own_group_fine and _is_own_group(found))


def _is_own_group(found: os.stat_result) -> bool:
    """Return whether the group of a file has no other member than its owner, as far as this machine knows."""
    import grp  # noqa: PLC0415 - POSIX only
    import pwd  # noqa: PLC0415 - POSIX only

    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:  # as in a container that runs with any user id
        return found.st_uid == os.geteuid() and found.st_gid == os.getegid()
    return owner.pw_gid == found.st_gid and set(group.gr_mem) <= {owner.pw_name}


@contextmanager
def new_file(path: Path, content: bytes, mode: int = 0o666) -> Iterator[Path]:
    """Write a file under a temporary name, to be moved to its destination in the block.

    If it still exists at the end of the block, it is removed. Writers need a lock, since the name is always the same.

    Args:
        path: The temporary name. A file that a killed process left there is removed first.
        mode: The permissions.
    """
    path.unlink(missing_ok=True)
    try:
        with _create(path, mode) as file:
            file.write(content)
        yield path
    finally:
        _try_remove(path)  # if it fails, the next call removes it


@contextmanager
def temporary_file(destination: Path) -> Iterator[Path]:
    """Create a hidden file next to a destination, to be filled and moved there in the block.

    If it still exists at the end of the block, it is removed. Temporary files that killed processes left for the same
    destination are removed first. Several processes can write at the same time.
    """
    mark = hashlib.sha256(os.fsencode(destination.name)).hexdigest()[:12]
    with suppress(OSError):  # the next call removes them
        for leftover in destination.parent.glob(f".segbatch-{mark}-*"):
            _remove_if_abandoned(leftover)
    path = destination.with_name(f".segbatch-{mark}-{secrets.token_hex(4)}")
    with _create(path) as file, shutdown.cleanup(lambda: _try_remove(path)):
        if CAN_MOVE_OPEN_FILES:
            with suppress(BlockingIOError):  # another process is about to remove it; the writer creates it again
                lock_descriptor(file.fileno())
        else:
            file.close()
        yield path


def _create(path: Path, mode: int = 0o666) -> IO[bytes]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | SAFE_OPEN, mode)
    return open(descriptor, "wb")  # noqa: PTH123 - a descriptor, opened without following links


def _try_remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _remove_if_abandoned(path: Path) -> None:
    """Remove a file whose writer has died. A living writer has a lock on it; on Windows, it has it open."""
    with suppress(OSError), path.open("r+b") if CAN_MOVE_OPEN_FILES else nullcontext() as file:
        if file:
            lock_descriptor(file.fileno())
        path.unlink()


def sync_file(path: Path) -> None:
    """Flush a file's content to the disk."""
    with path.open("rb" if CAN_SYNC_FOLDERS else "r+b") as file:  # Windows flushes only what may be written
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, where the system can do that."""
    if not CAN_SYNC_FOLDERS:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush a folder and everything below it to the disk.

    Files are flushed at the same time, since a file system writes its journal once for several of them.
    """
    with ThreadPoolExecutor(_FLUSHED_AT_ONCE, "flush") as pool:
        for _ in pool.map(_sync, (folder, *folder.rglob("*"))):
            pass  # an error of any is raised here


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
    else:
        sync_file(path)


def replace_file(new: Path, old: Path) -> None:
    """Replace a file with a complete file in one step. Open readers keep reading the old one.

    Raises:
        UnflushedError: The file is replaced, but the change may not survive a power failure.
        UncertainError: The file may be replaced.
        OSError: The file is not replaced.
    """
    sync_file(new)
    own = new.stat()
    with _settled(lambda: os.path.samestat(own, old.lstat()), old):
        new.replace(old)
    flush_folder(old.parent)


def link_file(new: Path, path: Path) -> None:
    """Give a complete file a second name, if that does not exist yet.

    Raises:
        FileExistsError: The name exists.
        UnflushedError: The name is added, but the change may not survive a power failure.
        UncertainError: The name may be added.
        OSError: The name is not added.
    """
    sync_file(new)
    own = new.stat()
    with _settled(lambda: os.path.samestat(own, path.lstat()), path):
        os.link(new, path)
    flush_folder(path.parent)


def remove_file(file: Path) -> None:
    """Remove a file.

    Raises:
        UnflushedError: The file is removed, but the change may not survive a power failure.
        UncertainError: The file may be removed.
        OSError: The file is not removed.
    """
    with _settled(lambda: not file.lstat(), file, if_gone=True):
        file.unlink()
    flush_folder(file.parent)


@contextmanager
def _settled(is_done: Callable[[], bool], path: Path, *, if_gone: bool = False) -> Iterator[None]:
    """Check after an error whether the step succeeded anyway, as network file systems may report.

    Args:
        is_done: Checks the path for the result of the step.
        if_gone: Whether a missing path means that the step succeeded.

    Raises:
        UnflushedError: The step succeeded.
        UncertainError: The path cannot be checked.
        OSError: The step failed.
    """
    try:
        yield
    except OSError as error:
        try:
            done = is_done()
        except FileNotFoundError:
            done = if_gone
        except OSError:
            raise UncertainError(error.errno, error.strerror, str(path)) from None
        if done:
            raise UnflushedError(error.errno, error.strerror, str(path)) from None
        raise


def flush_folder(path: Path) -> None:
    """Flush a folder after a file in it was changed.

    Raises:
        UnflushedError: The folder cannot be flushed.
    """
    try:
        sync_folder(path)
    except OSError as error:
        raise UnflushedError(error.errno, error.strerror, str(path)) from None
