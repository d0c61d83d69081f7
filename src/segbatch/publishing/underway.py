"""What has to be put right where a signal ends the process, by a thread that cannot wait for the one at work.

The same clean-up is done where an error ends a block, so that there is one way to leave nothing behind and not two.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

__all__ = ["Underway", "underway"]


class Underway:
    """What this process is at.

    Attributes:
        settled: Set once the main thread goes no further.
        published: The run that is published, if one is.
        is_finishing: Whether a run is just being put in its place, which is left to its end.
    """

    def __init__(self) -> None:
        self.settled = Event()
        self.published: str | None = None
        self.is_finishing = False
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
    def finishing(self) -> Iterator[None]:
        """Do the last steps of a run; a signal lets them come to their end."""
        self.is_finishing = True
        try:
            yield
        finally:
            self.is_finishing = False
            if self._stops_then:
                self.stop()

    def stop(self) -> None:
        """Go no further, in the main thread; but the last steps of a run are not stopped in their middle."""
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
