"""Writes of definition files: by one writer at a time, atomic, never over a concurrent change of another one."""

import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from segbatch.definitions.discovery import read_failure
from segbatch.definitions.loader import read_content
from segbatch.errors import BusyError, StaleError, StoreError
from segbatch.platform.file_lock import lock_file
from segbatch.platform.files import UncertainError, link_file, new_file, remove_file, replace_file
from segbatch.text import printable

_UNFINISHED = ".segbatch.new"
"""The name of a file during a write. The lock permits one writer, so a crash leaves at most one such file."""

LOCK = ".segbatch.lock"
"""The file that writers lock, in the folder of the definitions. Scripts can lock it too: `flock .segbatch.lock ...`."""

_ATTEMPTS = 5

_Result = TypeVar("_Result")


class UncertainStoreError(StoreError):
    """Writing a change failed, and it is unknown whether the change was made."""


class ChangedMeanwhileError(Exception):
    """A program that does not use the lock changed the file in the meantime."""


class WriteLock:
    """The lock that writers of a folder of definitions, or of a single file, share. Thread-safe."""

    def __init__(self, path: Path, timeout: float) -> None:
        """Create the lock of a folder; nothing is locked yet.

        Args:
            timeout: The seconds that a writer waits for other writers.
        """
        self._path = path
        self._timeout = timeout
        self._writer = Lock()

    def run_exclusively(self, attempt: Callable[[], _Result]) -> _Result:
        """Run a function while all other writers wait.

        Args:
            attempt: The function. It is called again if a program that does not use the lock wrote the same file.

        Raises:
            BusyError: Other writers owned the lock all the time.
            StaleError: The file was changed during each attempt.
            StoreError: A file cannot be written.
        """
        with translate_read_errors(self._path):
            folder = self._path.parent if self._path.is_file() else self._path
        if not self._writer.acquire(timeout=self._timeout):
            message = f"other writers owned the lock for {self._timeout:g} s; try again later"
            raise BusyError(message, printable(str(self._path)))
        try:
            with translate_write_errors(folder), lock_folder(folder, self._timeout):
                return self._retry(attempt)
        finally:
            self._writer.release()

    def _retry(self, attempt: Callable[[], _Result]) -> _Result:
        for _ in range(_ATTEMPTS):
            with suppress(ChangedMeanwhileError):
                return attempt()
        raise StaleError("another program keeps changing the file; try again later", printable(str(self._path)))


def lock_folder(folder: Path, timeout: float) -> AbstractContextManager[None]:
    """Return a context manager that locks a folder.

    Args:
        folder: The folder; it must exist.
        timeout: The seconds to wait while another writer owns the lock.

    Raises:
        BusyError: Another writer owned the lock all that time.
        OSError: The file cannot be created.
    """
    return lock_file(folder / LOCK, timeout)


@contextmanager
def translate_write_errors(path: Path) -> Iterator[None]:
    """Translate errors of writing; the message states whether the file was changed.

    Raises:
        StoreError: Writing failed, for example because the disk is full or the folder is read-only.
        UncertainStoreError: It is unknown whether the change was made.
    """
    try:
        yield
    except UncertainError as error:
        message = f"cannot be written: {error.strerror}; the file may have been changed; check its content"
        raise UncertainStoreError(message, _place(error, path)) from None
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}; nothing was changed", _place(error, path)) from None


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Translate errors of reading to a `StoreError`.

    Raises:
        StoreError: A file or a folder cannot be read.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot be read: {error.strerror}", _place(error, path)) from None


def read(file: Path) -> bytes:
    """Read a file that is to be changed.

    Raises:
        ChangedMeanwhileError: The file was removed.
        StoreError: The file cannot be read, or is a link, which may lead anywhere.
    """
    try:
        if stat.S_ISLNK(file.lstat().st_mode):
            message = "is a link, and segbatch does not write through links; change the target file"
            raise StoreError(message, printable(str(file)))
        return read_content(file)
    except (FileNotFoundError, NotADirectoryError):
        raise ChangedMeanwhileError from None
    except OSError as error:
        raise StoreError(f"{read_failure(error)}; nothing was changed", printable(str(file))) from None


def replace(file: Path, content: bytes, was: bytes) -> None:
    """Replace the content of a file atomically.

    Args:
        content: The new content.
        was: The content when it was read.

    Raises:
        ChangedMeanwhileError: The file has other content by now.
        UnflushedError: The file is replaced, but the change may not survive a power failure.
    """
    with new_file(file.with_name(_UNFINISHED), content) as new:
        _ensure_unchanged(file, was)
        new.chmod(stat.S_IMODE(file.stat().st_mode))
        replace_file(new, file)


def add(file: Path, content: bytes) -> None:
    """Create a file atomically.

    Raises:
        ChangedMeanwhileError: A file of that name exists by now.
        UnflushedError: The file is created, but may not survive a power failure.
    """
    with new_file(file.with_name(_UNFINISHED), content) as new:
        try:
            link_file(new, file)
        except FileExistsError:
            raise ChangedMeanwhileError from None


def remove(file: Path, was: bytes) -> None:
    """Remove a file.

    Raises:
        ChangedMeanwhileError: The file has other content than when it was read.
        UnflushedError: The file is removed, but the removal may not survive a power failure.
    """
    _ensure_unchanged(file, was)
    remove_file(file)


def _place(error: OSError, path: Path) -> str:
    return printable(str(error.filename or path))


def _ensure_unchanged(file: Path, was: bytes) -> None:
    if read(file) != was:
        raise ChangedMeanwhileError
