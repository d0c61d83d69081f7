"""Conditions of requests: the headers `If-Match` and `If-None-Match` (RFC 9110)."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header
from pydantic import WithJsonSchema

from segbatch.definitions.definition import Entry
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.text import shown

_ETAG_LIST = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*')
_ETAG = re.compile(r'(W/)?"([^"]*)"')
_ETAG_SCHEMA = WithJsonSchema({"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'})
IfMatch = Annotated[
    list[str] | None,
    Header(alias="If-Match", description="Change the segment only if it still has one of these ETags."),
    _ETAG_SCHEMA,
]
IfNoneMatch = Annotated[
    list[str] | None,
    Header(alias="If-None-Match", description="Return the answer only if it has none of these ETags."),
    _ETAG_SCHEMA,
]


@dataclass(frozen=True, slots=True)
class _Condition:
    """The ETags in a condition, each with whether it is weak; None for `*`."""

    tags: frozenset[tuple[str, bool]] | None


def etag_of(entry: Entry) -> str:
    """Return the ETag of a segment as a header value."""
    return f'"{entry.etag}"'


def required_etag(if_match: list[str] | None, entry: Entry) -> str | None:
    """Return the ETag that a segment must still have when it is changed; None if any version is accepted.

    Raises:
        HttpProblem: The segment has another ETag, or the header is not valid.
    """
    condition = _parse_condition("If-Match", if_match)
    if condition is None or condition.tags is None:
        return None
    if (entry.etag, False) not in condition.tags:  # weak ETags never match for a change
        message = "was changed by another user since it was read; read it again and repeat the change"
        raise HttpProblem("changed-meanwhile", f"segment {shown(entry.segment_id)} {message}")
    return entry.etag


def is_current(if_none_match: list[str] | None, etag: str) -> bool:
    """Return whether the client already has the version with an ETag, which is given without quotes."""
    known = _parse_condition("If-None-Match", if_none_match)
    tags = {(etag, False), (etag, True)}
    return known is not None and (known.tags is None or not known.tags.isdisjoint(tags))


def _parse_condition(name: str, values: list[str] | None) -> _Condition | None:
    """Parse the header of a condition, which may be sent in several lines; None if it is missing."""
    if not values:
        return None
    text = ", ".join(values)
    if text.strip() == "*":
        return _Condition(None)
    if not _ETAG_LIST.fullmatch(text):
        message = f'{name} must be an ETag in quotes, such as "5f3a", or *; found {shown(text)}'
        raise HttpProblem("bad-request", message)
    return _Condition(frozenset((tag, bool(weak)) for weak, tag in _ETAG.findall(text)))
