"""Write lock of a folder of definitions: one writer at a time, across threads and programs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from segbatch.definitions.store import files
from segbatch.definitions.store.files import ChangedMeanwhileError
from segbatch.errors import BusyError, StaleError
from segbatch.platform.file_lock import lock_file
from segbatch.text import printable

LOCK = ".segbatch.lock"
"""The file that writers lock, in the folder of the definitions. Scripts can lock it too: `flock .segbatch.lock ...`."""

_ATTEMPTS = 5

_Result = TypeVar("_Result")


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


class WriteLock:
    """The lock that writers of a folder of definitions, or of a single file, share. Thread-safe."""

    def __init__(self, path: Path, timeout: float) -> None:
        """Create the lock of a folder; nothing is locked yet.

        Args:
            path: The folder or the file.
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
        with files.translate_read_errors(self._path):
            folder = self._path.parent if self._path.is_file() else self._path
        if not self._writer.acquire(timeout=self._timeout):
            message = f"other writers owned the lock for {self._timeout:g} s; try again later"
            raise BusyError(message, printable(str(self._path)))
        try:
            with files.translate_write_errors(folder), lock_folder(folder, self._timeout):
                return self._retry(attempt)
        finally:
            self._writer.release()

    def _retry(self, attempt: Callable[[], _Result]) -> _Result:
        for _ in range(_ATTEMPTS):
            with suppress(ChangedMeanwhileError):
                return attempt()
        raise StaleError("another program keeps changing the file; try again later", printable(str(self._path)))
