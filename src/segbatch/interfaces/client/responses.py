"""Parsing of the API's responses, and the errors for failed requests."""

import json
import ssl
from collections.abc import Iterator
from functools import reduce
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from segbatch.definitions.strict_json import child_path
from segbatch.errors import Problem
from segbatch.interfaces.client.errors import (
    AnswerError,
    ApiError,
    NotFoundError,
    StaleError,
    UnreachableError,
    error_class,
)
from segbatch.interfaces.client.models import MembersPage, Preview, SavedSegment
from segbatch.interfaces.client.retry import LONGEST_WAIT, Reply, Request, outcome_unknown, retry_after, tls_error
from segbatch.model.invalid_values import invalid_reason
from segbatch.text import cut, printable

_SEGMENT = TypeAdapter(SavedSegment)
SEGMENTS = TypeAdapter(list[SavedSegment])
PAGE = TypeAdapter(MembersPage)
PREVIEW = TypeAdapter(Preview)
_TAGS = {"<rule>", "<group>"}
_LONGEST = 1_000
_NOT_KNOWN = "the change may have been made: check before you repeat it"
_MAYBE_OWN = "an earlier attempt at this change got no answer, and may have made it"
_NO_SEGMENT = "not-found"
_PROBLEM = "urn:segbatch:problem:"
_TOO_MANY = {408, 425, 429}

_Read = TypeVar("_Read")


def read_segment(response: httpx.Response) -> SavedSegment:
    """Parse a response with a segment.

    Raises:
        AnswerError: The response is not a segment.
    """
    found = read(_SEGMENT, response)
    etag = response.headers.get("ETag")
    return found.model_copy(update={"etag": etag.removeprefix("W/").strip('"')}) if etag else found


def read(kind: TypeAdapter[_Read], response: httpx.Response) -> _Read:
    """Parse a response.

    Raises:
        AnswerError: The response is not of the kind.
    """
    try:
        return kind.validate_python(_data(response))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = reduce(child_path, (step for step in first["loc"] if step not in _TAGS), "$")
        what = f"sent a response that this version does not know: {_one_line(place)}: {invalid_reason(first)}"
        message = f"{what}; is segbatch older here than on the server?"
        raise _unexpected(response, message) from None


def _data(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise _unexpected(response, f"answered {_unreadable(response)}") from None


def _unreadable(response: httpx.Response) -> str:
    """Describe a response that is not JSON."""
    kind = _one_line(response.headers.get("Content-Type", ""))
    if not response.content:
        return f"{_status(response)} and nothing in place of JSON; is the base URL right?"
    if "json" in kind:
        return f"{kind} that is not valid JSON; was it changed or cut off on its way?"
    return f"{kind or 'no content type'} in place of JSON; is the base URL right?"


def response_of(reply: Reply, request: Request, base_url: str) -> httpx.Response:
    """Return the response of a successful request.

    Raises:
        ApiError: The request failed, or its outcome is unknown.
    """
    if isinstance(reply.outcome, httpx.RequestError):
        raise _no_response_error(reply.outcome, request, base_url, maybe_applied=_maybe_applied(reply, request))
    if reply.outcome.is_redirect:
        place = _one_line(reply.outcome.headers.get("Location", ""))
        raise _unexpected(
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
    return _one_line(str(error)) or type(error).__name__


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
    kind = error_class(response.status_code)
    return AnswerError if kind is NotFoundError and document["type"] != _PROBLEM + _NO_SEGMENT else kind


def _message_of(response: httpx.Response, document: dict[str, Any], problems: tuple[Problem, ...]) -> str:
    """Return the message for an HTTP error response."""
    if not document:
        hint = "; is the server behind it running?" if response.is_server_error else "; is the base URL right?"
        what = "and not as the API does" + ("" if response.status_code in _TOO_MANY else hint)
        return f"{response.request.url}: answered {response.request.method} by {_status(response)}, {what}"
    message = "\n".join(map(str, problems)) or _one_line(str(document.get("detail") or document["title"]))
    if response.is_server_error:
        return f"{response.request.url}: answered {response.request.method} by {_status(response)}: {message}"
    return message


def _explain_wait(wait: float | None) -> str:
    if wait is None or wait <= LONGEST_WAIT:
        return ""
    return f"the server asks for a wait of {wait:,.0f} seconds, which is longer than the client waits"


def _status(response: httpx.Response) -> str:
    return _one_line(f"{response.status_code} {response.reason_phrase}".strip())


def _problems(document: dict[str, Any]) -> Iterator[Problem]:
    errors = document.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            path = error.get("path")
            yield Problem(_one_line(error["message"]), path=_one_line(path) if isinstance(path, str) else None)


def _unexpected(response: httpx.Response, what: str) -> AnswerError:
    return AnswerError(f"{response.request.url}: {what}", status=response.status_code)


def _one_line(text: str) -> str:
    return cut(printable(text), _LONGEST)
