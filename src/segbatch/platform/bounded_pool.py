"""Work in threads beside the one that asks for it."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self

__all__ = ["Beside"]

_P = ParamSpec("_P")


class Beside:
    """Some threads, which never have more to do than one thing each: so memory stays bounded."""

    def __init__(self, name: str, threads: int) -> None:
        """Make them.

        Args:
            name: What they are called.
            threads: How many.
        """
        self._pool = ThreadPoolExecutor(threads, name)
        self._threads = threads
        self._pending = deque[Future[None]]()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, _kind: object, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()  # what else went wrong would hold on to all that it was about, to the end of the process

    def do(self, action: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Have something done, as soon as a thread has nothing to do; what went wrong before is raised here."""
        if len(self._pending) == self._threads:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(action, *args, **kwargs))

    def finish(self) -> None:
        """Wait until all is done; what went wrong is raised here."""
        while self._pending:
            self._pending.popleft().result()
