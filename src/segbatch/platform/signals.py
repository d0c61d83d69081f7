"""How SIGTERM and Ctrl-C end the program: within two seconds, with nothing half done left behind.

The main thread may be in a long call of Polars or DuckDB, in which no handler of Python's runs, and an exception that a
handler raises can be lost or come at a bad moment. So a thread of its own learns of the signal, through the file that
the interpreter writes to at once, and ends the process; the main thread only stops where it is.
"""

import os
import signal
from contextlib import suppress
from threading import Thread
from types import FrameType

from segbatch.platform.shutdown import SignalEnd, underway

__all__ = ["too_late", "watch"]

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_STOPPING = 1.0
"""How long the main thread has to stop, in seconds: to come back from a call, or to put a finished run in its place."""

_CLEARING = 0.7
"""And how long may be cleared away what it was writing; the next run does what is left of that."""


def watch() -> None:
    """End this process when a signal says so; those that it was started to ignore (`nohup`, `&`) it still ignores."""
    numbers = [number for number in _WORDS if signal.getsignal(number) != signal.SIG_IGN]
    heard, told = os.pipe()
    os.set_blocking(told, False)
    Thread(target=_wait, args=(heard, set(numbers)), name="signals", daemon=True).start()
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _stop)


def too_late() -> None:
    """Let no signal end this process any more: all is done and said, and it ends by itself with its own status."""
    for number in _WORDS:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    underway.stop()


def _wait(heard: int, numbers: set[signal.Signals]) -> None:
    while (number := os.read(heard, 1)[0]) not in numbers:
        pass
    _end(signal.Signals(number))


def _end(number: signal.Signals) -> None:
    """End the process, even if nobody reads what it says, or clearing away takes long."""
    if underway.is_at_work:
        underway.settled.wait(_STOPPING)
    last = Thread(target=_finish, args=(number,), daemon=True)
    last.start()
    last.join(_CLEARING)
    os._exit(128 + number)


def _finish(number: signal.Signals) -> None:
    """Say what comes of the work, and clear away what it was writing."""
    with suppress(Exception):  # whatever cannot be told, what was being written is still cleared away
        underway.herald(SignalEnd(underway.ended(_WORDS[number]), 128 + number))
    if not underway.is_finishing:
        underway.end()
