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
from threading import Lock, Thread
from typing import Any

from segbatch import errors
from segbatch.errors import DefinitionError, SegbatchError
from segbatch.interfaces.api.limits import PREVIEW_MEMORY
from segbatch.interfaces.api.preview_process import Failure, Fault, Job, Preview, Reply
from segbatch.interfaces.api.problems import HttpProblem

_TICK = 0.05
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from segbatch.interfaces.api.preview_process import main; main()"
)


class Previewer:
    """Evaluates previews in a process of its own, one at a time.

    Attributes:
        most_memory: The bytes that the process may have used and still be kept for the next preview.
    """

    def __init__(self, most_memory: int = PREVIEW_MEMORY) -> None:
        """Create a previewer. The process is started by `start` or the first preview."""
        self.most_memory = most_memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._is_stopped = False

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

    def preview(self, job: Job, deadline: float, is_stopping: Callable[[], bool]) -> Preview:
        """Evaluate a preview.

        Args:
            job: The preview to evaluate.
            deadline: The time limit on the monotonic clock.
            is_stopping: Returns whether the server is shutting down.

        Raises:
            HttpProblem: The preview took too long, the process ended, or the server is shutting down.
            SegbatchError: The preview cannot be evaluated.
        """
        self.start()
        process = self._process
        if process is None:
            raise HttpProblem("unavailable", "the server is shutting down")
        reply = Future[Reply]()
        Thread(target=_exchange, args=(process, job, reply), daemon=True).start()
        try:
            answered = _wait(reply, deadline, job.seconds, is_stopping)
        except BaseException:
            self.replace()
            raise
        if answered.peak > self.most_memory:
            self.replace()
        return _result(answered)

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


def _exchange(process: subprocess.Popen[bytes], job: Job, reply: "Future[Reply]") -> None:
    """Send a job and wait for the reply, while the process is running."""
    stdin: Any = process.stdin
    stdout: Any = process.stdout
    try:
        stdin.write(pickle.dumps(job))
        stdin.flush()
        reply.set_result(pickle.load(stdout))  # noqa: S301 - our own process sent it
    except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        reply.set_exception(EOFError(str(error)))


def _wait(reply: "Future[Reply]", deadline: float, seconds: float, is_stopping: Callable[[], bool]) -> Reply:
    while True:
        if is_stopping():
            raise HttpProblem("unavailable", "the server is shutting down")
        if time.monotonic() > deadline:
            raise HttpProblem("too-long", f"the preview took more than {seconds:g} s and was stopped")
        try:
            return reply.result(_TICK)
        except NotYetError:
            continue
        except EOFError:
            detail = "the process of the preview died; it may have run out of memory"
            raise HttpProblem("unavailable", detail, log=detail) from None


def _result(reply: Reply) -> Preview:
    match reply.outcome:
        case Preview() as preview:
            return preview
        case Failure(class_name, message, without_ids, problems):
            error_class: type[SegbatchError] = getattr(errors, class_name, SegbatchError)
            if issubclass(error_class, DefinitionError):
                raise DefinitionError(problems)
            raise error_class(message, without_ids=without_ids)
        case Fault(trace):
            raise RuntimeError(f"a preview failed in its process:\n{trace}")
