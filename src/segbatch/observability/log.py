"""The log of a run on stderr: its formats, and the JSON format with one line per event."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal, assert_never, get_args

from segbatch.definitions.suggestions import read_choice
from segbatch.errors import Problem
from segbatch.model.column_marks import Total, columns_with
from segbatch.observability.events import (
    ContactsDone,
    LockAwaited,
    Noted,
    PhaseEnded,
    RowsFetched,
    RunEvaluated,
    RunPlanned,
    RunStarted,
    SegmentFailed,
    SegmentHeld,
    Warned,
)
from segbatch.observability.run_outcome import FailedAfterwards, HookEnded, MetricsFailed, Notice, RunEnded, RunFailed
from segbatch.platform.version import __version__
from segbatch.text import printable

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

LogFormat = Literal["plain", "json"]
"""`plain` is text for people, `json` is one line per event."""

Level = Literal["info", "warning", "error"]

_ENDED = ("status", "exit_status", "is_published", "seconds", "phases")
_FIRST = ("time", "level", "event", "run_id")
_STDERR = 2
_SELDOM = 10.0
"""Minimum seconds between two progress lines."""


def read_log_format(text: str) -> LogFormat:
    """Parse the name of a log format.

    Raises:
        UsageError: The name is not a log format.
    """
    if text == "auto":  # the name of the default until version 0.2
        return "plain"
    formats: tuple[LogFormat, ...] = get_args(LogFormat)
    return read_choice(text, formats, "a log format", "--log-format")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log, without time and run id."""

    event: str
    level: Level = "info"
    fields: dict[str, Any] = field(default_factory=dict)


_OF_PROBLEMS: dict[type, tuple[str, Level]] = {
    SegmentFailed: ("segment_failed", "error"),
    SegmentHeld: ("segment_held", "error"),
    Warned: ("warning", "warning"),
    Noted: ("note", "info"),
    FailedAfterwards: ("warning", "warning"),
}


def lines_of(notice: Notice, *, ids: bool) -> Iterator[Line]:
    """Return the log lines of a notice: one line, or one per problem for an error.

    Args:
        notice: The event or other notice of a run.
        ids: Whether the lines may contain contact ids.
    """
    match notice:
        case (
            SegmentFailed(problem) | SegmentHeld(problem) | Warned(problem) | Noted(problem) | FailedAfterwards(problem)
        ):
            yield _problem(*_OF_PROBLEMS[type(notice)], problem, ids=ids)
        case LockAwaited(message):
            yield Line("waiting", fields={"message": message})
        case ContactsDone(done, contacts):
            yield Line("progress", fields={"done": done, "contacts": contacts})
        case RowsFetched(address, rows):
            yield Line("database_progress", fields={"address": address, "rows": rows})
        case PhaseEnded(phase, seconds):
            yield Line("phase_ended", fields={"phase": phase, "seconds": round(seconds, 3)})
        case RunFailed(problems):
            yield from (_problem("error", "error", problem, ids=ids) for problem in problems)
        case RunStarted() | RunPlanned() | RunEvaluated():
            yield _of_run(notice)
        case HookEnded() | MetricsFailed() | RunEnded():
            yield _of_its_end(notice)
        case _:
            assert_never(notice)


def _of_run(notice: RunStarted | RunPlanned | RunEvaluated) -> Line:
    match notice:
        case RunStarted():
            return Line("run_started", fields=_started(notice))
        case RunPlanned():
            return Line("run_planned", fields=_planned(notice))
        case RunEvaluated():
            return _totals(notice)


def _of_its_end(notice: HookEnded | MetricsFailed | RunEnded) -> Line:
    match notice:
        case HookEnded(option, exit_status, seconds):
            fields = {"hook": option, "exit_status": exit_status, "seconds": round(seconds, 3)}
            return Line("hook_ended", "info" if exit_status == 0 else "warning", fields)
        case MetricsFailed(message):
            return _problem("warning", "warning", Problem(message), ids=True)
        case RunEnded(outcome):
            fields = outcome.to_json(ids=False)
            return Line(
                "run_ended", "error" if outcome.exit_status else "info", {name: fields[name] for name in _ENDED}
            )


def _started(notice: RunStarted) -> dict[str, Any]:
    return {
        "version": __version__,
        "contacts": notice.contacts,
        "segments": notice.segments,
        "output": notice.output,
        "as_of": notice.as_of,
        "timezone": notice.timezone,
        "project": notice.project,
        "dry_run": notice.dry_run,
    }


def _planned(notice: RunPlanned) -> dict[str, Any]:
    return {
        "as_of": notice.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "contacts": notice.contacts,
        "segments": notice.segments,
        "rules": notice.rules,
        "columns": notice.columns,
        "follows": notice.follows,
        "tables": [asdict(table) for table in notice.tables],
    }


def _problem(event: str, level: Level, problem: Problem, *, ids: bool) -> Line:
    message = str(problem if ids else problem.hiding_ids())
    return Line(event, level, {"segment_id": problem.segment_id, "file": problem.file, "message": message})


def _totals(notice: RunEvaluated) -> Line:
    totals = columns_with(type(notice.run), Total)
    run = notice.run.model_dump(mode="json", include=set(totals))
    fields = {name: run[name] for name in totals} | {"deleted": notice.deleted, "taken_back": list(notice.taken_back)}
    return Line("run_evaluated" if notice.dry_run else "run_published", fields=fields)


class JsonLog:
    """A log that writes one line per notice. Each line begins with `time`, `level`, `event` and `run_id`."""

    def __init__(self, *, quiet: bool = False, ids: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Create a log.

        Args:
            quiet: Whether to write only warnings and errors.
            ids: Whether the log may contain contact ids.
            clock: A function that returns seconds.
        """
        import structlog  # noqa: PLC0415 - only needed for this format

        least = logging.WARNING if quiet else logging.INFO
        self._log = _logger(structlog.WriteLogger(sys.stderr), least).bind(run_id=None)
        self._in_signal = _logger(_Descriptor(), least).bind(run_id=None)
        self._ids, self._clock, self._last_progress = ids, clock, clock()

    def __call__(self, notice: Notice) -> None:
        """Write a notice."""
        if isinstance(notice, RunStarted):
            self._log, self._in_signal = (log.bind(run_id=notice.run_id) for log in (self._log, self._in_signal))
        if not isinstance(notice, ContactsDone | RowsFetched) or self._is_due():
            self._write(self._log, notice)

    def handle_in_signal(self, notice: Notice) -> None:
        """Write a notice while a signal ends the process, without the locks that the main thread may own."""
        self._write(self._in_signal, notice)

    def _is_due(self) -> bool:
        """Return whether it is time for another progress line."""
        now = self._clock()
        is_due = now - self._last_progress >= _SELDOM
        if is_due:
            self._last_progress = now
        return is_due

    def _write(self, log: Any, notice: Notice) -> None:
        with suppress(OSError, ValueError):  # a closed pipe or a full disk must not end the run
            for line in lines_of(notice, ids=self._ids):
                getattr(log, line.level)(line.event, **line.fields)


class _Descriptor:
    """A writer to the file descriptor of stderr."""

    def msg(self, message: str) -> None:
        """Write a line."""
        os.write(_STDERR, f"{message}\n".encode())

    info = warning = error = msg


def _logger(sink: object, least: int) -> Any:
    import structlog  # noqa: PLC0415 - only needed for this format

    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _in_order,
        structlog.processors.JSONRenderer(),
    ]
    return structlog.wrap_logger(
        sink, processors=processors, wrapper_class=structlog.make_filtering_bound_logger(least)
    )


def _in_order(_logger: object, _method: str, event: "EventDict") -> "EventDict":
    """Put the common fields first, and make texts valid for any JSON reader."""
    names = (*_FIRST, *(name for name in event if name not in _FIRST))
    return {name: _clean(event[name]) for name in names}


def _clean(value: object) -> object:
    return printable(value) if isinstance(value, str) else value
