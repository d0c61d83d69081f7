"""The process that reads contacts, as previews do. It can be killed at the time limit, which also frees its memory.

Jobs are read from standard input and replies written to standard output, both pickled. The process ends at the end of
its input, so it does not outlive the server, however the server ends.
"""

import faulthandler
import os
import pickle
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any, NoReturn

from segbatch.errors import Problem, ProblemsError, SegbatchError
from segbatch.interfaces.api.contact_jobs import Job

_GRACE = 5.0
"""The number of seconds after the time limit when the process ends itself, in case the server is stuck."""

_STDOUT, _STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class Request:
    """A job and its number."""

    number: int
    job: Job[Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """The number of a job that is not wanted any more."""

    number: int


class CancelledJobError(Exception):
    """The job is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that a user can fix, with the name of its class."""

    class_name: str
    message: str
    without_ids: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """The traceback of an internal error of segbatch."""

    trace: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The outcome of a job that was stopped because it was not wanted any more."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a job.

    Attributes:
        outcome: The result; or a `Failure`, a `Fault`, or `Cancelled`.
        peak: The most memory that the process has used so far, in bytes.
    """

    outcome: Any
    peak: int


@dataclass(slots=True)
class _CurrentJob:
    """The number of the job that is done, and of the last one that is not wanted any more."""

    number: int = 0
    cancelled: int = -1

    def ensure_wanted(self) -> None:
        """Raise an error if the job is not wanted any more."""
        if self.cancelled >= self.number:
            raise CancelledJobError


_CURRENT = _CurrentJob()


def evaluate(job: Job[Any]) -> Any:
    """Do a job.

    Raises:
        SegbatchError: The job cannot be done.
        CancelledJobError: It is not wanted any more.
    """
    return job.run(_CURRENT.ensure_wanted)


def respond(job: Job[Any]) -> Reply:
    """Do a job, and return its result or its error."""
    outcome: Any
    try:
        outcome = evaluate(job)
    except CancelledJobError:
        outcome = Cancelled()
    except SegbatchError as error:
        problems = tuple(error.problems) if isinstance(error, ProblemsError) else ()
        outcome = Failure(type(error).__name__, str(error), error.without_ids, problems)
    except Exception:  # noqa: BLE001 - the server logs it
        outcome = Fault(traceback.format_exc())
    return Reply(outcome, _peak())


def _peak() -> int:
    """Return the peak memory of this program in bytes; 0 on Windows, which does not report it.

    Linux lets `ru_maxrss` begin with the peak of the process that started this one (exec_mmap in fs/exec.c): with a
    server that once used much, every preview would seem to have. /proc counts from the start of the program.
    """
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_bytes().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith(b"VmHWM:"))) * 1024
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ModuleNotFoundError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> NoReturn:
    """Evaluate one job after another until standard input ends."""
    replies = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)  # other output must not get into the replies
    requests = SimpleQueue[Request]()
    Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        request = requests.get()
        job, _CURRENT.number = request.job, request.number
        with open(os.devnull, "w") as devnull:  # noqa: PTH123 - nothing is written to it
            faulthandler.dump_traceback_later(job.seconds + _GRACE, exit=True, file=devnull)  # needs no GIL
            reply = respond(job)
            faulthandler.cancel_dump_traceback_later()
        pickle.dump(reply, replies)
        replies.flush()


def _receive(stdin: IO[bytes], requests: "SimpleQueue[Request]") -> NoReturn:
    """Receive jobs and cancellations. End the process, also in the middle of a job, when the server is gone."""
    while True:
        try:
            match pickle.load(stdin):  # noqa: S301 - the server sent it
                case Cancel(number):
                    _CURRENT.cancelled = number
                case Request() as request:
                    requests.put(request)
                case other:
                    raise AssertionError(other)
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)
