"""The endpoints for saved segments: list, get, create, update and delete them, and list their members."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response

from segbatch.definitions.definition import Definition
from segbatch.errors import UsageError
from segbatch.interfaces.api.auth import Caller, Reader, Writer
from segbatch.interfaces.api.conditions import IfMatch, IfNoneMatch, etag_of, is_current, required_etag
from segbatch.interfaces.api.cursors import read_cursor, write_cursor
from segbatch.interfaces.api.models import Members, Segment
from segbatch.interfaces.api.openapi import BODY_ERRORS, ETAG, LOCATION, PREFIX, errors, json_body, segments_router
from segbatch.interfaces.api.payloads import (
    changes_of,
    definition_of,
    ensure_patterns_compile_quickly,
    ensure_references_exist,
)
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.queries import PageQuery
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
    if is_current(if_none_match, stored.etag):
        return Response(status_code=304, headers={"ETag": etag_of(stored)})
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
    etag = required_etag(if_match, entry)
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
    service.store.delete(segment_id, required_etag(if_match, entry), project=caller.project, shared=False)


async def ensure_no_duplicates(request: Request) -> None:
    """Reject query parameters that are given twice. FastAPI would use the last one."""
    ensure_given_once([key for key, _ in request.query_params.multi_items()])


def ensure_given_once(keys: Sequence[str]) -> None:
    """Raise an error if a query parameter is given twice.

    Raises:
        HttpProblem: One is.
    """
    duplicate = next((key for key in keys if keys.count(key) > 1), None)
    if duplicate is not None:
        raise HttpProblem("bad-request", f"the query parameter {shown(duplicate)} is given twice; give it once")


@members_router.get(
    "/{id}/members",
    operation_id="listMembers",
    dependencies=[Depends(ensure_no_duplicates)],
    response_description="A page of members.",
    responses=errors(404, 409, 410),
)
def list_members(
    segment_id: SegmentId, caller: Reader, service: ServiceState, page: Annotated[PageQuery, Query()]
) -> Members:
    """List the ids of the contacts in a segment, as of the last run, one page at a time."""
    return members_page(segment_id, caller, service, page.cursor, page.limit)


def members_page(segment_id: str, caller: Caller, service: Service, cursor: str | None, limit: int) -> Members:
    """Return a page of the members of a segment.

    Raises:
        HttpProblem: The segment was not evaluated yet, the cursor is not valid, or its run was deleted.
    """
    entry = service.store.find(segment_id, project=caller.project, shared=False)
    run, row = _page_start(service, cursor)
    record = _record(run, entry.segment_id, caller)
    ids, next_row = run.state.members(record.segment_id, row, limit)
    return Members(
        segment_id=record.segment_id,
        run_id=run.run.run_id,
        as_of=write_moment(run.run.as_of),
        status=record.status,
        member_count=record.member_count,
        members=ids,
        next_cursor=None if next_row is None else write_cursor(run.folder, next_row),
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
    folder, row = read_cursor(cursor, str, int)
    run = service.runs.find(folder)
    if run is None:
        raise HttpProblem("run-gone", "the run of the cursor was deleted; start again without a cursor")
    return run, row


def _record(run: OpenRun, segment_id: str, caller: Caller) -> SegmentRecord:
    """Return the result of a segment in a run, if the segment belonged to the sender's project then."""
    record = run.segments.get(segment_id)
    is_theirs = record is not None and caller.project in {None, record.project_id}
    if record is None or not is_theirs:
        detail = f"segment {shown(segment_id)} was not there in run {run.run.run_id}; members are known after the next"
        raise HttpProblem("nothing-published", detail)
    return record


def _with_etag(stored: Definition, response: Response) -> Segment:
    response.headers["ETag"] = etag_of(stored)
    return Segment.of(stored)
