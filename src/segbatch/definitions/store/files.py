"""Putting a definition's file on the disk: whole or not at all, and never over what somebody else just wrote."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segbatch.definitions.loading import read_content
from segbatch.disk import sync_file, sync_folder
from segbatch.errors import StoreError, printable

__all__ = ["ChangedMeanwhileError", "add", "read", "remove", "replace", "writing"]

_UNFINISHED = ".segbatch.new"
"""The name of a file that is being written. The lock lets one writer in, so that a crash leaves one at most."""


class ChangedMeanwhileError(Exception):
    """Somebody wrote the file, who does not know of the lock, while it was worked on."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of writing into one that says what to do.

    Raises:
        StoreError: The disk is full, the folder cannot be written, or the like.
    """
    try:
        yield
    except OSError as error:
        place = printable(str(error.filename or path))
        raise StoreError(f"cannot be written: {error.strerror}; nothing was changed", place) from None


def read(file: Path) -> bytes:
    """Read a file that is to be changed.

    Raises:
        ChangedMeanwhileError: It is gone.
        StoreError: It is a link, which may lead anywhere.
    """
    try:
        if stat.S_ISLNK(file.lstat().st_mode):
            message = "is a link, and links are not written through; change the file that it leads to"
            raise StoreError(message, printable(str(file)))
        return read_content(file)
    except (FileNotFoundError, NotADirectoryError):
        raise ChangedMeanwhileError from None


def replace(file: Path, content: bytes, was: bytes) -> None:
    """Give a file other content in one step.

    Args:
        file: The file.
        content: What it is to hold.
        was: What it held when it was read.

    Raises:
        ChangedMeanwhileError: It holds something else by now.
    """
    with _written(file.parent, content) as new:
        _ensure_unchanged(file, was)
        new.chmod(stat.S_IMODE(file.stat().st_mode))
        new.replace(file)
    sync_folder(file.parent)


def add(file: Path, content: bytes) -> None:
    """Make a new file in one step.

    Raises:
        ChangedMeanwhileError: There is one of that name by now.
    """
    with _written(file.parent, content) as new:
        try:
            os.link(new, file)
        except FileExistsError:
            raise ChangedMeanwhileError from None
    sync_folder(file.parent)


def remove(file: Path, was: bytes) -> None:
    """Remove a file.

    Raises:
        ChangedMeanwhileError: It holds something else than when it was read.
    """
    _ensure_unchanged(file, was)
    file.unlink()
    sync_folder(file.parent)


@contextmanager
def _written(folder: Path, content: bytes) -> Iterator[Path]:
    """Write a file under a name that nobody reads; what is left of it by then goes at the end."""
    new = folder / _UNFINISHED
    new.unlink(missing_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - opened so that no link is followed
            file.write(content)
        sync_file(new)
        yield new
    finally:
        new.unlink(missing_ok=True)


def _ensure_unchanged(file: Path, was: bytes) -> None:
    if read(file) != was:
        raise ChangedMeanwhileError
