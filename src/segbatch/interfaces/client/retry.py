"""Requests and retries. This module does not send or wait itself; the clients do.

A change is retried only if it cannot be made twice: the request never left, or an ETag prevents a second change.
"""

import random
import ssl
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Generic, TypeVar

import httpx

_TRY_LATER = {408, 425, 429, 502, 503, 504}
_UNKNOWN_OUTCOME = {500, 502, 504}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
LONGEST_WAIT = 60.0
"""The maximum wait in seconds. If the server asks for a longer wait, an error is raised instead."""

Outcome = httpx.Response | httpx.RequestError

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL.
        params: The query parameters.
        headers: The headers, without those that every request has.
        content: The body, if any.
        is_safe: Whether the request changes nothing on the server.
        min_timeout: The minimum timeout in seconds for a slow request, if any. Such a request is sent only once.
    """

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    is_safe: bool = False
    min_timeout: float | None = None

    @property
    def is_repeatable(self) -> bool:
        """Return whether the request may be sent twice: it changes nothing, or an ETag prevents a second change."""
        return (self.is_safe and self.min_timeout is None) or self.headers.get("If-Match", "*") != "*"


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a request.

    Attributes:
        outcome: The response, or the error that prevented one.
        maybe_applied: Whether a try before the last one was sent and its effect is unknown.
    """

    outcome: Outcome
    maybe_applied: bool


@dataclass(frozen=True, slots=True)
class Finished(Generic[_Result]):
    """The end of a call.

    Attributes:
        result: The result of the call.
    """

    result: _Result


RequestFlow = Generator[Request | float, Outcome | None, _Result]
"""The flow of a call: a request, which gets its outcome sent back, or a number of seconds to wait."""


def next_step(flow: RequestFlow[_Result], outcome: Outcome | None) -> Request | float | Finished[_Result]:
    """Return the next step of a call, or its result.

    Args:
        outcome: The outcome of the previous step, if that was a request.
    """
    try:
        return flow.send(outcome)
    except StopIteration as done:
        return Finished(done.value)


def send(request: Request, retries: int) -> RequestFlow[Reply]:
    """Send a request, and retry it if that is safe and may help.

    Args:
        retries: The maximum number of retries.
    """
    maybe_applied = False
    for number in count():
        outcome = yield request
        if outcome is None:
            raise AssertionError
        pause = _pause(outcome, number) if number < retries and _should_retry(request, outcome) else None
        if pause is None:
            return Reply(outcome, maybe_applied)
        maybe_applied = maybe_applied or outcome_unknown(outcome)
        yield pause
    raise AssertionError


def _should_retry(request: Request, outcome: Outcome) -> bool:
    """Return whether a retry is safe and may have another outcome."""
    match outcome:
        case httpx.Response():
            return request.is_repeatable and outcome.status_code in _TRY_LATER
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return False
        case _ if tls_error(outcome):
            return False
        case _:
            return request.is_repeatable or _was_not_sent(outcome)


def _was_not_sent(outcome: Outcome) -> bool:
    """Return whether the request cannot have reached the server."""
    return isinstance(outcome, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def outcome_unknown(outcome: Outcome) -> bool:
    """Return whether a change may have been made although the outcome is not a success.

    Args:
        outcome: The error or the response with an error status.
    """
    if isinstance(outcome, httpx.RequestError):
        return not _was_not_sent(outcome)
    if outcome.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # with a problem document, nothing was changed
        return not outcome.headers.get("Content-Type", "").startswith("application/problem+json")
    return outcome.status_code in _UNKNOWN_OUTCOME


def tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return the certificate or protocol error behind an error, if any. A retry cannot fix it."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _pause(outcome: Outcome, number: int) -> float | None:
    """Return the number of seconds to wait before a retry; None if the server asks for more than the maximum."""
    asked = retry_after(outcome) if isinstance(outcome, httpx.Response) else None
    if asked is not None:
        return asked if asked <= LONGEST_WAIT else None
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**number)
    return random.uniform(longest / 2, longest)  # noqa: S311 - so that clients do not retry all at once


def retry_after(response: httpx.Response) -> float | None:
    """Return the number of seconds to wait before a retry, if the server specifies one."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
