"""What has to be put right where a signal ends the process, by a thread that cannot wait for the one at work.

The same clean-up is done where an error ends a block, so that there is one way to leave nothing behind and not two.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event

__all__ = ["SignalEnd", "Underway", "say_at_once", "underway"]

_STDERR = 2
_CLEAR_LINE = b"\r\x1b[2K\x1b[?25h"
"""What takes a progress bar from a terminal, and shows the cursor again."""


@dataclass(frozen=True, slots=True)
class SignalEnd:
    """How a signal ends the process.

    Attributes:
        message: Which signal it was, and what comes of the run.
        exit_status: What the process ends with.
    """

    message: str
    exit_status: int


def say_at_once(message: str) -> None:
    """Say on stderr what ends the process, past every lock that the main thread may hold."""
    with suppress(OSError):
        clear = _CLEAR_LINE if os.isatty(_STDERR) else b""
        os.write(_STDERR, clear + f"error: {message}\n".encode(errors="backslashreplace"))


def _say(end: SignalEnd) -> None:
    say_at_once(end.message)


class Underway:
    """What this process is at.

    Attributes:
        settled: Set once the main thread goes no further.
        undone: What is said of the work as long as it is not done; nothing, if empty.
        done: What is said of it once it is; nothing, if empty.
        published: The run that is published, if one is.
        is_finishing: Whether what was made is just being put in its place, which is left to its end.
        herald: Tells how a signal ends the process, from another thread, and soon.
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
        """Whether there is something to be put right."""
        return bool(self._endings)

    @contextmanager
    def ending(self, action: Callable[[], None]) -> Iterator[None]:
        """Do something at the end of a block, whatever ends it.

        Args:
            action: What to do; a signal may have it done twice.
        """
        self._endings.append(action)
        try:
            yield
        finally:
            action()
            self._endings.remove(action)

    @contextmanager
    def heralded_by(self, herald: Callable[[SignalEnd], None]) -> Iterator[None]:
        """Let somebody else tell, inside a block, how a signal ends the process."""
        before, self.herald = self.herald, herald
        try:
            yield
        finally:
            self.herald = before

    @contextmanager
    def finishing(self, doubt: str) -> Iterator[None]:
        """Do the last steps; a signal lets them come to their end.

        Args:
            doubt: What is said of the work if they take too long for that.
        """
        self.is_finishing, self._doubt = True, doubt
        try:
            yield
        finally:
            self.is_finishing = False
            if self._stops_then:
                self.stop()

    def ended(self, word: str) -> str:
        """Say how the process ended, and what comes of the work.

        Args:
            word: Such as `interrupted`.
        """
        outcome = self.done or (self._doubt if self.is_finishing else self.undone)
        return f"{word}; {outcome}" if outcome else word

    def stop(self) -> None:
        """Go no further, in the main thread; but the last steps are not stopped in their middle."""
        if self.is_finishing:
            self._stops_then = True
            return
        self.settled.set()
        Event().wait()

    def end(self) -> None:
        """Do all that is to be done at the end of the blocks that the process is in."""
        for action in reversed(tuple(self._endings)):
            action()


underway = Underway()
"""That of this process; a signal is for all of it."""
