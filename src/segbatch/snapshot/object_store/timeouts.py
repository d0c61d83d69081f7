"""Timeouts for requests to object storage, because not every client has a timeout that can be set.

Requests run in threads, which are abandoned if they take too long.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

LONGEST = 60.0
"""Maximum number of seconds for a response."""

_Result = TypeVar("_Result")


def begin(action: Callable[[], _Result]) -> Future[_Result]:
    """Run an action in another thread. The process does not wait for the thread when it exits."""
    future = Future[_Result]()

    def work() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            future.set_exception(error)

    Thread(target=work, name="storage", daemon=True).start()
    return future


def within(action: Callable[[], _Result], seconds: float | None = None) -> _Result:
    """Run an action and return its result.

    Args:
        action: The function to call.
        seconds: The maximum duration. The default is `LONGEST`.

    Raises:
        TimeoutError: The action takes longer.
    """
    return begin(action).result(LONGEST if seconds is None else seconds)
