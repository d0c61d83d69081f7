"""Work in a thread that is left to itself where it takes too long: not every client has a limit that can be set."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["LONGEST", "begin", "within"]

LONGEST = 60.0
"""How many seconds an answer may take."""

_Result = TypeVar("_Result")


def begin(action: Callable[[], _Result]) -> Future[_Result]:
    """Begin something beside; the process does not wait for it at its end."""
    future = Future[_Result]()

    def work() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    Thread(target=work, name="storage", daemon=True).start()
    return future


def within(action: Callable[[], _Result], seconds: float | None = None) -> _Result:
    """Do something and return its result.

    Args:
        action: What to do.
        seconds: How long it may take; as long as an answer may, if not given.

    Raises:
        TimeoutError: It takes longer.
    """
    return begin(action).result(LONGEST if seconds is None else seconds)
