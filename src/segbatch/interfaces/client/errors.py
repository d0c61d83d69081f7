"""Errors of the client, and which one a failed request raises. No error message shows the API key."""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import httpx

from segbatch.errors import Problem, SegbatchError
from segbatch.interfaces.client.retry import LONGEST_WAIT, Reply, Request, outcome_unknown, retry_after, tls_error
from segbatch.text import cut, printable

_LONGEST = 1_000
_NOT_KNOWN = "the change may have been made: check before you repeat it"
_MAYBE_OWN = "an earlier attempt at this change got no answer, and may have made it"
_NO_SEGMENT = "not-found"
_PROBLEM = "urn:segbatch:problem:"
_TOO_MANY = {408, 425, 429}


class ApiError(SegbatchError):
    """A request to the API failed. The text of the error is the whole message.

    Attributes:
        status: The HTTP status; None without a response.
        problems: The problems of a definition, each with its place, such as `$.rules[0].operator`.
        document: The problem document of the API (RFC 9457).
        retry_after: The number of seconds to wait before a retry, if the server sent one.
        maybe_applied: Whether the change may have been made although the request failed, because a response was lost.
            With a `StaleError`, that change may be the one that made the ETag stale.
    """

    statuses: ClassVar[frozenset[int]] = frozenset()

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        document: Mapping[str, Any] | None = None,
        problems: Sequence[Problem] = (),
        retry_after: float | None = None,
        maybe_applied: bool = False,
    ) -> None:
        self.status = status
        self.document: Mapping[str, Any] = document or {}
        self.problems = tuple(problems)
        self.retry_after = retry_after
        self.maybe_applied = maybe_applied
        super().__init__(message)

    @property
    def is_doubtful(self) -> bool:
        """Return `maybe_applied`, under its old name."""
        return self.maybe_applied

    @property
    def code(self) -> str | None:
        """Return the kind of error, such as `in-use`; None if the API did not send one."""
        return (self._text("type") or "").rpartition(":")[2] or None

    @property
    def title(self) -> str | None:
        """Return a short description of the kind of error."""
        return self._text("title")

    @property
    def detail(self) -> str | None:
        """Return the server's description of this error."""
        return self._text("detail")

    def _text(self, key: str) -> str | None:
        text = self.document.get(key)
        return text if isinstance(text, str) else None


class InvalidError(ApiError):
    """The definition is not valid, or the request is too large; see `problems` (400, 413, 415, 422)."""

    statuses = frozenset({400, 413, 415, 422})


class UnauthorizedError(ApiError):
    """The key is missing, unknown or revoked (401)."""

    statuses = frozenset({401})


class ForbiddenError(ApiError):
    """The key does not have the permission: it is read-only, or for other projects (403)."""

    statuses = frozenset({403})


class NotFoundError(ApiError):
    """The segment does not exist (404)."""

    statuses = frozenset({404})


class ConflictError(ApiError):
    """The request conflicts with the current state: others refer to the segment, or it is broken; see `code` (409)."""

    statuses = frozenset({409})


class GoneError(ApiError):
    """The run whose members were listed has been deleted (410)."""

    statuses = frozenset({410})


class StaleError(ApiError):
    """The segment was changed by another client since it was read (412)."""

    statuses = frozenset({412})


class UnreachableError(ApiError):
    """No response was received: the server is not running, or did not answer in time."""


class AnswerError(ApiError):
    """The response is not from the API, or from a wrong path, or from a version too new for this client."""


_BY_STATUS = {status: one for one in ApiError.__subclasses__() for status in one.statuses}


def response_of(reply: Reply, request: Request, base_url: str) -> httpx.Response:
    """Return the response of a successful request.

    Raises:
        ApiError: The request failed, or its outcome is unknown.
    """
    if isinstance(reply.outcome, httpx.RequestError):
        raise _no_response_error(reply.outcome, request, base_url, maybe_applied=_maybe_applied(reply, request))
    if reply.outcome.is_redirect:
        place = one_line(reply.outcome.headers.get("Location", ""))
        raise unexpected_response(
            reply.outcome, f"redirects to '{place}', and keys are not sent to other addresses; is the base URL right?"
        )
    if not reply.outcome.is_success:
        raise _response_error(reply.outcome, maybe_applied=_maybe_applied(reply, request))
    return reply.outcome


def _maybe_applied(reply: Reply, request: Request) -> bool:
    """Return whether a change may have been made although it was not confirmed."""
    return not request.is_safe and (reply.maybe_applied or outcome_unknown(reply.outcome))


def _no_response_error(
    error: httpx.RequestError, request: Request, base_url: str, *, maybe_applied: bool
) -> UnreachableError:
    """Return the error for a request without a response. The message warns if the change may have been made."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            what = f"cannot be reached: {_describe(error)}; {_hint(error)}"
        case httpx.PoolTimeout():
            what = f"all connections were busy for too long; {request.method} was not sent"
        case httpx.TimeoutException():
            what = f"did not answer {request.method} in time"
        case _:
            what = f"the connection broke: {_describe(error)}"
    if maybe_applied:
        what += f"; {_NOT_KNOWN}"
    return UnreachableError(f"{base_url}: {what}", maybe_applied=maybe_applied)


def _hint(error: httpx.RequestError) -> str:
    match tls_error(error):
        case None:
            return "is the server running, and the base URL right?"
        case ssl.SSLCertVerificationError():
            return "set SSL_CERT_FILE to the certificate that signed the server's"
        case _:
            return "if it does not use https, start the base URL with http://"


def _describe(error: httpx.RequestError) -> str:
    return one_line(str(error)) or type(error).__name__


def _response_error(response: httpx.Response, *, maybe_applied: bool) -> ApiError:
    """Return the error for an HTTP error response."""
    document = _document(response)
    problems = tuple(_problems(document))
    kind = _error_class(response, document)
    wait = retry_after(response)
    parts = [
        _message_of(response, document, problems),
        _explain_wait(wait),
        "is the base URL right?" if document and kind is AnswerError else "",
        (_MAYBE_OWN if kind is StaleError else _NOT_KNOWN) if maybe_applied else "",
    ]
    return kind(
        "; ".join(filter(None, parts)),
        status=response.status_code,
        document=document,
        problems=problems,
        retry_after=wait,
        maybe_applied=maybe_applied,
    )


def _document(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document of a response; an empty dictionary if it is not one of the API's."""
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    is_own = (
        isinstance(document, dict)
        and str(document.get("type")).startswith(_PROBLEM)
        and isinstance(document.get("title"), str)
    )
    return document if is_own else {}


def _error_class(response: httpx.Response, document: dict[str, Any]) -> type[ApiError]:
    """Return the class of error.

    `NotFoundError` is used only if the API itself reports that a segment does not exist. A 404 for an unknown path is
    an `AnswerError`.
    """
    if not document:
        return ApiError if response.is_server_error or response.status_code in _TOO_MANY else AnswerError
    kind = _BY_STATUS.get(response.status_code, ApiError)
    return AnswerError if kind is NotFoundError and document["type"] != _PROBLEM + _NO_SEGMENT else kind


def _message_of(response: httpx.Response, document: dict[str, Any], problems: tuple[Problem, ...]) -> str:
    """Return the message for an HTTP error response."""
    if not document:
        hint = "; is the server behind it running?" if response.is_server_error else "; is the base URL right?"
        what = "and not as the API does" + ("" if response.status_code in _TOO_MANY else hint)
        return f"{response.request.url}: answered {response.request.method} by {describe_status(response)}, {what}"
    message = "\n".join(map(str, problems)) or one_line(str(document.get("detail") or document["title"]))
    if response.is_server_error:
        return f"{response.request.url}: answered {response.request.method} by {describe_status(response)}: {message}"
    return message


def _explain_wait(wait: float | None) -> str:
    if wait is None or wait <= LONGEST_WAIT:
        return ""
    return f"the server asks for a wait of {wait:,.0f} seconds, which is longer than the client waits"


def describe_status(response: httpx.Response) -> str:
    """Return the status of a response with its reason."""
    return one_line(f"{response.status_code} {response.reason_phrase}".strip())


def _problems(document: dict[str, Any]) -> Iterator[Problem]:
    errors = document.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            path = error.get("path")
            yield Problem(one_line(error["message"]), path=one_line(path) if isinstance(path, str) else None)


def unexpected_response(response: httpx.Response, what: str) -> AnswerError:
    """Return the error for a response that is not as the API answers."""
    return AnswerError(f"{response.request.url}: {what}", status=response.status_code)


def one_line(text: str) -> str:
    """Return text from the server for a message: printable, in one line and not too long."""
    return cut(printable(text), _LONGEST)
