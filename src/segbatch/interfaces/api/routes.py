"""The endpoints for saved segments: list, get, create, update and delete."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from segbatch.definitions.store import Stored
from segbatch.interfaces.api.auth import Reader, Writer
from segbatch.interfaces.api.dependencies import Service, service_of
from segbatch.interfaces.api.etags import etag_of, is_known, matched
from segbatch.interfaces.api.payloads import changes_of, definition_of, ensure_compiles_soon, ensure_named_are_there
from segbatch.interfaces.api.request_body import Body
from segbatch.interfaces.api.responses import json_response, segment_data

PREFIX = "/api/v1/contacts/segments"

router = APIRouter(prefix=PREFIX)

Serves = Annotated[Service, Depends(service_of)]


@router.get("")
def list_segments(caller: Reader, service: Serves) -> Response:
    """List the segments of the project."""
    entries = service.store.list(caller.project, shared=False)
    return json_response([segment_data(entry) for entry in entries if isinstance(entry, Stored)])


@router.get("/{segment_id}")
def get_segment(segment_id: str, caller: Reader, service: Serves, request: Request) -> Response:
    """Get a segment."""
    stored = service.store.get(segment_id, project=caller.project, shared=False)
    if is_known(request, stored.etag):
        return Response(status_code=304, headers={"ETag": etag_of(stored)})
    return _answer(stored)


@router.post("")
def create_segment(caller: Writer, service: Serves, body: Body) -> Response:
    """Make a segment."""
    definition = definition_of(body, caller)
    ensure_compiles_soon(definition)
    ensure_named_are_there(service.store, caller, definition)
    stored = service.store.create(definition)
    headers = {"ETag": etag_of(stored), "Location": f"{PREFIX}/{stored.segment_id}"}
    return json_response(segment_data(stored), 201, headers)


@router.patch("/{segment_id}")
def update_segment(segment_id: str, caller: Writer, service: Serves, request: Request, body: Body) -> Response:
    """Change what is sent of a segment, and nothing else."""
    entry = service.store.find(segment_id, project=caller.project, shared=False)
    if_match = matched(request, entry)
    changes = changes_of(body, entry)
    ensure_compiles_soon(changes)
    ensure_named_are_there(service.store, caller, changes, entry)
    return _answer(service.store.update(segment_id, changes, if_match, project=caller.project, shared=False))


@router.delete("/{segment_id}")
def delete_segment(segment_id: str, caller: Writer, service: Serves, request: Request) -> Response:
    """Delete a segment."""
    entry = service.store.find(segment_id, project=caller.project, shared=False)
    service.store.delete(segment_id, matched(request, entry), project=caller.project, shared=False)
    return Response(status_code=204)


def _answer(stored: Stored) -> Response:
    return json_response(segment_data(stored), headers={"ETag": etag_of(stored)})
