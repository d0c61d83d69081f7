"""Ending the program on SIGTERM and Ctrl-C: within two seconds, without leaving incomplete files behind.

The main thread may be in a long call of Polars or DuckDB. Python's signal handlers do not run during such a call, and
an exception raised by a handler can be lost or raised at a bad time. So a separate thread receives the signal, through
the file descriptor that the interpreter writes to immediately, and ends the process. The main thread only stops.
"""

import os
import signal
from contextlib import suppress
from threading import Thread
from types import FrameType

from segbatch.platform.shutdown import SignalEnd, underway

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_STOPPING = 1.0
"""Seconds that the main thread gets to stop: to return from a call, or to finish publishing a run."""

_CLEARING = 0.7
"""Seconds for the cleanup of incomplete files. The next run removes the rest."""


def watch() -> None:
    """End this process on SIGINT and SIGTERM, except for signals that it was started to ignore (`nohup`, `&`)."""
    numbers = [number for number in _WORDS if signal.getsignal(number) != signal.SIG_IGN]
    heard, told = os.pipe()
    os.set_blocking(told, False)
    Thread(target=_wait, args=(heard, set(numbers)), name="signals", daemon=True).start()
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _stop)


def too_late() -> None:
    """Ignore signals from now on: all work is done and reported, and the process exits with its own status."""
    for number in _WORDS:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    underway.stop()


def _wait(heard: int, numbers: set[signal.Signals]) -> None:
    while (number := os.read(heard, 1)[0]) not in numbers:
        pass
    _end(signal.Signals(number))


def _end(number: signal.Signals) -> None:
    """End the process, even if nothing reads its output or the cleanup takes long."""
    if underway.is_at_work:
        underway.settled.wait(_STOPPING)
    last = Thread(target=_finish, args=(number,), daemon=True)
    last.start()
    last.join(_CLEARING)
    os._exit(128 + number)


def _finish(number: signal.Signals) -> None:
    """Report the consequence for the work, and clean up incomplete files."""
    with suppress(Exception):  # if the report fails, incomplete files are still cleaned up
        underway.herald(SignalEnd(underway.ended(_WORDS[number]), 128 + number))
    if not underway.is_finishing:
        underway.end()
