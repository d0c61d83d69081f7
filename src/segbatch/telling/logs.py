"""The log for machines: JSON, a line an event, on stderr."""

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from segbatch.errors import printable
from segbatch.events import ContactsDone, RunStarted
from segbatch.telling.lines import lines_of
from segbatch.telling.outcome import Notice

__all__ = ["JsonLog"]

_STDERR = 2
_SELDOM = 10.0
"""So many seconds lie between two lines that only say how far a run is."""

_FIRST = ("time", "level", "event", "run_id")


class JsonLog:
    """Writes what is told of a run, a line each, which begins with `time`, `level`, `event` and `run_id`."""

    def __init__(self, *, quiet: bool = False, ids: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin a log.

        Args:
            quiet: Whether to write warnings and errors alone.
            ids: Whether the ids of contacts may be in it.
            clock: Tells seconds.
        """
        least = logging.WARNING if quiet else logging.INFO
        self._log = _logger(structlog.WriteLogger(sys.stderr), least).bind(run_id=None)
        self._at_once = _logger(_Descriptor(), least).bind(run_id=None)
        self._ids, self._clock, self._told_progress = ids, clock, clock()

    def __call__(self, notice: Notice) -> None:
        """Write what is told."""
        if isinstance(notice, RunStarted):
            self._log, self._at_once = (log.bind(run_id=notice.run_id) for log in (self._log, self._at_once))
        if not isinstance(notice, ContactsDone) or self._is_due():
            self._write(self._log, notice)

    def at_once(self, notice: Notice) -> None:
        """Write what is told while a signal ends the process, past every lock that the main thread may hold."""
        self._write(self._at_once, notice)

    def _is_due(self) -> bool:
        """Tell whether it is time to say again how far the run is."""
        now = self._clock()
        is_due = now - self._told_progress >= _SELDOM
        if is_due:
            self._told_progress = now
        return is_due

    def _write(self, log: Any, notice: Notice) -> None:
        with suppress(OSError, ValueError):  # a log that nobody takes, or on a full disk, ends no run
            for line in lines_of(notice, ids=self._ids):
                getattr(log, line.level)(line.event, **line.fields)


class _Descriptor:
    """Writes to stderr as the operating system has it."""

    def msg(self, message: str) -> None:
        """Write a line."""
        os.write(_STDERR, f"{message}\n".encode())

    info = warning = error = msg


def _logger(sink: object, least: int) -> Any:
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _in_order,
        structlog.processors.JSONRenderer(),
    ]
    return structlog.wrap_logger(
        sink, processors=processors, wrapper_class=structlog.make_filtering_bound_logger(least)
    )


def _in_order(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Put what every line has before the rest, and make the texts ones that any reader of JSON takes."""
    names = (*_FIRST, *(name for name in event if name not in _FIRST))
    return {name: _clean(event[name]) for name in names}


def _clean(value: object) -> object:
    return printable(value) if isinstance(value, str) else value
