"""The server's side of the preview process: starting, killing at the time limit, and replacing it."""

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import Lock, Thread
from typing import Any, TypeVar, cast

from segbatch import errors
from segbatch.errors import DefinitionError, SegbatchError
from segbatch.interfaces.api.contact_jobs import Job
from segbatch.interfaces.api.limits import PREVIEW_MEMORY
from segbatch.interfaces.api.preview_process import Cancel, Cancelled, Failure, Fault, Reply, Request
from segbatch.interfaces.api.problems import HttpProblem

_Result = TypeVar("_Result")

_TICK = 0.05
_TIME_TO_CANCEL = 1.0
"""The seconds that a job may take to stop when it is not wanted any more, before its process is killed."""

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from segbatch.interfaces.api.preview_process import main; main()"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The conditions on which a job goes on.

    Attributes:
        deadline: The time limit on the monotonic clock.
        is_stopping: Returns whether the server is shutting down.
        is_cancelled: Returns whether the client is gone.
    """

    deadline: float
    is_stopping: Callable[[], bool]
    is_cancelled: Callable[[], bool]


class Previewer:
    """Does jobs that read contacts in a process of its own, one at a time.

    Attributes:
        most_memory: The bytes that the process may have used and still be kept for the next preview.
    """

    def __init__(self, most_memory: int = PREVIEW_MEMORY) -> None:
        """Create a previewer. The process is started by `start` or the first preview."""
        self.most_memory = most_memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._is_stopped = False
        self._numbers = count()

    def start(self) -> None:
        """Start the process if it is not running. It then loads its libraries in the background."""
        with self._lock:
            if self._is_stopped or (self._process is not None and self._process.poll() is None):
                return
            self._close()
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", _START, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in a terminal only ends the server, which ends the process
            )

    def stop(self) -> None:
        """End the process permanently."""
        with self._lock:
            self._is_stopped = True
            self._close()

    @property
    def pid(self) -> int | None:
        """Return the id of the process; None if it is not running."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def run(self, job: Job[_Result], wanted: Wanted) -> _Result:
        """Do a job.

        Raises:
            HttpProblem: The job took too long, the process ended, the client is gone, or the server is shutting down.
            SegbatchError: The job cannot be done.
        """
        self.start()
        process = self._process
        if process is None:
            raise HttpProblem("unavailable", "the server is shutting down")
        request, reply = Request(next(self._numbers), job), Future[Reply]()
        Thread(target=_exchange, args=(process, request, reply), daemon=True).start()
        try:
            answered = _wait(process, request, reply, wanted)
        except BaseException:
            self.replace()
            raise
        if answered.peak > self.most_memory:
            self.replace()
        return cast("_Result", _result(answered))

    def replace(self) -> None:
        """Kill the process, which frees its memory, and start another."""
        with self._lock:
            self._close()
        self.start()

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError, AttributeError):
                    pipe.close()  # type: ignore[union-attr] # both are pipes


def _exchange(process: subprocess.Popen[bytes], request: Request, reply: "Future[Reply]") -> None:
    """Send a job and wait for the reply, while the process is running."""
    stdout: Any = process.stdout
    try:
        _send(process, request)
        reply.set_result(pickle.load(stdout))  # noqa: S301 - our own process sent it
    except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        reply.set_exception(EOFError(str(error)))


def _send(process: subprocess.Popen[bytes], message: Request | Cancel) -> None:
    stdin: Any = process.stdin
    stdin.write(pickle.dumps(message))  # one call, which locks the stream against other threads
    stdin.flush()


def _wait(process: subprocess.Popen[bytes], request: Request, reply: "Future[Reply]", wanted: Wanted) -> Reply:
    deadline, is_cancelled = wanted.deadline, False
    while True:
        if wanted.is_stopping():
            raise HttpProblem("unavailable", "the server is shutting down")
        if not is_cancelled and wanted.is_cancelled():
            is_cancelled, deadline = True, min(deadline, time.monotonic() + _TIME_TO_CANCEL)
            with suppress(OSError, ValueError):
                _send(process, Cancel(request.number))
        if time.monotonic() > deadline:
            if is_cancelled:
                raise client_gone()
            raise HttpProblem("too-long", f"the preview took more than {request.job.seconds:g} s and was stopped")
        try:
            return reply.result(_TICK)
        except NotYetError:
            continue
        except EOFError:
            detail = "the process of the preview died; it may have run out of memory"
            raise HttpProblem("unavailable", detail, log=detail) from None


def client_gone() -> HttpProblem:
    """Return the problem of a request whose client closed the connection. Only the log shows it."""
    return HttpProblem("unavailable", "the client closed the connection")


def _result(reply: Reply) -> Any:
    match reply.outcome:
        case Cancelled():
            raise client_gone()
        case Failure(class_name, message, without_ids, problems):
            error_class: type[SegbatchError] = getattr(errors, class_name, SegbatchError)
            if issubclass(error_class, DefinitionError):
                raise DefinitionError(problems)
            raise error_class(message, without_ids=without_ids)
        case Fault(trace):
            raise RuntimeError(f"a preview failed in its process:\n{trace}")
        case result:
            return result
