"""Regular expressions in the syntax of Rust's `regex`, which searches in linear time for any pattern."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from segbatch.text import shown

_is_checked = ContextVar("_is_checked", default=True)


@contextmanager
def unchecked() -> Iterator[None]:
    """Disable the compilation of patterns in a block that reads definitions; it can take half a second per pattern."""
    token = _is_checked.set(False)
    try:
        yield
    finally:
        _is_checked.reset(token)


def reason_against(pattern: str) -> str | None:
    """Return the reason why a pattern does not compile; None if it does, or if the check is disabled."""
    return _reason_against(pattern) if _is_checked.get() else None


@lru_cache(maxsize=10_000)
def _reason_against(pattern: str) -> str | None:
    import polars as pl  # noqa: PLC0415 - slow to import, and most definitions have no pattern

    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        lines = str(error).splitlines()
        reasons = (line.removeprefix("error: ") for line in lines if line.startswith("error: "))
        reason = next(reasons, lines[0].removeprefix("regex error: "))
        return f"{shown(pattern)} is not a valid regular expression: {reason}"
    return None
