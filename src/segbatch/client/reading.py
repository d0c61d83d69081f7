"""What an answer of the API says, or why there is none."""

import json
from collections.abc import Iterator
from functools import reduce
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from segbatch.client.asking import Ask, Reply, retry_after
from segbatch.client.errors import AnswerError, ApiError, StaleError, UnreachableError, error_class
from segbatch.client.models import MembersPage, Preview, SavedSegment
from segbatch.definitions.strict_json import child_path
from segbatch.errors import Problem, cut, printable

__all__ = ["answer_of", "read_page", "read_preview", "read_segment", "read_segments"]

_SEGMENT = TypeAdapter(SavedSegment)
_SEGMENTS = TypeAdapter(list[SavedSegment])
_PAGE = TypeAdapter(MembersPage)
_PREVIEW = TypeAdapter(Preview)
_TAGS = {"<rule>", "<group>"}
_LONGEST = 1_000

_Read = TypeVar("_Read")


def read_segment(response: httpx.Response) -> SavedSegment:
    """Read an answer that is a segment.

    Raises:
        AnswerError: It is none.
    """
    found = _read(_SEGMENT, response)
    etag = response.headers.get("ETag")
    return found.model_copy(update={"etag": etag.removeprefix("W/").strip('"')}) if etag else found


def read_segments(response: httpx.Response) -> list[SavedSegment]:
    """Read an answer that is a list of segments.

    Raises:
        AnswerError: It is none.
    """
    return _read(_SEGMENTS, response)


def read_page(response: httpx.Response) -> MembersPage:
    """Read an answer that is a page of members.

    Raises:
        AnswerError: It is none.
    """
    return _read(_PAGE, response)


def read_preview(response: httpx.Response) -> Preview:
    """Read an answer that is a preview.

    Raises:
        AnswerError: It is none.
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
        kind = response.headers.get("Content-Type", "nothing")
        raise _not_ours(response, f"answered {_line(kind)} in place of JSON; is the base URL right?") from None


def answer_of(reply: Reply, request: Ask, base_url: str) -> httpx.Response:
    """Return the answer to a request that was done.

    Raises:
        ApiError: It was not done, or nobody knows.
    """
    if isinstance(reply.outcome, httpx.RequestError):
        raise _silence(reply.outcome, request, base_url, is_doubtful=reply.is_doubtful)
    if reply.outcome.is_redirect:
        place = _line(reply.outcome.headers.get("Location", ""))
        raise _not_ours(reply.outcome, f"leads on to '{place}', and keys are not sent on; is the base URL right?")
    if not reply.outcome.is_success:
        raise _refusal(reply.outcome, reply)
    return reply.outcome


def _silence(error: httpx.RequestError, request: Ask, base_url: str, *, is_doubtful: bool) -> UnreachableError:
    """Tell why no answer came, and whether something may have come of the request all the same."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            what = f"cannot be reached: {_words(error)}; is the server running, and the base URL right?"
        case httpx.PoolTimeout():
            what = f"all connections were busy for too long, so that {request.method} was not sent"
        case httpx.TimeoutException():
            what, is_doubtful = f"did not answer {request.method} in time", True
        case _:
            what, is_doubtful = f"the connection broke: {_words(error)}", True
    if is_doubtful and not request.is_question:
        what += "; whether the change was made is not known: look before you make it again"
    return UnreachableError(f"{base_url}: {what}")


def _words(error: httpx.RequestError) -> str:
    return _line(str(error)) or type(error).__name__


def _refusal(response: httpx.Response, reply: Reply) -> ApiError:
    """Return the error that an answer stands for."""
    try:
        told = json.loads(response.content)
    except (ValueError, RecursionError):
        told = None
    kind = error_class(response.status_code)
    if not isinstance(told, dict) or not isinstance(told.get("title"), str):
        told = {}
        message = _elsewhere(response, "and not as the API does; is the base URL right?")
    else:
        message = "\n".join(map(str, _problems(told))) or _line(str(told.get("detail") or told["title"]))
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            message = _elsewhere(response, message)
    if kind is StaleError and reply.is_doubtful:
        message += "; an earlier try of this change was cut off, and may be what changed it"
    return kind(
        message,
        status=response.status_code,
        document=told,
        problems=tuple(_problems(told)),
        retry_after=retry_after(response),
    )


def _problems(told: dict[str, Any]) -> Iterator[Problem]:
    errors = told.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            path = error.get("path")
            yield Problem(_line(error["message"]), path=_line(path) if isinstance(path, str) else None)


def _elsewhere(response: httpx.Response, what: str) -> str:
    request = response.request
    return f"{request.url}: answered {request.method} by {response.status_code} {response.reason_phrase}: {what}"


def _not_ours(response: httpx.Response, what: str) -> AnswerError:
    return AnswerError(f"{response.request.url}: {what}", status=response.status_code)


def _line(text: str) -> str:
    return cut(printable(text), _LONGEST)
