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


def say_at_once(message: str) -> None:
    """Write an error message to stderr without the locks that the main thread may own."""
    with suppress(OSError):
        clear = _CLEAR_LINE if os.isatty(_STDERR) else b""
        os.write(_STDERR, clear + f"error: {message}\n".encode(errors="backslashreplace"))


def _say(end: SignalEnd) -> None:
    say_at_once(end.message)


class Underway:
    """The state of the work of this process, for its end by a signal.

    Attributes:
        settled: Set once the main thread has stopped.
        undone: The message if the process ends before the work is done; empty for none.
        done: The message if the process ends after the work is done; empty for none.
        published: The id of the published run, if any.
        is_finishing: Whether finished work is being moved to its final paths, which a signal does not interrupt.
        herald: Reports the end by a signal. Called from another thread; must be quick.
    """

    def __init__(self) -> None:
        self.settled = Event()
        self.undone = "nothing was done"
        self.done = ""
        self.published: str | None = None
        self.is_finishing = False
        self._doubt = ""
        self.herald: Callable[[SignalEnd], None] = _say
        self._stops_then = False
        self._endings: list[Callable[[], None]] = []

    @property
    def is_at_work(self) -> bool:
        """Whether a cleanup is pending."""
        return bool(self._endings)

    @contextmanager
    def ending(self, action: Callable[[], None]) -> Iterator[None]:
        """Run a cleanup at the end of the block, or when a signal ends the process.

        Args:
            action: The cleanup. A signal may cause it to run twice.
        """
        self._endings.append(action)
        try:
            yield
        finally:
            action()
            self._endings.remove(action)

    @contextmanager
    def heralded_by(self, herald: Callable[[SignalEnd], None]) -> Iterator[None]:
        """Use another function to report the end by a signal, during the block."""
        before, self.herald = self.herald, herald
        try:
            yield
        finally:
            self.herald = before

    @contextmanager
    def finishing(self, doubt: str) -> Iterator[None]:
        """Run the last steps of the work, which a signal does not interrupt.

        Args:
            doubt: The message if a signal ends the process because these steps take too long.
        """
        self.is_finishing, self._doubt = True, doubt
        try:
            yield
        finally:
            self.is_finishing = False
            if self._stops_then:
                self.stop()

    def ended(self, word: str) -> str:
        """Return the message for the end of the process, with the consequence for the work.

        Args:
            word: The kind of end, such as `interrupted`.
        """
        outcome = self.done or (self._doubt if self.is_finishing else self.undone)
        return f"{word}; {outcome}" if outcome else word

    def stop(self) -> None:
        """Stop the main thread. The last steps are completed first."""
        if self.is_finishing:
            self._stops_then = True
            return
        self.settled.set()
        Event().wait()

    def end(self) -> None:
        """Run the cleanups of all open blocks, innermost first."""
        for action in reversed(tuple(self._endings)):
            action()


underway = Underway()
"""The state of this process. There is only one, since a signal ends the whole process."""
