"""Thread pools with a bounded queue."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

_P = ParamSpec("_P")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class BoundedExecutor:
    """A thread pool with at most one pending task per thread, so that memory stays bounded."""

    def __init__(self, name: str, threads: int) -> None:
        """Create the pool; `name` is the prefix of the thread names."""
        self._pool = ThreadPoolExecutor(threads, name)
        self._threads = threads
        self._pending = deque[Future[None]]()

    def __enter__(self) -> Self:
        """Return the pool."""
        return self

    def __exit__(self, _kind: object, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Stop the threads. Tasks that have not started are cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()  # a pending error would keep all that it refers to in memory

    def submit(self, action: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Submit a task. Waits for a free thread; raises the error of an earlier task, if any."""
        if len(self._pending) == self._threads:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(action, *args, **kwargs))

    def finish(self) -> None:
        """Wait until all tasks are done; raises the error of a task, if any."""
        while self._pending:
            self._pending.popleft().result()


def map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[_Item], _Result], items: Iterable[_Item], ahead: int
) -> Iterator[_Result]:
    """Yield the results of a function in the order of the items, with at most `ahead` items at work or waiting."""
    pending = deque[Future[_Result]]()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) == ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
