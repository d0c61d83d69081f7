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
from segbatch.interfaces.client.retry import LONGEST_WAIT, Ask, Reply, encryption_fault, is_unsettled, retry_after
from segbatch.text import cut, printable

_SEGMENT = TypeAdapter(SavedSegment)
_SEGMENTS = TypeAdapter(list[SavedSegment])
_PAGE = TypeAdapter(MembersPage)
_PREVIEW = TypeAdapter(Preview)
_TAGS = {"<rule>", "<group>"}
_LONGEST = 1_000
_NOT_KNOWN = "whether the change was made is not known: look before you make it again"
_MAYBE_OWN = "an earlier try of this change was cut off, and may be what changed it"
_NO_SEGMENT = "not-found"
_PROBLEM = "urn:segbatch:problem:"
_TOO_MUCH = {408, 425, 429}

_Read = TypeVar("_Read")


def read_segment(response: httpx.Response) -> SavedSegment:
    """Parse a response with a segment.

    Raises:
        AnswerError: The response is not a segment.
    """
    found = _read(_SEGMENT, response)
    etag = response.headers.get("ETag")
    return found.model_copy(update={"etag": etag.removeprefix("W/").strip('"')}) if etag else found


def read_segments(response: httpx.Response) -> list[SavedSegment]:
    """Parse a response with a list of segments.

    Raises:
        AnswerError: The response is not a list of segments.
    """
    return _read(_SEGMENTS, response)


def read_page(response: httpx.Response) -> MembersPage:
    """Parse a response with a page of members.

    Raises:
        AnswerError: The response is not a page of members.
    """
    return _read(_PAGE, response)


def read_preview(response: httpx.Response) -> Preview:
    """Parse a response with a preview.

    Raises:
        AnswerError: The response is not a preview.
    """
    return _read(_PREVIEW, response)


def _read(kind: TypeAdapter[_Read], response: httpx.Response) -> _Read:
    try:
        return kind.validate_python(_data(response))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = reduce(child_path, (step for step in first["loc"] if step not in _TAGS), "$")
        what = f"answered what this version does not know: {_line(place)}: {first['msg']}"
        message = f"{what}; is segbatch older here than on the server?"
        raise _not_ours(response, message) from None


def _data(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise _not_ours(response, f"answered {_unreadable(response)}") from None


def _unreadable(response: httpx.Response) -> str:
    """Describe a response that is not JSON."""
    kind = _line(response.headers.get("Content-Type", ""))
    if not response.content:
        return f"{_status(response)} and nothing in place of JSON; is the base URL right?"
    if "json" in kind:
        return f"{kind} that is no JSON; was it changed or cut off on its way?"
    return f"{kind or 'something of no type'} in place of JSON; is the base URL right?"


def answer_of(reply: Reply, request: Ask, base_url: str) -> httpx.Response:
    """Return the response of a successful request.

    Raises:
        ApiError: The request failed, or its outcome is unknown.
    """
    if isinstance(reply.outcome, httpx.RequestError):
        raise _silence(reply.outcome, request, base_url, is_doubtful=_is_doubtful(reply, request))
    if reply.outcome.is_redirect:
        place = _line(reply.outcome.headers.get("Location", ""))
        raise _not_ours(reply.outcome, f"leads on to '{place}', and keys are not sent on; is the base URL right?")
    if not reply.outcome.is_success:
        raise _refusal(reply.outcome, is_doubtful=_is_doubtful(reply, request))
    return reply.outcome


def _is_doubtful(reply: Reply, request: Ask) -> bool:
    """Return whether a change may have been made although it was not confirmed."""
    return not request.is_question and (reply.is_doubtful or is_unsettled(reply.outcome))


def _silence(error: httpx.RequestError, request: Ask, base_url: str, *, is_doubtful: bool) -> UnreachableError:
    """Return the error for a request without a response. The message warns if the change may have been made."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            what = f"cannot be reached: {_words(error)}; {_next_step(error)}"
        case httpx.PoolTimeout():
            what = f"all connections were busy for too long, so that {request.method} was not sent"
        case httpx.TimeoutException():
            what = f"did not answer {request.method} in time"
        case _:
            what = f"the connection broke: {_words(error)}"
    if is_doubtful:
        what += f"; {_NOT_KNOWN}"
    return UnreachableError(f"{base_url}: {what}", is_doubtful=is_doubtful)


def _next_step(error: httpx.RequestError) -> str:
    match encryption_fault(error):
        case None:
            return "is the server running, and the base URL right?"
        case ssl.SSLCertVerificationError():
            return "who signed its certificate can be named by SSL_CERT_FILE"
        case _:
            return "if it does not speak https, begin the base URL with http://"


def _words(error: httpx.RequestError) -> str:
    return _line(str(error)) or type(error).__name__


def _refusal(response: httpx.Response, *, is_doubtful: bool) -> ApiError:
    """Return the error for an HTTP error response."""
    told = _document(response)
    problems = tuple(_problems(told))
    kind = _kind(response, told)
    wait = retry_after(response)
    parts = [
        _said(response, told, problems),
        f"it asks to be left alone for {wait:,.0f} seconds, longer than is waited here" if _is_long(wait) else "",
        "is the base URL right?" if told and kind is AnswerError else "",
        (_MAYBE_OWN if kind is StaleError else _NOT_KNOWN) if is_doubtful else "",
    ]
    return kind(
        "; ".join(filter(None, parts)),
        status=response.status_code,
        document=told,
        problems=problems,
        retry_after=wait,
        is_doubtful=is_doubtful,
    )


def _document(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document of a response; an empty dictionary if it is not one of the API's."""
    try:
        told = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    is_own = (
        isinstance(told, dict) and str(told.get("type")).startswith(_PROBLEM) and isinstance(told.get("title"), str)
    )
    return told if is_own else {}


def _kind(response: httpx.Response, told: dict[str, Any]) -> type[ApiError]:
    """Return the class of error.

    `NotFoundError` is used only if the API itself reports that a segment does not exist. A 404 for an unknown path is
    an `AnswerError`.
    """
    if not told:
        return ApiError if response.is_server_error or response.status_code in _TOO_MUCH else AnswerError
    kind = error_class(response.status_code)
    return AnswerError if kind is NotFoundError and told["type"] != _PROBLEM + _NO_SEGMENT else kind


def _said(response: httpx.Response, told: dict[str, Any], problems: tuple[Problem, ...]) -> str:
    """Return the message for an HTTP error response."""
    if not told:
        hint = "; is the server behind it running?" if response.is_server_error else "; is the base URL right?"
        what = "and not as the API does" + ("" if response.status_code in _TOO_MUCH else hint)
        return f"{response.request.url}: answered {response.request.method} by {_status(response)}, {what}"
    message = "\n".join(map(str, problems)) or _line(str(told.get("detail") or told["title"]))
    if response.is_server_error:
        return f"{response.request.url}: answered {response.request.method} by {_status(response)}: {message}"
    return message


def _is_long(wait: float | None) -> bool:
    return wait is not None and wait > LONGEST_WAIT


def _status(response: httpx.Response) -> str:
    return _line(f"{response.status_code} {response.reason_phrase}".strip())


def _problems(told: dict[str, Any]) -> Iterator[Problem]:
    errors = told.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            path = error.get("path")
            yield Problem(_line(error["message"]), path=_line(path) if isinstance(path, str) else None)


def _not_ours(response: httpx.Response, what: str) -> AnswerError:
    return AnswerError(f"{response.request.url}: {what}", status=response.status_code)


def _line(text: str) -> str:
    return cut(printable(text), _LONGEST)
