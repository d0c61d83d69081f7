"""ETags and conditional requests (RFC 9110, section 13)."""

import re
from dataclasses import dataclass

from fastapi import Request

from segbatch.definitions.store import Entry
from segbatch.interfaces.api.problems import Refusal
from segbatch.text import shown

_LIST = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*')
_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag_of(entry: Entry) -> str:
    """Return the ETag of a segment as a header value."""
    return f'"{entry.etag}"'


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The ETags in a condition, each with whether it is weak; None for `*`."""

    tags: frozenset[tuple[str, bool]] | None


def matched(request: Request, entry: Entry) -> str | None:
    """Check the `If-Match` header of a change.

    Returns:
        The ETag that the segment must still have when it is changed; None if any version is accepted.

    Raises:
        Refusal: The segment has another ETag, or the header is not valid.
    """
    wanted = _tags(request, "If-Match")
    if wanted is None or wanted.tags is None:
        return None
    if (entry.etag, False) not in wanted.tags:  # weak ETags never match for a change
        message = "was changed by somebody else since it was read; read it again, and change that"
        raise Refusal("changed-meanwhile", f"segment {shown(entry.segment_id)} {message}")
    return entry.etag


def is_known(request: Request, etag: str) -> bool:
    """Return whether the client already has the current version, according to `If-None-Match`."""
    known = _tags(request, "If-None-Match")
    return known is not None and (known.tags is None or not known.tags.isdisjoint({(etag, False), (etag, True)}))


def _tags(request: Request, name: str) -> _Wanted | None:
    """Parse the header of a condition; None if it is missing."""
    values = [value.decode("latin-1") for key, value in request.scope["headers"] if key == name.lower().encode()]
    if not values:
        return None
    text = ", ".join(values)
    if text.strip() == "*":
        return _Wanted(None)
    if not _LIST.fullmatch(text):
        raise Refusal("bad-request", f'{name} has to be an ETag in quotes, such as "5f3a", or *; found {shown(text)}')
    return _Wanted(frozenset((tag, bool(weak)) for weak, tag in _TAG.findall(text)))
