"""The calls of the API, each with its request and the parsing of its response. Both clients only send the requests."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import reduce
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from segbatch.definitions.strict_json import child_path
from segbatch.errors import UsageError
from segbatch.interfaces.client.errors import (
    NotFoundError,
    describe_status,
    one_line,
    response_of,
    unexpected_response,
)
from segbatch.interfaces.client.models import MembersPage, MembersWithFieldsPage, Preview, SavedSegment
from segbatch.interfaces.client.retry import Request, RequestFlow, send
from segbatch.model.invalid_values import invalid_reason
from segbatch.model.segment import Segment
from segbatch.text import shown

Definition = Segment | Mapping[str, Any]
"""A definition, or some of its keys. The rules in a dictionary may be models."""

_PREVIEW_TIMEOUT = 90.0
"""The timeout in seconds of a call that reads contacts. The server takes up to a minute, and may queue it before."""

_SEGMENTS = "/api/v1/contacts/segments"
_SEGMENT = TypeAdapter(SavedSegment)
_SEGMENT_LIST = TypeAdapter(list[SavedSegment])
_PAGE = TypeAdapter(MembersPage)
_FIELDS_PAGE = TypeAdapter(MembersWithFieldsPage)
_PREVIEW = TypeAdapter(Preview)
_TAGS = {"<rule>", "<group>"}
_JSON = {"Content-Type": "application/json"}

_Read = TypeVar("_Read")


class Calls:
    """The calls of the API."""

    def __init__(self, base_url: str, retries: int) -> None:
        """Create the calls for a server.

        Args:
            retries: The maximum number of retries for each request.

        Raises:
            UsageError: `retries` is not a whole number, or is negative.
        """
        if not _is_count(retries):
            raise UsageError(f"retries must be a whole number, 0 or more; found {shown(retries)}")
        self._base_url = base_url
        self._retries = retries

    def list_segments(self, tags: Sequence[str], owners: Sequence[str]) -> RequestFlow[list[SavedSegment]]:
        """Return the segments that have one of the tags and one of the owners; without any, all segments."""
        params = {key: values for key, values in (("tag", tags), ("owner", owners)) if values}
        return _read(_SEGMENT_LIST, (yield from self._send(Request("GET", _SEGMENTS, params, is_safe=True))))

    def get_segment(self, segment_id: str) -> RequestFlow[SavedSegment]:
        """Return a segment."""
        return _read_segment((yield from self._send(Request("GET", _path(segment_id), is_safe=True))))

    def create_segment(self, definition: Definition) -> RequestFlow[SavedSegment]:
        """Create a segment."""
        request = Request("POST", _SEGMENTS, headers=_JSON, content=_to_json(definition))
        return _read_segment((yield from self._send(request)))

    def update_segment(self, segment_id: str, changes: Definition, if_match: str | None) -> RequestFlow[SavedSegment]:
        """Change the given keys of a segment."""
        headers = _JSON | _if_match(if_match)
        request = Request("PATCH", _path(segment_id), headers=headers, content=_to_json(changes))
        return _read_segment((yield from self._send(request)))

    def delete_segment(self, segment_id: str, if_match: str | None) -> RequestFlow[None]:
        """Delete a segment."""
        request = Request("DELETE", _path(segment_id), headers=_if_match(if_match))
        reply = yield from send(request, self._retries)
        with suppress(*([NotFoundError] if reply.maybe_applied else [])):  # an earlier try may have deleted it
            response_of(reply, request, self._base_url)

    def list_members(self, segment_id: str, cursor: str | None, limit: int | None) -> RequestFlow[MembersPage]:
        """Return a page of the members of a segment."""
        request = Request("GET", f"{_path(segment_id)}/members", _page_params(cursor, limit), is_safe=True)
        return _read(_PAGE, (yield from self._send(request)))

    def list_members_with_fields(
        self, segment_id: str, fields: Sequence[str], cursor: str | None, limit: int | None
    ) -> RequestFlow[MembersWithFieldsPage]:
        """Return a page of the members of a segment with fields."""
        if isinstance(fields, str) or not fields:
            raise UsageError(f"fields must be a list of names, at least one; found {shown(fields)}")
        params = {"field": fields, **_page_params(cursor, limit)}
        path = f"{_path(segment_id)}/members/fields"
        request = Request("GET", path, params, is_safe=True, min_timeout=_PREVIEW_TIMEOUT)
        return _read(_FIELDS_PAGE, (yield from self._send(request)))

    def preview(self, definition: Definition, first: int | None) -> RequestFlow[Preview]:
        """Count the members of a definition without saving it."""
        content = _to_json(definition, {} if first is None else {"first": first})
        request = Request(
            "POST", f"{_SEGMENTS}/preview", {}, _JSON, content, is_safe=True, min_timeout=_PREVIEW_TIMEOUT
        )
        return _read(_PREVIEW, (yield from self._send(request)))

    def _send(self, request: Request) -> RequestFlow[httpx.Response]:
        """Send a request and return its response, or raise an error if it failed."""
        return response_of((yield from send(request, self._retries)), request, self._base_url)


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _path(segment_id: object) -> str:
    """Return the path of a segment. The id is quoted, so that it cannot lead to another path.

    Raises:
        UsageError: The id is not valid.
    """
    if not isinstance(segment_id, str) or segment_id in {"", ".", ".."}:
        raise UsageError(f"{shown(segment_id)} is not a valid segment id")
    return f"{_SEGMENTS}/{quote(segment_id, safe='', errors='surrogatepass')}"


def _page_params(cursor: str | None, limit: int | None) -> dict[str, str]:
    params = {"cursor": cursor, "limit": None if limit is None else str(limit)}
    return {key: value for key, value in params.items() if value is not None}


def _if_match(etag: object) -> dict[str, str]:
    """Return the `If-Match` header for an ETag, which may have quotes as in a header, or not.

    Raises:
        UsageError: The ETag is not valid.
    """
    if etag is None:
        return {}
    bare = etag.strip().removeprefix("W/").strip('"') if isinstance(etag, str) else ""
    if not bare or not bare.isascii() or not bare.isprintable() or '"' in bare:
        raise UsageError(f"{shown(etag)} is not an ETag (if_match)")
    return {"If-Match": "*" if bare == "*" else f'"{bare}"'}


def _to_json(definition: object, more: Mapping[str, Any] | None = None) -> bytes:
    """Return a definition as JSON.

    Args:
        definition: The definition, or some of its keys.
        more: Keys to add.

    Raises:
        UsageError: The definition is of the wrong type, or a value in it cannot be written as JSON.
    """
    if not isinstance(definition, BaseModel | Mapping):
        raise UsageError(f"a definition must be a dictionary or a Segment; found {shown(definition)}")
    try:
        return json.dumps({**_to_dict(definition), **(more or {})}, default=_to_dict, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the definition cannot be written as JSON: {error}") from None


def _to_dict(value: object) -> dict[str, Any]:
    """Convert a model to JSON data with only the keys that were set. Convert a mapping to a dictionary."""
    match value:
        case BaseModel():
            return value.model_dump(mode="json", exclude_unset=True)
        case Mapping():
            return dict(value)
        case _:
            raise TypeError(f"{shown(type(value).__name__)} is neither a text, a number, a list, an object nor a rule")


def _read_segment(response: httpx.Response) -> SavedSegment:
    """Parse a response with a segment.

    Raises:
        AnswerError: The response is not a segment.
    """
    found = _read(_SEGMENT, response)
    etag = response.headers.get("ETag")
    return found.model_copy(update={"etag": etag.removeprefix("W/").strip('"')}) if etag else found


def _read(kind: TypeAdapter[_Read], response: httpx.Response) -> _Read:
    """Parse a response.

    Raises:
        AnswerError: The response is not of the kind.
    """
    try:
        return kind.validate_python(_data(response))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = reduce(child_path, (step for step in first["loc"] if step not in _TAGS), "$")
        what = f"sent a response that this version does not know: {one_line(place)}: {invalid_reason(first)}"
        message = f"{what}; is segbatch older here than on the server?"
        raise unexpected_response(response, message) from None


def _data(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise unexpected_response(response, f"answered {_unreadable(response)}") from None


def _unreadable(response: httpx.Response) -> str:
    """Describe a response that is not JSON."""
    kind = one_line(response.headers.get("Content-Type", ""))
    if not response.content:
        return f"{describe_status(response)} and nothing in place of JSON; is the base URL right?"
    if "json" in kind:
        return f"{kind} that is not valid JSON; was it changed or cut off on its way?"
    return f"{kind or 'no content type'} in place of JSON; is the base URL right?"
