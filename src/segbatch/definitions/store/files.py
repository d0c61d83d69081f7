"""Putting a definition's file on the disk: whole or not at all, and never over what somebody else just wrote."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segbatch.definitions.discovery import reason
from segbatch.definitions.loader import read_content
from segbatch.errors import StoreError
from segbatch.platform.files import UncertainError, link_file, remove_file, replace_file
from segbatch.text import printable

__all__ = ["ChangedMeanwhileError", "UncertainStoreError", "add", "read", "reading", "remove", "replace", "writing"]

_UNFINISHED = ".segbatch.new"
"""The name of a file that is being written. The lock lets one writer in, so that a crash leaves one at most."""


class UncertainStoreError(StoreError):
    """Writing a change failed, and whether the change was made cannot be found out."""


class ChangedMeanwhileError(Exception):
    """Somebody wrote the file, who does not know of the lock, while it was worked on."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of writing into one that says what to do.

    Raises:
        StoreError: The disk is full, the folder cannot be written, or the like.
        UncertainStoreError: Whether the change was made cannot be found out.
    """
    try:
        yield
    except UncertainError as error:
        message = f"cannot be written: {error.strerror}; it may have been changed, so look at it"
        raise UncertainStoreError(message, _place(error, path)) from None
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}; nothing was changed", _place(error, path)) from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of reading into one that says so.

    Raises:
        StoreError: A file or a folder cannot be read.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot be read: {error.strerror}", _place(error, path)) from None


def _place(error: OSError, path: Path) -> str:
    return printable(str(error.filename or path))


def read(file: Path) -> bytes:
    """Read a file that is to be changed.

    Raises:
        ChangedMeanwhileError: It is gone.
        StoreError: It cannot be read; or it is a link, which may lead anywhere.
    """
    try:
        if stat.S_ISLNK(file.lstat().st_mode):
            message = "is a link, and links are not written through; change the file that it leads to"
            raise StoreError(message, printable(str(file)))
        return read_content(file)
    except (FileNotFoundError, NotADirectoryError):
        raise ChangedMeanwhileError from None
    except OSError as error:
        raise StoreError(f"{reason(error)}; nothing was changed", printable(str(file))) from None


def replace(file: Path, content: bytes, was: bytes) -> None:
    """Give a file other content in one step.

    Args:
        file: The file.
        content: What it is to hold.
        was: What it held when it was read.

    Raises:
        ChangedMeanwhileError: It holds something else by now.
        UnflushedError: It is replaced, which may not survive a power failure.
    """
    with _written(file.parent, content) as new:
        _ensure_unchanged(file, was)
        new.chmod(stat.S_IMODE(file.stat().st_mode))
        replace_file(new, file)


def add(file: Path, content: bytes) -> None:
    """Make a new file in one step.

    Raises:
        ChangedMeanwhileError: There is one of that name by now.
        UnflushedError: It is made, which may not survive a power failure.
    """
    with _written(file.parent, content) as new:
        try:
            link_file(new, file)
        except FileExistsError:
            raise ChangedMeanwhileError from None


def remove(file: Path, was: bytes) -> None:
    """Remove a file.

    Raises:
        ChangedMeanwhileError: It holds something else than when it was read.
        UnflushedError: It is removed, which may not survive a power failure.
    """
    _ensure_unchanged(file, was)
    remove_file(file)


@contextmanager
def _written(folder: Path, content: bytes) -> Iterator[Path]:
    """Write a file under a name that is never read; what is left of it by then goes at the end."""
    new = folder / _UNFINISHED
    new.unlink(missing_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - opened so that no link is followed
            file.write(content)
        yield new
    finally:
        with suppress(OSError):  # the next change removes it
            new.unlink(missing_ok=True)


def _ensure_unchanged(file: Path, was: bytes) -> None:
    if read(file) != was:
        raise ChangedMeanwhileError
