"""Cleanup when a signal ends the process, in a thread that cannot wait for the main thread.

The same cleanup runs when an error ends a block, so that there is only one way to leave nothing behind.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event

_STDERR = 2
_CLEAR_LINE = b"\r\x1b[2K\x1b[?25h"
"""Terminal codes that clear a progress bar and show the cursor again."""


@dataclass(frozen=True, slots=True)
class SignalEnd:
    """The end of the process by a signal.

    Attributes:
        message: The signal and its consequence for the run.
        exit_status: The exit status of the process.
    """

    message: str
    exit_status: int


def write_error(message: str) -> None:
    """Write an error message to stderr, without waiting for the locks of the main thread."""
    with suppress(OSError):
        clear = _CLEAR_LINE if os.isatty(_STDERR) else b""
        os.write(_STDERR, clear + f"error: {message}\n".encode(errors="backslashreplace"))


class ShutdownCoordinator:
    """What a signal does to this process: the message for users, the cleanup, and the steps that it must not interrupt.

    Attributes:
        main_thread_stopped: Set once the main thread has stopped.
        pending_message: The message if the process ends before the work is done; empty for none.
        done_message: The message if the process ends after the work is done; empty for none.
        published_run_id: The id of the published run, if any.
        is_uninterruptible: Whether finished work is being moved to its final paths.
        report: Reports the end by a signal. Called from another thread; must be quick.
    """

    def __init__(self) -> None:
        self.main_thread_stopped = Event()
        self.pending_message = "nothing was done"
        self.done_message = ""
        self.published_run_id: str | None = None
        self.is_uninterruptible = False
        self.report: Callable[[SignalEnd], None] = lambda end: write_error(end.message)
        self._uncertain_message = ""
        self._stop_requested = False
        self._cleanups: list[Callable[[], None]] = []

    @property
    def has_cleanups(self) -> bool:
        """Whether a cleanup is pending."""
        return bool(self._cleanups)

    @contextmanager
    def cleanup(self, action: Callable[[], None]) -> Iterator[None]:
        """Run a cleanup at the end of the block, or when a signal ends the process.

        Args:
            action: The cleanup. A signal may cause it to run twice.
        """
        self._cleanups.append(action)
        try:
            yield
        finally:
            action()
            self._cleanups.remove(action)

    @contextmanager
    def on_signal(self, report: Callable[[SignalEnd], None]) -> Iterator[None]:
        """Use another function to report the end by a signal, during the block."""
        before, self.report = self.report, report
        try:
            yield
        finally:
            self.report = before

    @contextmanager
    def uninterruptible(self, message: str) -> Iterator[None]:
        """Run the last steps of the work, which a signal does not interrupt.

        Args:
            message: The message if a signal ends the process because these steps take too long.
        """
        self.is_uninterruptible, self._uncertain_message = True, message
        try:
            yield
        finally:
            self.is_uninterruptible = False
            if self._stop_requested:
                self.stop_main_thread()

    def end_message(self, word: str) -> str:
        """Return the message for the end of the process, with the consequence for the work.

        Args:
            word: The kind of end, such as `interrupted`.
        """
        pending = self._uncertain_message if self.is_uninterruptible else self.pending_message
        outcome = self.done_message or pending
        return f"{word}; {outcome}" if outcome else word

    def stop_main_thread(self) -> None:
        """Stop the main thread. Uninterruptible steps are completed first."""
        if self.is_uninterruptible:
            self._stop_requested = True
            return
        self.main_thread_stopped.set()
        Event().wait()

    def run_cleanups(self) -> None:
        """Run the cleanups of all open blocks, innermost first."""
        for action in reversed(tuple(self._cleanups)):
            action()


shutdown = ShutdownCoordinator()
"""The coordinator of this process. There is only one, since a signal ends the whole process."""
