"""The results of tasks for the driver: a value, or an error that users can meet."""

import pickle
from collections.abc import Callable
from typing import Any

from segbatch.errors import SegbatchError


def encode_result(find: Callable[[], object]) -> bytes:
    """Return the value that a function finds, or the error that it raises, for the driver."""
    try:
        return pickle.dumps(find())
    except SegbatchError as error:
        return pickle.dumps(error)


def decode_result(result: bytes) -> Any:
    """Return the value that a task found.

    Raises:
        SegbatchError: The task met an error.
    """
    found = pickle.loads(result)  # noqa: S301 - a task of this run has written it
    if isinstance(found, SegbatchError):
        raise found
    return found
