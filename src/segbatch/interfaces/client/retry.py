"""A request, and when it is sent once more. Nothing here waits or sends: whoever drives it does.

A change is only sent again where nothing can come of it twice: it never left, or an ETag keeps a second one out.
"""

import random
import ssl
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Generic, TypeVar

import httpx

__all__ = [
    "LONGEST_WAIT",
    "Ask",
    "Done",
    "Outcome",
    "Reply",
    "Steps",
    "ask",
    "encryption_fault",
    "is_unsettled",
    "next_step",
    "retry_after",
]

_TRY_LATER = {408, 425, 429, 502, 503, 504}
_UNSETTLED = {500, 502, 504}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
LONGEST_WAIT = 60.0
"""A server that wants to be left alone for longer is told of, and not waited for."""

Outcome = httpx.Response | httpx.RequestError

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    Attributes:
        method: What is to be done.
        path: To what, below the base URL.
        params: What the query says.
        headers: What is said beside who asks.
        content: The body, if any.
        is_question: Whether nothing comes of it but an answer.
        patience: For how many seconds to wait for that at least, where it takes long; it is not asked twice then.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    is_question: bool = False
    patience: float | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent twice: nothing comes of it, or an ETag keeps the second one out."""
        return (self.is_question and self.patience is None) or self.headers.get("If-Match", "*") != "*"


@dataclass(frozen=True, slots=True)
class Reply:
    """How a request ended.

    Attributes:
        outcome: The answer, or why none came.
        is_doubtful: Whether it was sent, perhaps more than once, and what came of that is not known.
    """

    outcome: Outcome
    is_doubtful: bool


@dataclass(frozen=True, slots=True)
class Done(Generic[_Result]):
    """The end of a call.

    Attributes:
        result: Its result.
    """

    result: _Result


Steps = Generator[Ask | float, Outcome | None, _Result]
"""What is to be done until there is a result: a request to be sent, answered by its outcome, or seconds to wait."""


def next_step(steps: Steps[_Result], outcome: Outcome | None) -> Ask | float | Done[_Result]:
    """Return what is to be done next, or the result.

    Args:
        steps: What is being done.
        outcome: What came of the last step, if that was a request.
    """
    try:
        return steps.send(outcome)
    except StopIteration as done:
        return Done(done.value)


def ask(request: Ask, retries: int) -> Steps[Reply]:
    """Send a request, and again where that is safe and may help.

    Args:
        request: The request.
        retries: How many times more.
    """
    is_doubtful = False
    for number in count():
        outcome = yield request
        if outcome is None:
            raise AssertionError
        pause = _pause(outcome, number) if number < retries and _may_help(request, outcome) else None
        if pause is None:
            return Reply(outcome, is_doubtful)
        is_doubtful = is_doubtful or is_unsettled(outcome)
        yield pause
    raise AssertionError


def _may_help(request: Ask, outcome: Outcome) -> bool:
    """Tell whether sending it once more is safe, and may end differently."""
    match outcome:
        case httpx.Response():
            return request.is_repeatable and outcome.status_code in _TRY_LATER
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return False
        case _ if encryption_fault(outcome):
            return False
        case _:
            return request.is_repeatable or _was_not_sent(outcome)


def _was_not_sent(outcome: Outcome) -> bool:
    """Tell whether the server cannot have got it."""
    return isinstance(outcome, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def is_unsettled(outcome: Outcome) -> bool:
    """Tell whether a change may have been made, although the answer does not say so.

    Args:
        outcome: How it ended: in no answer, or in one that is no success.
    """
    if isinstance(outcome, httpx.RequestError):
        return not _was_not_sent(outcome)
    if outcome.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # the API itself says so where nothing was done
        return not outcome.headers.get("Content-Type", "").startswith("application/problem+json")
    return outcome.status_code in _UNSETTLED


def encryption_fault(error: BaseException | None) -> ssl.SSLError | None:
    """Return what is wrong with a certificate or a protocol, which trying again does not mend; else None."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _pause(outcome: Outcome, number: int) -> float | None:
    """Tell for how long to wait; None where that would be too long."""
    asked = retry_after(outcome) if isinstance(outcome, httpx.Response) else None
    if asked is not None:
        return asked if asked <= LONGEST_WAIT else None
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**number)
    return random.uniform(longest / 2, longest)  # noqa: S311 - so that clients do not come back all at once


def retry_after(response: httpx.Response) -> float | None:
    """Return in how many seconds the server wants to be asked again, if it says so."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
