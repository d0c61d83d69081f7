"""The endpoints for saved segments: list, get, create, update and delete."""

from typing import Annotated

from fastapi import Depends, Path, Query, Response

from segbatch.definitions.definition import Definition
from segbatch.interfaces.api.auth import Reader, Writer
from segbatch.interfaces.api.dependencies import Service, service_of
from segbatch.interfaces.api.etags import IfMatch, IfNoneMatch, etag_of, is_current, required_etag
from segbatch.interfaces.api.models import Segment
from segbatch.interfaces.api.openapi import BODY_ERRORS, ETAG, LOCATION, PREFIX, errors, json_body, segments_router
from segbatch.interfaces.api.payloads import (
    changes_of,
    definition_of,
    ensure_patterns_compile_quickly,
    ensure_references_exist,
)
from segbatch.interfaces.api.request_body import Body

router = segments_router("segments")

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
    if is_current(if_none_match, stored):
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


def _with_etag(stored: Definition, response: Response) -> Segment:
    response.headers["ETag"] = etag_of(stored)
    return Segment.of(stored)
