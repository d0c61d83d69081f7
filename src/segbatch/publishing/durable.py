"""Writing so that a crash at any instant leaves the old or the new, never half of it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from segbatch.errors import PublishError

__all__ = ["replace_file", "sync_folder", "sync_tree", "writing"]

_REASONS = {errno.ENOTDIR: "a file is in the way", errno.EEXIST: "a file is in the way"}


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Turn errors of writing into one that says what to do.

    Raises:
        PublishError: The disk is full, the folder cannot be written, or the like.
    """
    try:
        yield
    except (OSError, duckdb.Error) as error:
        number = getattr(error, "errno", None) or 0
        reason = _REASONS.get(number) or (os.strerror(number) if number else str(error).splitlines()[0])
        raise PublishError(f"{output}: cannot be written: {reason}; nothing was published") from None


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
    """Put a complete file in the place of another, in one step; readers of the old one go on with it."""
    sync_file(new)
    new.replace(old)
    sync_folder(old.parent)
