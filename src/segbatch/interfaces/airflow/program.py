"""The program `segbatch` as a child process, its result, and the facts of a run that other tasks get.

Polars should not run in a process that Airflow forks: signals wait until its calls end, its threads do not survive the
fork, and a lack of memory would end the task as well. A child has its own memory and ends within two seconds of
a signal, and the task remains to report the result.
"""

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from segbatch.text import counted

INSTALLED_PROGRAM = (sys.executable, "-m", "segbatch")
"""The program that is installed together with Airflow."""

_STOP_TIMEOUT = 5.0
"""The time limit in seconds for a program to end after a signal. It promises two seconds."""

_BY_SIGNAL = 128
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}
_LAST_EVENT = "run_ended"
"""The last event of a run. For a failed run it has the level error, but the cause was logged before it."""

_OF_SEGMENTS = {"segment_failed", "segment_held"}
"""Errors of single segments. The run goes on after them, and logs an error of its own if it fails."""

_NOT_SHOWN = {"time", "level", "event", "run_id"}
_TAIL = 3
_GLANCE, _CHUNK = 0.2, 65536
_IDENTITY = ("run_id", "as_of", "status")
_COUNTED = ("failed", "held", "disabled", "left_out", "deleted")
_PLACES = ("catalogue", "membership")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the program wrote to stderr.

    Attributes:
        level: The severity, as a level of `logging`.
        event: The name of the event; empty for a line meant for people.
        message: The text for people.
    """

    level: int
    event: str
    message: str

    @property
    def text(self) -> str:
        """Return the message, with the name of the event if it is not clear from the level or the message."""
        is_clear = self.event in {"", *_LEVELS} or self.message.startswith(f"{self.event}: ")
        return self.message if is_clear else f"{self.event}: {self.message}"


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """The result of the program.

    Attributes:
        status: The exit status as in a shell: 128 plus the number of the signal if one ended the program.
        answer: The JSON that the program printed; None if it did not print any.
        errors: The messages of the errors that ended the program. If it logged none, its last lines; but empty if a
            signal ended it, because the last lines are not the cause then.
    """

    status: int
    answer: Any
    errors: tuple[str, ...]

    @property
    def signal(self) -> str | None:
        """Return the name of the signal that ended the program, if any."""
        with suppress(ValueError):
            return signal.Signals(self.status - _BY_SIGNAL).name
        return None


class Program:
    """The program, to be run once."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self, env: Mapping[str, str], cwd: str | None, on_line: Callable[[LogLine], None]) -> ProcessResult:
        """Run the program to its end. If an exception ends this call, the program is ended as well.

        Args:
            env: Variables to add to the environment.
            cwd: The working directory; by default the current one.
            on_line: Called with each line that the program writes to stderr.

        Raises:
            OSError: The program cannot be started.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as answer:
            errors, tail = [], deque[str](maxlen=_TAIL)
            with self._started(answer, env, cwd) as child:
                for text in filter(str.strip, _lines(child)):
                    line = _read_line(text)
                    on_line(line)
                    tail.append(line.message)
                    if line.level == logging.ERROR and line.event not in _OF_SEGMENTS:
                        errors.append(line.message)
                code = child.wait()
            answer.seek(0)
            answered = _json(answer.read())
        if code < 0:
            return ProcessResult(_BY_SIGNAL - code, answered, tuple(errors))
        return ProcessResult(code, answered, tuple(errors or tail))

    def stop(self) -> None:
        """Ask the program to end; `run` then returns soon. May be called in a signal handler."""
        self._is_stopped = True
        if self._child is not None:
            self._child.terminate()

    @contextmanager
    def _started(self, answer: IO[str], env: Mapping[str, str], cwd: str | None) -> Iterator[subprocess.Popen[bytes]]:
        child = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.PIPE,
            env={**os.environ, "TYPER_USE_RICH": "0", **env},  # without it, wrong options would be reported in a frame
            cwd=cwd,
        )
        with child:
            try:
                self._child = child
                if self._is_stopped:  # set by a signal in the meantime
                    child.terminate()
                yield child
            finally:
                _end(child)


def explain_start_error(error: OSError, program: str, cwd: str | None) -> str:
    """Return a message that names the operator's argument to blame for a program that cannot be started.

    Args:
        program: The name or path of the program.
        cwd: The working directory of the program.
    """
    if cwd is not None and error.filename == cwd:
        return f"cwd: {cwd}: {error.strerror} (on the worker)"
    if os.sep not in program and isinstance(error, FileNotFoundError):
        return f"program: {program} is not on the worker's PATH; give an absolute path"
    return f"program: {program}: {error.strerror} (on the worker)"


def run_facts(report: Mapping[str, Any], cwd: str | None) -> dict[str, Any]:
    """Return the facts of a run, without contacts and small enough for any XCom.

    Args:
        report: The JSON that the program printed for the run.
        cwd: The working directory of the program, which its paths are relative to.

    Returns:
        `run_id`, `as_of`, `status` (`ok`, `partial`, `dry_run`), and every count of the run; `segments_deleted`,
        `entered` and `exited` (None for the first run); and the absolute paths `catalogue` (the DuckDB file) and
        `membership` (the folder with this run's Parquet files), which are None for a dry run.
    """
    segments, deleted = report["segments"], report["deleted"]
    facts = {
        **{name: report[name] for name in _IDENTITY},
        **{name: value for name, value in report.items() if type(value) is int},  # all counts of `RunRecord`
        "segments_deleted": len(deleted),
        "entered": _total([segment["entered"] for segment in segments]),
        "exited": _total([segment["exited"] for segment in (*segments, *deleted)]),
        **{name: str(Path(cwd or "", report[name]).absolute()) for name in _PLACES},
    }
    return facts | {"status": "dry_run", **dict.fromkeys(_PLACES)} if report["dry_run"] else facts


def segment_errors(report: Mapping[str, Any]) -> list[str]:
    """Return a message for each segment that failed or was held back."""
    evaluated = (one for one in report["segments"] if one["segment_id"] not in report["left_out"])
    return [f"{one['segment_id']} {one['status']}: {one['error']}" for one in evaluated if one["error"]]


def summary(facts: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Return a summary of a run in one line, from its facts and its report."""
    kept = Counter(_segment_status(one, report) for one in report["segments"] if one["run_id"] is not None)
    kept["ok"] = 0
    counts = [counted(facts["contacts"], "contact"), counted(facts["segments_ok"] + kept.total(), "segment")]
    for what in _COUNTED:
        earlier = f" ({kept[what]:,} with earlier members)" if kept[what] else ""
        number = facts[f"segments_{what}"]
        counts += [f"{number:,} {what.replace('_', ' ')}{earlier}"] if number else []
    counts.append(counted(facts["memberships"], "membership"))
    if facts["entered"] is not None or facts["exited"] is not None:
        counts += [f"{facts['entered'] or 0:,} entered", f"{facts['exited'] or 0:,} exited"]
    return ", ".join(counts)


def _lines(child: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the lines of a child until it ends, even if another process (such as its hook) still has the pipe open."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        pipe = selector.register(child.stderr or -1, selectors.EVENT_READ).fd
        while True:
            has_ended = child.poll() is not None
            if selector.select(0 if has_ended else _GLANCE):
                read = os.read(pipe, _CHUNK)
                if not read:
                    break
                *lines, rest = (rest + read).split(b"\n")
                yield from map(_decoded, lines)
            elif has_ended:
                break
    yield _decoded(rest)


def _decoded(line: bytes) -> str:
    return line.decode(errors="backslashreplace")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Terminate a child that is still running, and kill it after the time limit."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()


def _read_line(line: str) -> LogLine:
    """Parse a line of the program's log, or a line meant for people."""
    entry = _json(line)
    if isinstance(entry, dict) and isinstance(event := entry.get("event"), str):
        shown = {name: value for name, value in entry.items() if name not in _NOT_SHOWN and value is not None}
        message = shown.get("message") or f"{event}: {' '.join(f'{name}={value}' for name, value in shown.items())}"
        level = logging.INFO if event == _LAST_EVENT else _LEVELS.get(entry.get("level", ""), logging.INFO)
        return LogLine(level, event, message)
    word, _, message = line.strip().partition(": ")
    if word.lower() in _LEVELS:
        return LogLine(_LEVELS[word.lower()], "", message)
    return LogLine(logging.INFO, "", line.strip())


def _json(text: str) -> Any:
    with suppress(json.JSONDecodeError):
        return json.loads(text)
    return None


def _segment_status(segment: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    return "left_out" if segment["segment_id"] in report["left_out"] else segment["status"]


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
