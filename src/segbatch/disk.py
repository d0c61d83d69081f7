"""Finding the file that is to be written, making sure that it is on the disk, and replacing another in one step."""

import grp
import os
import pwd
import stat
from pathlib import Path

from segbatch.errors import UsageError, printable

__all__ = [
    "UnflushedError",
    "find_file",
    "flush_folder",
    "others_may_write",
    "replace_file",
    "sync_file",
    "sync_folder",
    "sync_tree",
]

_STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
"""What is called so is a stream of this process, even where it leads to a file at the moment."""


class UnflushedError(OSError):
    """A file is in its place, but its folder could not be flushed: a power failure may undo that."""


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
        OSError: The old file is still there.
    """
    sync_file(new)
    new.replace(old)
    flush_folder(old.parent)


def flush_folder(path: Path) -> None:
    """Flush a folder in which a file has just come into its place.

    Raises:
        UnflushedError: It cannot be flushed.
    """
    try:
        sync_folder(path)
    except OSError as error:
        raise UnflushedError(error.errno, error.strerror, str(path)) from None
