"""One writer at a time in a folder of definitions, whether a thread of this process or another program."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from segbatch.definitions.store import files
from segbatch.definitions.store.files import ChangedMeanwhileError
from segbatch.errors import BusyError, StaleError
from segbatch.platform.file_lock import holding
from segbatch.text import printable

__all__ = ["LOCK", "Writers", "writing_alone"]

LOCK = ".segbatch.lock"
"""The file that writers lock, in the folder of the definitions. Scripts of your own can: `flock .segbatch.lock ...`."""

_TRIES = 5

_Result = TypeVar("_Result")


def writing_alone(folder: Path, patience: float) -> AbstractContextManager[None]:
    """Hold the lock of a folder.

    Args:
        folder: The folder; it has to be there.
        patience: For how many seconds to wait while another writer holds it.

    Raises:
        BusyError: Another writer holds it all that time.
        OSError: The file cannot be made.
    """
    return holding(folder / LOCK, patience)


class Writers:
    """The writers of a folder of definitions, or of a single file. Threads can share it."""

    def __init__(self, path: Path, patience: float) -> None:
        """Know a folder; nothing is locked yet.

        Args:
            path: The folder or the file.
            patience: For how many seconds a writer waits while others are at work.
        """
        self._path = path
        self._patience = patience
        self._writer = Lock()

    def alone(self, attempt: Callable[[], _Result]) -> _Result:
        """Do something while all other writers wait.

        Args:
            attempt: What to do. It is tried again if a program that does not know of the lock wrote the same file.

        Raises:
            BusyError: Others are at work all the time.
            StaleError: The file was written again at each attempt.
            StoreError: Something cannot be written.
        """
        with files.reading(self._path):
            folder = self._path.parent if self._path.is_file() else self._path
        if not self._writer.acquire(timeout=self._patience):
            message = f"other changes have been made for {self._patience:g} s; try again later"
            raise BusyError(message, printable(str(self._path)))
        try:
            with files.writing(folder), writing_alone(folder, self._patience):
                return self._in_tries(attempt)
        finally:
            self._writer.release()

    def _in_tries(self, attempt: Callable[[], _Result]) -> _Result:
        for _ in range(_TRIES):
            with suppress(ChangedMeanwhileError):
                return attempt()
        raise StaleError("somebody writes the same file again and again; try later", printable(str(self._path)))
