"""Definitions that come by standard input."""

import sys

from segbatch.errors import UsageError

__all__ = ["read_stdin"]


def read_stdin() -> bytes:
    """Read standard input to its end.

    Raises:
        UsageError: It is closed.
    """
    if sys.stdin is None:  # so Python has it where it is closed
        raise UsageError("stdin is closed; send a definition there, or name a file")
    return sys.stdin.buffer.read()
