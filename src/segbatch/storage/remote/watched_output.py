"""The output of a server, which looks for a new run at most once a second."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from segbatch.errors import Problem, PublishError
from segbatch.storage.remote.open_output import fetch_members, find_copy, naming_address

if TYPE_CHECKING:
    from segbatch.storage.remote.local_copy import LocalCopy
    from segbatch.storage.remote.publication import Pointer

_INTERVAL = 1.0
_PATIENCE = 2.0
"""The seconds that a request waits for a new run before it is answered from the run that is there."""


class WatchedOutput:
    """An output that is read for a long time. A folder is read as it is; a copy is refreshed. Thread-safe."""

    def __init__(self, output: str | Path, warn: Callable[[Problem], None] | None = None) -> None:
        """Open an output without sending requests.

        Args:
            warn: Called once when the last run is read because the storage cannot be reached, and once when it can be
                reached again.

        Raises:
            UsageError: Outputs at this address cannot be read.
        """
        self._copy = find_copy(output)
        self.folder = Path(output) if self._copy is None else self._copy.folder
        self._pool = ThreadPoolExecutor(1, "segbatch-refresh")
        self._lock = Lock()
        self._refresh: Future[None] | None = None
        self._next = 0.0
        self._shown: Pointer | None = None
        self._warn, self._is_reported = warn, False

    def refresh(self) -> None:
        """Bring a copy to the published run, unless this was done within the last second.

        While the storage does not answer, or a new run is being copied, the last run is read.

        Raises:
            PublishError: No run was copied yet, and the storage cannot be reached or the copy cannot be written.
        """
        if self._copy is None:
            return
        try:
            self._started(self._copy).result(None if self._shown is None else _PATIENCE)
        except (NotYetError, PublishError):
            if self._shown is None:
                raise

    def fetch(self, folder: str) -> None:
        """Copy the members of an earlier run that a copy lacks.

        Raises:
            PublishError: The output does not have them any more, or cannot be reached.
        """
        with nullcontext() if self._copy is None else naming_address(self.folder, self._copy.publication):
            fetch_members(self.folder, folder)

    def _started(self, copy: "LocalCopy") -> Future[None]:
        """Return the refresh that is at work or was done within the last second; otherwise start one."""
        with self._lock:
            is_done = self._refresh is None or self._refresh.done()
            if self._refresh is None or (is_done and time.monotonic() >= self._next):
                self._refresh = self._pool.submit(self._bring, copy)
            return self._refresh

    def _bring(self, copy: "LocalCopy") -> None:
        try:
            pointer = copy.publication.pointer()
            if pointer != self._shown:
                copy.refresh()
                self._shown = pointer
        except PublishError as error:
            if self._shown is not None and not self._is_reported:
                self._is_reported = True
                self._log(f"{error.without_ids}; requests are answered from the last copied run")
            raise
        finally:
            self._next = time.monotonic() + _INTERVAL
        if self._is_reported:
            self._is_reported = False
            self._log(f"{copy.publication.name}: can be read again; requests are answered from the published run")

    def _log(self, message: str) -> None:
        if self._warn:
            self._warn(Problem(message, severity="warning"))
