"""Writing files safely: checking the target, flushing to disk, and replacing a file in one step."""

import grp
import os
import pwd
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from segbatch.errors import Problem, UsageError
from segbatch.text import printable

_STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
"""Paths of streams of this process, even if they currently lead to a file."""


class UnflushedError(OSError):
    """A file was changed, but its folder could not be flushed. A power failure may undo the change."""


class UncertainError(OSError):
    """Changing a file failed, and its path cannot be checked, so the change may have happened."""


Warn = Callable[[Problem], None]
"""A function that takes a warning about a change that is made."""


def warn_caller(problem: Problem) -> None:
    """Emit a Python warning, for callers that do not receive warnings in another way."""
    warnings.warn(str(problem), RuntimeWarning, stacklevel=3)


def unflushed(place: Path, error: UnflushedError) -> Problem:
    """Return the warning about a changed file whose change may not survive a power failure."""
    message = f"is changed, but that may not survive a power failure: {error.strerror}; check the disk"
    return Problem(message, file=printable(str(place)), severity="warning")


def find_file(place: Path, option: str, *, instead: str = "name a file") -> Path:
    """Return the path to write a file to, with links resolved, and check that it can be written there.

    Args:
        place: The path as the user wrote it.
        option: The command-line option with the path, for messages.
        instead: The advice if the path is a pipe or a device.

    Returns:
        The path. It is a regular file, or does not exist.

    Raises:
        UsageError: The path is a folder, a pipe or a device, or its folder does not exist.
    """
    name = printable(str(place))
    try:
        found = Path(os.path.realpath(place))
        mode, mode_around = _mode_of(place), _mode_of(found.parent)
    except ValueError:
        raise UsageError(f"{name}: no path has a NUL in it ({option})") from None
    except OSError as error:
        raise UsageError(f"{name}: cannot be written: {error.strerror} ({option})") from None
    if str(place.absolute()).startswith(_STREAMS) or (mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))):
        raise UsageError(f"{name}: is a pipe or a device, and not a file; {instead} ({option})")
    folder = printable(str(found.parent if place.is_symlink() else place.parent))
    if mode_around is None:
        link = f"{name}: is a link into a folder that is not there: " if place.is_symlink() else ""
        raise UsageError(f"{link}{folder}{'' if link else ': no such folder'}; make it first ({option})")
    if not stat.S_ISDIR(mode_around):
        raise UsageError(f"{folder}: is a file, and not a folder ({option})")
    if mode and stat.S_ISDIR(mode):
        raise UsageError(f"{name}: is a folder; name a file ({option})")
    return found


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def others_may_write(found: os.stat_result, *, is_own_group_fine: bool = False) -> bool:
    """Return whether the mode of a file allows users other than its owner and root to write it.

    Args:
        found: The status of the file.
        is_own_group_fine: Whether the file may be writable by a group that has no other member than its owner. With
            such groups, the umask is usually 002, which makes all files group-writable.
    """
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not (is_own_group_fine and _is_own_group(found))


def _is_own_group(found: os.stat_result) -> bool:
    """Return whether the group of a file has no other member than its owner, as far as this machine knows."""
    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:  # as in a container that runs with any user id
        return found.st_uid == os.geteuid() and found.st_gid == os.getegid()
    return owner.pw_gid == found.st_gid and set(group.gr_mem) <= {owner.pw_name}


def sync_file(path: Path) -> None:
    """Flush a file's content to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Flush the names in a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush a folder and everything below it to the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
    sync_folder(folder)


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


def link_file(new: Path, place: Path) -> None:
    """Give a complete file a second name, unless that name exists.

    Raises:
        FileExistsError: The name exists.
        UnflushedError: The name is added, but the change may not survive a power failure.
        UncertainError: The name may be added.
        OSError: The name is not added.
    """
    sync_file(new)
    own = new.stat()
    with _settled(lambda: os.path.samestat(own, place.lstat()), place):
        os.link(new, place)
    flush_folder(place.parent)


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
def _settled(is_done: Callable[[], bool], place: Path, *, if_gone: bool = False) -> Iterator[None]:
    """Check after an error whether the step succeeded anyway, as network file systems may report.

    Args:
        is_done: Checks the path for the result of the step.
        place: The path that the step changes.
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
            raise UncertainError(error.errno, error.strerror, str(place)) from None
        if done:
            raise UnflushedError(error.errno, error.strerror, str(place)) from None
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
