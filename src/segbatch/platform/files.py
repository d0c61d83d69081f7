"""Finding the file that is to be written, making sure that it is on the disk, and replacing another in one step."""

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

__all__ = [
    "UncertainError",
    "UnflushedError",
    "Warn",
    "find_file",
    "flush_folder",
    "link_file",
    "others_may_write",
    "remove_file",
    "replace_file",
    "sync_file",
    "sync_folder",
    "sync_tree",
    "unflushed",
    "warn_caller",
]

_STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
"""What is called so is a stream of this process, even where it leads to a file at the moment."""


class UnflushedError(OSError):
    """A file is in its place, but its folder could not be flushed: a power failure may undo that."""


class UncertainError(OSError):
    """A step of putting a file in its place failed, and the place cannot be looked at, so the file may be there."""


Warn = Callable[[Problem], None]
"""Takes a warning about a change that is made."""


def warn_caller(problem: Problem) -> None:
    """Pass a warning on as one of Python, for callers that do not ask for warnings in another way."""
    warnings.warn(str(problem), RuntimeWarning, stacklevel=3)


def unflushed(place: Path, error: UnflushedError) -> Problem:
    """Return the warning about a change of a file that may not survive a power failure."""
    message = f"is changed, but that may not survive a power failure: {error.strerror}; check the disk"
    return Problem(message, file=printable(str(place)), severity="warning")


def find_file(place: Path, option: str, *, instead: str = "name a file") -> Path:
    """Find where a file is to be written that takes the place of what is there.

    Args:
        place: What its writer calls it.
        option: What names it on the command line.
        instead: What to do where it is a pipe or a device.

    Returns:
        The place; of a link, what it leads to. Either it is a file, or nothing is there.

    Raises:
        UsageError: A folder, a pipe or a device is there, or no folder to write it in.
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
    """Find out from the mode of a file whether other users than its owner and root may write it.

    Args:
        found: The state of the file.
        is_own_group_fine: Whether the file may be writable by a group that has no member but its owner. With a umask
            of 002, which goes with such groups, all files are.
    """
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not (is_own_group_fine and _is_own_group(found))


def _is_own_group(found: os.stat_result) -> bool:
    """Tell whether the group of a file is the one that belongs to its owner alone, as far as this machine knows."""
    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:  # as in a container that runs with any user id
        return found.st_uid == os.geteuid() and found.st_gid == os.getegid()
    return owner.pw_gid == found.st_gid and set(group.gr_mem) <= {owner.pw_name}


def sync_file(path: Path) -> None:
    """Make sure that a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make sure that a folder and all below it are on the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
    sync_folder(folder)


def replace_file(new: Path, old: Path) -> None:
    """Put a complete file in the place of another, in one step; readers of the old one go on with it.

    Raises:
        UnflushedError: The new file is in its place, which may not survive a power failure.
        UncertainError: The new file may be in its place.
        OSError: The old file is still there.
    """
    sync_file(new)
    own = new.stat()
    with _settled(lambda: os.path.samestat(own, old.lstat()), old):
        new.replace(old)
    flush_folder(old.parent)


def link_file(new: Path, place: Path) -> None:
    """Give a complete file a second name, if nothing has that name yet.

    Raises:
        FileExistsError: Something has it.
        UnflushedError: The file is in its place, which may not survive a power failure.
        UncertainError: The file may be in its place.
        OSError: The file is not in its place.
    """
    sync_file(new)
    own = new.stat()
    with _settled(lambda: os.path.samestat(own, place.lstat()), place):
        os.link(new, place)
    flush_folder(place.parent)


def remove_file(file: Path) -> None:
    """Remove a file.

    Raises:
        UnflushedError: The file is removed, which may not survive a power failure.
        UncertainError: The file may be removed.
        OSError: The file is still there.
    """
    with _settled(lambda: not file.lstat(), file, if_gone=True):
        file.unlink()
    flush_folder(file.parent)


@contextmanager
def _settled(is_done: Callable[[], bool], place: Path, *, if_gone: bool = False) -> Iterator[None]:
    """Find out after an error whether a step was done in spite of it, as file systems of a network may report.

    Args:
        is_done: Looks at the place.
        place: Where the step is done.
        if_gone: What it means that the place is empty.

    Raises:
        UnflushedError: It was done.
        UncertainError: The place cannot be looked at.
        OSError: It was not done.
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
    """Flush a folder in which a file has just come into its place.

    Raises:
        UnflushedError: It cannot be flushed.
    """
    try:
        sync_folder(path)
    except OSError as error:
        raise UnflushedError(error.errno, error.strerror, str(path)) from None
