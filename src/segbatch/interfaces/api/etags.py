"""ETags and the conditions that requests put on them (RFC 9110, section 13)."""

import re
from dataclasses import dataclass

from fastapi import Request

from segbatch.definitions.store import Entry
from segbatch.interfaces.api.problems import Refusal
from segbatch.text import shown

__all__ = ["etag_of", "is_known", "matched"]

_LIST = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*')
_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag_of(entry: Entry) -> str:
    """Return a segment's ETag as it stands in a header."""
    return f'"{entry.etag}"'


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a condition names: ETags, each with whether it is weak; None for any."""

    tags: frozenset[tuple[str, bool]] | None


def matched(request: Request, entry: Entry) -> str | None:
    """Check what a change demands by If-Match.

    Returns:
        The ETag that the segment has to have still when it is changed; None where any is right.

    Raises:
        Refusal: It has another one, or the header is wrong.
    """
    wanted = _tags(request, "If-Match")
    if wanted is None or wanted.tags is None:
        return None
    if (entry.etag, False) not in wanted.tags:  # a weak one is never the same where something is to be changed
        message = "was changed by somebody else since it was read; read it again, and change that"
        raise Refusal("changed-meanwhile", f"segment {shown(entry.segment_id)} {message}")
    return entry.etag


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client has what is there already, by If-None-Match."""
    known = _tags(request, "If-None-Match")
    return known is not None and (known.tags is None or not known.tags.isdisjoint({(etag, False), (etag, True)}))


def _tags(request: Request, name: str) -> _Wanted | None:
    """Read a condition; None where there is none."""
    values = [value.decode("latin-1") for key, value in request.scope["headers"] if key == name.lower().encode()]
    if not values:
        return None
    text = ", ".join(values)
    if text.strip() == "*":
        return _Wanted(None)
    if not _LIST.fullmatch(text):
        raise Refusal("bad-request", f'{name} has to be an ETag in quotes, such as "5f3a", or *; found {shown(text)}')
    return _Wanted(frozenset((tag, bool(weak)) for weak, tag in _TAG.findall(text)))
