"""Ending the program on SIGTERM and Ctrl-C: within two seconds, without leaving incomplete files behind.

The main thread may be in a long call of Polars or DuckDB. Python's signal handlers do not run during such a call, and
an exception raised by a handler can be lost or raised at a bad time. So a separate thread receives the signal, through
the file descriptor that the interpreter writes to immediately, cleans up, and ends the process. The main thread only
stops. The same cleanup runs when an error ends a block.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from types import FrameType

from segbatch.platform.portability import set_nonblocking

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_SECONDS_TO_STOP = 1.0
"""Time that the main thread gets to stop: to return from a call, or to finish publishing a run."""

_SECONDS_TO_CLEAN_UP = 0.7
"""Time for the cleanup of incomplete files. The next run removes the rest."""

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
    """Effects of a signal on this process: the message for users, the cleanup, and the steps that must not be cut off.

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


def handle_signals() -> None:
    """End this process on SIGINT and SIGTERM, except for signals that it was started to ignore (`nohup`, `&`)."""
    numbers = [number for number in _WORDS if signal.getsignal(number) != signal.SIG_IGN]
    received, wakeup = os.pipe()
    set_nonblocking(wakeup)
    Thread(target=_wait_for_signal, args=(received, set(numbers)), name="signals", daemon=True).start()
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _stop)


def ignore_signals() -> None:
    """Ignore signals from now on: all work is done and reported, and the process exits with its own status."""
    for number in _WORDS:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    shutdown.stop_main_thread()


def _wait_for_signal(received: int, numbers: set[signal.Signals]) -> None:
    while (number := os.read(received, 1)[0]) not in numbers:
        pass
    _end_process(signal.Signals(number))


def _end_process(number: signal.Signals) -> None:
    """End the process, even if nothing reads its output or the cleanup takes long."""
    if shutdown.has_cleanups:
        shutdown.main_thread_stopped.wait(_SECONDS_TO_STOP)
    last = Thread(target=_report_and_clean_up, args=(number,), daemon=True)
    last.start()
    last.join(_SECONDS_TO_CLEAN_UP)
    os._exit(128 + number)


def _report_and_clean_up(number: signal.Signals) -> None:
    """Report the consequence for the work, and clean up incomplete files."""
    with suppress(Exception):  # if the report fails, incomplete files are still cleaned up
        shutdown.report(SignalEnd(shutdown.end_message(_WORDS[number]), 128 + number))
    if not shutdown.is_uninterruptible:
        shutdown.run_cleanups()
