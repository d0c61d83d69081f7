"""The format of the output of a run on stderr."""

from typing import Literal, get_args

from segbatch.errors import UsageError
from segbatch.text import did_you_mean, one_of, shown

LogFormat = Literal["plain", "json"]
"""`plain` is text for people, `json` is one line per event."""


def read_log_format(text: str) -> LogFormat:
    """Parse the name of a log format.

    Raises:
        UsageError: The name is not a log format.
    """
    if text == "auto":  # the name of the default until version 0.2
        return "plain"
    formats: tuple[LogFormat, ...] = get_args(LogFormat)
    for name in formats:
        if text == name:
            return name
    hint = did_you_mean(text, formats) or f"; use {one_of(formats)}"
    raise UsageError(f"{shown(text)} is not a log format{hint} (--log-format)")
