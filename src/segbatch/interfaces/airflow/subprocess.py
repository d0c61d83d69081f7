"""The program `segbatch` in a process of its own, and how it ended.

A process that Airflow forks is no place for Polars: a signal waits for the end of its calls, its threads do not live
through a fork, and where memory is short the task would go with it. A child has its own memory, ends within two seconds
when told to, and leaves somebody behind to say what happened.
"""

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["OWN", "Ended", "Program", "Said", "why_not_started"]

OWN = (sys.executable, "-m", "segbatch")
"""The program as it is installed beside Airflow."""

_PATIENCE = 5.0
"""How long a program that was told to end may take for it, in seconds; it promises two."""

_BY_SIGNAL = 128
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}
_LAST_EVENT = "run_ended"
"""Which is an error in the log of a run that failed; but what failed was said before."""

_OF_SEGMENTS = {"segment_failed", "segment_held"}
"""Which are errors of a segment; a run ends well after them, or with an error of its own."""

_NOT_SHOWN = {"time", "level", "event", "run_id"}
_TAIL = 3
_GLANCE, _CHUNK = 0.2, 65536


@dataclass(frozen=True, slots=True)
class Said:
    """A line that the program wrote to stderr.

    Attributes:
        level: How grave it is, as a level of `logging`.
        event: What happened, in a word; empty for a line that is meant for people.
        message: The same for people.
    """

    level: int
    event: str
    message: str

    @property
    def line(self) -> str:
        """The same with the event's name, where the level does not say it all."""
        is_told = self.event in {"", *_LEVELS} or self.message.startswith(f"{self.event}: ")
        return self.message if is_told else f"{self.event}: {self.message}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended.

    Attributes:
        status: Its exit status, as a shell says it: 128 and the signal's number where a signal ended it.
        answer: What it printed as JSON; None where it printed none.
        errors: The errors with which it ended, a message each; where it named none, the last that it said; nothing
            where a signal ended it, of which the last that it said knew nothing.
    """

    status: int
    answer: Any
    errors: tuple[str, ...]

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended it, if one did."""
        with suppress(ValueError):
            return signal.Signals(self.status - _BY_SIGNAL).name
        return None


class Program:
    """The program, to be run once."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self, env: Mapping[str, str], cwd: str | None, told: Callable[[Said], None]) -> Ended:
        """Run it to its end; it does not outlive an exception that ends this.

        Args:
            env: What is added to the environment.
            cwd: Where it runs; here, if not given.
            told: Is told each line that it writes to stderr.

        Raises:
            OSError: It cannot be started.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as answer:
            errors, tail = [], deque[str](maxlen=_TAIL)
            with self._started(answer, env, cwd) as child:
                for line in filter(str.strip, _lines(child)):
                    said = _read(line)
                    told(said)
                    tail.append(said.message)
                    if said.level == logging.ERROR and said.event not in _OF_SEGMENTS:
                        errors.append(said.message)
                code = child.wait()
            answer.seek(0)
            answered = _json(answer.read())
        if code < 0:
            return Ended(_BY_SIGNAL - code, answered, tuple(errors))
        return Ended(code, answered, tuple(errors or tail))

    def stop(self) -> None:
        """Tell it to end, from a signal handler too; `run` returns soon then."""
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
            env={**os.environ, "TYPER_USE_RICH": "0", **env},  # or wrong options would be told in a frame
            cwd=cwd,
        )
        with child:
            try:
                self._child = child
                if self._is_stopped:  # meanwhile, by a signal
                    child.terminate()
                yield child
            finally:
                _end(child)


def why_not_started(error: OSError, program: str, cwd: str | None) -> str:
    """Say which of the operator's arguments is to blame for a program that cannot be started.

    Args:
        error: What starting it raised.
        program: How the program was called.
        cwd: Where it was to run.
    """
    if cwd is not None and error.filename == cwd:
        return f"cwd: {cwd}: {error.strerror} (on the worker)"
    if os.sep not in program and isinstance(error, FileNotFoundError):
        return f"program: {program} is not on the worker's PATH; give an absolute path"
    return f"program: {program}: {error.strerror} (on the worker)"


def _lines(child: subprocess.Popen[bytes]) -> Iterator[str]:
    """Read what a child says until it has ended, whoever else (a hook of its) may still hold the pipe."""
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
                yield from map(_text, lines)
            elif has_ended:
                break
    yield _text(rest)


def _text(line: bytes) -> str:
    return line.decode(errors="backslashreplace")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child that is still at work."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()


def _read(line: str) -> Said:
    """Read a line of the program's log, or one that it wrote for people."""
    entry = _json(line)
    if isinstance(entry, dict) and isinstance(event := entry.get("event"), str):
        shown = {name: value for name, value in entry.items() if name not in _NOT_SHOWN and value is not None}
        message = shown.get("message") or f"{event}: {' '.join(f'{name}={value}' for name, value in shown.items())}"
        level = logging.INFO if event == _LAST_EVENT else _LEVELS.get(entry.get("level", ""), logging.INFO)
        return Said(level, event, message)
    word, _, message = line.strip().partition(": ")
    if word.lower() in _LEVELS:
        return Said(_LEVELS[word.lower()], "", message)
    return Said(logging.INFO, "", line.strip())


def _json(text: str) -> Any:
    with suppress(json.JSONDecodeError):
        return json.loads(text)
    return None
