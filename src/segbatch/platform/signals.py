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

from segbatch.platform.portability import set_nonblocking
from segbatch.platform.shutdown import SignalEnd, shutdown

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_SECONDS_TO_STOP = 1.0
"""Time that the main thread gets to stop: to return from a call, or to finish publishing a run."""

_SECONDS_TO_CLEAN_UP = 0.7
"""Time for the cleanup of incomplete files. The next run removes the rest."""


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
