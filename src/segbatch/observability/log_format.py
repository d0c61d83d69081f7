"""How a run writes stderr."""

from typing import Literal, get_args

from segbatch.errors import UsageError
from segbatch.text import did_you_mean, shown, some_of

__all__ = ["LogFormat", "read_log_format"]

LogFormat = Literal["auto", "plain", "json"]
"""For people; JSON, a line an event; or for people on a terminal alone."""


def read_log_format(text: str) -> LogFormat:
    """Read how a run is to write stderr.

    Raises:
        UsageError: There is no such format.
    """
    formats: tuple[LogFormat, ...] = get_args(LogFormat)
    for name in formats:
        if text == name:
            return name
    hint = did_you_mean(text, formats) or f"; there are {some_of(formats)}"
    raise UsageError(f"{shown(text)} is no format of logs{hint} (--log-format)")
