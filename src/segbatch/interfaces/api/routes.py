"""The endpoints for saved segments: list, get, create, update and delete them, and list their members."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request, Response
from pydantic import WithJsonSchema

from segbatch.definitions.definition import Definition, Entry
from segbatch.errors import UsageError
from segbatch.interfaces.api.auth import Caller, Reader, Writer
from segbatch.interfaces.api.models import Members, PageQuery, Segment
from segbatch.interfaces.api.openapi import BODY_ERRORS, ETAG, LOCATION, PREFIX, errors, json_body, segments_router
from segbatch.interfaces.api.payloads import (
    changes_of,
    definition_of,
    ensure_patterns_compile_quickly,
    ensure_references_exist,
)
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.request_body import Body
from segbatch.interfaces.api.service import Service, service_of
from segbatch.model.manifest import SegmentRecord
from segbatch.model.segment import write_moment
from segbatch.runs.members import OpenRun
from segbatch.text import shown

router = segments_router("segments")
members_router = segments_router("audiences")

ServiceState = Annotated[Service, Depends(service_of)]
SegmentId = Annotated[str, Path(alias="id", description="The id of the segment.")]
Tags = Annotated[list[str], Query(default_factory=list, description="Only segments with one of these tags.")]
Owners = Annotated[list[str], Query(default_factory=list, description="Only segments of one of these owners.")]
_LINKS = {
    f"{name}OfIt": {"operationId": name, "parameters": {"id": "$response.body#/id"}}
    for name in ("getSegment", "updateSegment", "deleteSegment", "listMembers")
}

_CURSOR = re.compile(r"(.+)/([0-9]{1,12})")
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
    Header(alias="If-None-Match", description="Return the segment only if it has none of these ETags."),
    _ETAG_SCHEMA,
]


@router.get(
    "", operation_id="listSegments", response_model_exclude_unset=True, response_description="The segments, by id."
)
def list_segments(caller: Reader, service: ServiceState, tag: Tags, owner: Owners) -> list[Segment]:
    """List the segments of the project."""
    return [
        Segment.of(entry)
        for entry in service.store.list(caller.project, shared=False)
        if isinstance(entry, Definition)
        and (not tag or not set(tag).isdisjoint(entry.tags))
        and (not owner or entry.owner in owner)
    ]


@router.get(
    "/{id}",
    operation_id="getSegment",
    response_model=Segment,
    response_model_exclude_unset=True,
    response_description="The segment.",
    responses={
        200: {"headers": ETAG},
        304: {"description": "The client has the current version.", "headers": ETAG},
        **errors(404, 409),
    },
)
def get_segment(
    segment_id: SegmentId,
    caller: Reader,
    service: ServiceState,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> Segment | Response:
    """Get a segment."""
    stored = service.store.get(segment_id, project=caller.project, shared=False)
    if _is_current(if_none_match, stored):
        return Response(status_code=304, headers={"ETag": _etag_of(stored)})
    return _with_etag(stored, response)


@router.post(
    "",
    operation_id="createSegment",
    status_code=201,
    response_model_exclude_unset=True,
    response_description="The segment as saved.",
    responses={201: {"headers": ETAG | LOCATION, "links": _LINKS}, **errors(*BODY_ERRORS)},
    openapi_extra=json_body("SegmentCreate"),
)
def create_segment(caller: Writer, service: ServiceState, body: Body, response: Response) -> Segment:
    """Create a segment."""
    definition = definition_of(body, caller)
    ensure_patterns_compile_quickly(definition)
    ensure_references_exist(service.store, caller, definition)
    stored = service.store.create(definition)
    response.headers["Location"] = f"{PREFIX}/{stored.segment_id}"
    return _with_etag(stored, response)


@router.patch(
    "/{id}",
    operation_id="updateSegment",
    response_model_exclude_unset=True,
    response_description="The changed segment.",
    responses={200: {"headers": ETAG}, **errors(404, 409, 412, *BODY_ERRORS)},
    openapi_extra=json_body("SegmentUpdate"),
)
def update_segment(
    segment_id: SegmentId,
    caller: Writer,
    service: ServiceState,
    body: Body,
    response: Response,
    if_match: IfMatch = None,
) -> Segment:
    """Change only the given keys of a segment."""
    entry = service.store.find(segment_id, project=caller.project, shared=False)
    etag = _required_etag(if_match, entry)
    changes = changes_of(body, entry)
    ensure_patterns_compile_quickly(changes)
    ensure_references_exist(service.store, caller, changes, entry)
    stored = service.store.update(segment_id, changes, etag, project=caller.project, shared=False)
    return _with_etag(stored, response)


@router.delete(
    "/{id}",
    operation_id="deleteSegment",
    status_code=204,
    response_description="The segment is deleted.",
    responses=errors(404, 409, 412),
)
def delete_segment(segment_id: SegmentId, caller: Writer, service: ServiceState, if_match: IfMatch = None) -> None:
    """Delete a segment."""
    entry = service.store.find(segment_id, project=caller.project, shared=False)
    service.store.delete(segment_id, _required_etag(if_match, entry), project=caller.project, shared=False)


async def _ensure_no_duplicates(request: Request) -> None:
    """Reject query parameters that are given twice. FastAPI would use the last one."""
    keys = [key for key, _ in request.query_params.multi_items()]
    duplicate = next((key for key in keys if keys.count(key) > 1), None)
    if duplicate is not None:
        raise HttpProblem("bad-request", f"the query parameter {shown(duplicate)} is given twice; give it once")


@members_router.get(
    "/{id}/members",
    operation_id="listMembers",
    dependencies=[Depends(_ensure_no_duplicates)],
    response_description="A page of members.",
    responses=errors(404, 409, 410),
)
def list_members(
    segment_id: SegmentId, caller: Reader, service: ServiceState, page: Annotated[PageQuery, Query()]
) -> Members:
    """List the ids of the contacts in a segment, as of the last run, one page at a time."""
    entry = service.store.find(segment_id, project=caller.project, shared=False)
    run, row = _page_start(service, page.cursor)
    record = _record(run, entry.segment_id, caller)
    ids, next_row = run.state.members(record.segment_id, row, page.limit)
    return Members(
        segment_id=record.segment_id,
        run_id=run.run.run_id,
        as_of=write_moment(run.run.as_of),
        status=record.status,
        member_count=record.member_count,
        members=ids,
        next_cursor=None if next_row is None else _cursor(run, next_row),
    )


def _page_start(service: Service, cursor: str | None) -> tuple[OpenRun, int]:
    """Return the run to list members of, and the row to start at."""
    if cursor is None:
        try:
            return service.runs.last(), 0
        except UsageError:
            raise HttpProblem(
                "nothing-published", "no run is published yet; members are available after the first run"
            ) from None
    folder, row = _read_cursor(cursor)
    run = service.runs.find(folder)
    if run is None:
        raise HttpProblem("run-gone", "the run of the cursor was deleted; start again without a cursor")
    return run, row


def _cursor(run: OpenRun, row: int) -> str:
    return urlsafe_b64encode(f"{run.folder}/{row}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise HttpProblem(
            "bad-request", f"cursor: {shown(cursor)} is not valid; use 'next_cursor' of the previous page"
        )
    return match[1], int(match[2])


def _record(run: OpenRun, segment_id: str, caller: Caller) -> SegmentRecord:
    """Return the result of a segment in a run, if the segment belonged to the sender's project then."""
    record = run.segments.get(segment_id)
    is_theirs = record is not None and caller.project in {None, record.project_id}
    if record is None or not is_theirs:
        detail = f"segment {shown(segment_id)} was not there in run {run.run.run_id}; members are known after the next"
        raise HttpProblem("nothing-published", detail)
    return record


def _with_etag(stored: Definition, response: Response) -> Segment:
    response.headers["ETag"] = _etag_of(stored)
    return Segment.of(stored)


@dataclass(frozen=True, slots=True)
class _Condition:
    """The ETags in a condition, each with whether it is weak; None for `*`."""

    tags: frozenset[tuple[str, bool]] | None


def _etag_of(entry: Entry) -> str:
    """Return the ETag of a segment as a header value."""
    return f'"{entry.etag}"'


def _required_etag(if_match: list[str] | None, entry: Entry) -> str | None:
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


def _is_current(if_none_match: list[str] | None, entry: Entry) -> bool:
    """Return whether the client already has the current version of a segment."""
    known = _parse_condition("If-None-Match", if_none_match)
    tags = {(entry.etag, False), (entry.etag, True)}
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
