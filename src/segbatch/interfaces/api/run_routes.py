"""The endpoints for published runs: their numbers, segments, overlaps, and the segments of a contact."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Path, Query, Response
from pydantic import BaseModel

from segbatch.errors import (
    ContactNotFoundError,
    MembersPrunedError,
    RunNotFoundError,
    SegmentNotFoundError,
    UsageError,
)
from segbatch.interfaces.api import limits
from segbatch.interfaces.api.auth import Caller, Reader
from segbatch.interfaces.api.conditions import IfNoneMatch, is_current
from segbatch.interfaces.api.contact_requests import ContactRequest, ReadsContacts, Worker, job_inputs
from segbatch.interfaces.api.cursors import read_cursor, write_cursor
from segbatch.interfaces.api.field_jobs import FieldsOfContactJob
from segbatch.interfaces.api.openapi import READ_ETAG, errors, read_router
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.queries import HistoryQuery, OverlapQuery, RunSegmentsQuery, RunsQuery
from segbatch.interfaces.api.routes import SegmentId, ServiceState, ensure_no_duplicates
from segbatch.model.views import ContactView, Overlap, RunDetails, RunsPage, SegmentDetails, SegmentsPage
from segbatch.storage.layout import CURRENT_RUN
from segbatch.text import shown

router = read_router("runs", "/runs")

RunId = Annotated[str, Path(alias="run", description="The id of the run; `current` is the last published one.")]
ContactId = Annotated[str, Path(alias="contact", description="The id of the contact.")]

_FILE = re.compile(r"^(?!\$).*?\.json(?::[0-9]+)?: ", re.MULTILINE)
_FOLDER = re.compile(r" in (?:/|[A-Za-z]:\\)[^\n]*")
_REASON = re.compile(r"(segment '[^'\n]*' failed): .*")


def _described(model: type[BaseModel], *statuses: int) -> dict[str, Any]:
    """Return the description of an endpoint whose answers have an ETag."""
    return {
        "response_model": model,
        "dependencies": [Depends(ensure_no_duplicates)],
        "responses": {
            200: {"headers": READ_ETAG},
            304: {"description": "The client has the current version.", "headers": READ_ETAG},
            **errors(409, *statuses),
        },
    }


@contextmanager
def problems_of_runs(run: str) -> Iterator[None]:
    """Convert the errors of requests for a run to problems.

    Raises:
        HttpProblem: The run or the segment does not exist, or the members of the run were pruned.
    """
    try:
        yield
    except RunNotFoundError:
        raise HttpProblem("no-run", f"there is no run {shown(run)}") from None
    except SegmentNotFoundError as error:
        raise HttpProblem("not-found", str(error)) from None
    except ContactNotFoundError:
        raise
    except MembersPrunedError:
        raise HttpProblem(
            "run-gone", f"the members of run {shown(run)} were deleted, and only its numbers are left"
        ) from None
    except UsageError:
        raise HttpProblem("nothing-published", "no run is published yet") from None


def answer(record: BaseModel, if_none_match: list[str] | None) -> Response:
    """Return the response with a record, or that the client has it already."""
    body = record.model_dump_json()
    etag = hashlib.sha256(body.encode()).hexdigest()[:32]
    headers = {"ETag": f'"{etag}"'}
    if is_current(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


@router.get("", operation_id="listRuns", response_description="A page of runs.", **_described(RunsPage, 410))
def list_runs(
    caller: Reader, service: ServiceState, page: Annotated[RunsQuery, Query()], if_none_match: IfNoneMatch = None
) -> Response:
    """List the published runs, the newest first, one page at a time."""
    before = None if page.cursor is None else read_cursor(page.cursor, str)[0]
    try:
        with problems_of_runs(before or CURRENT_RUN):
            runs = service.views.runs(caller.project, page.limit + 1, before)
    except HttpProblem as problem:
        if problem.code == "no-run":
            raise HttpProblem("run-gone", "the run of the cursor was deleted; start again without a cursor") from None
        raise
    rows = tuple(runs[: page.limit])
    next_cursor = write_cursor(rows[-1].id) if len(runs) > page.limit else None
    return answer(RunsPage(runs=rows, next_cursor=next_cursor), if_none_match)


@router.get("/{run}", operation_id="getRun", response_description="The run.", **_described(RunDetails, 404))
def get_run(run: RunId, caller: Reader, service: ServiceState, if_none_match: IfNoneMatch = None) -> Response:
    """Get a run, and what differs from the previous one."""
    with problems_of_runs(run):
        found = service.views.run(run, caller.project)
    failed = tuple(one.model_copy(update={"message": _public(one.message, caller)}) for one in found.failed)
    held = tuple(one.model_copy(update={"reason": _public(one.reason, caller)}) for one in found.held)
    return answer(found.model_copy(update={"failed": failed, "held": held}), if_none_match)


@router.get(
    "/{run}/segments",
    operation_id="listRunSegments",
    response_description="A page of segments.",
    **_described(SegmentsPage, 404, 410),
)
def list_run_segments(
    run: RunId,
    caller: Reader,
    service: ServiceState,
    page: Annotated[RunSegmentsQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List the segments of a run by id, with their sizes in earlier runs, one page at a time.

    All pages are of the run of the first page.
    """
    after = None
    if page.cursor is not None:
        of_cursor, after = read_cursor(page.cursor, str, str)
        if run not in {CURRENT_RUN, of_cursor}:
            raise HttpProblem("bad-request", f"cursor: it belongs to run {shown(of_cursor)}, not to {shown(run)}")
        run = of_cursor
    with problems_of_runs(run):
        found = service.views.segments(run, caller.project, page.history)
    left = [row for row in found.segments if after is None or row.id > after]
    rows = tuple(left[: page.limit])
    next_cursor = write_cursor(found.run_id, rows[-1].id) if len(left) > page.limit else None
    return answer(found.model_copy(update={"segments": rows, "next_cursor": next_cursor}), if_none_match)


@router.get(
    "/{run}/segments/{id:rest}",  # the id of a broken definition may have a slash
    operation_id="getRunSegment",
    response_description="The segment in the run.",
    **_described(SegmentDetails, 404),
)
def get_run_segment(
    run: RunId,
    segment_id: SegmentId,
    caller: Reader,
    service: ServiceState,
    query: Annotated[HistoryQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Get a segment in a run, with its earlier results."""
    with problems_of_runs(run):
        found = service.views.segment(run, segment_id, caller.project, query.history)
    message = None if found.message is None else _public(found.message, caller)
    return answer(found.model_copy(update={"message": message}), if_none_match)


@router.get(
    "/{run}/overlap",
    operation_id="getOverlap",
    response_description="The numbers of contacts that segments share.",
    **_described(Overlap, 404, 410),
)
async def get_overlap(
    run: RunId,
    asked: ReadsContacts,
    query: Annotated[OverlapQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Compare the members of segments: the given ones, or the largest ones of the run."""
    views, project = asked.service.views, asked.caller.project
    with problems_of_runs(run):
        found = await asked.in_turn(
            lambda _worker: views.overlap(run, project, query.segment_ids, query.top), asked.service.overlaps
        )
    return answer(found, if_none_match)


@router.get(
    "/{run}/contacts/{contact:rest}",
    operation_id="getContact",
    response_description="The segments of the contact.",
    **_described(ContactView, 404, 410, 504),
)
async def get_contact(
    run: RunId, contact_id: ContactId, asked: ReadsContacts, if_none_match: IfNoneMatch = None
) -> Response:
    """Get the segments that a contact is in, and its fields if the server has contacts (`--contacts`)."""
    service, project = asked.service, asked.caller.project
    found = None
    with problems_of_runs(run), suppress(ContactNotFoundError):
        found = await to_thread.run_sync(service.views.contact, run, contact_id, project)
    fields = None
    if service.contacts is not None:
        fields = await asked.in_turn(lambda worker: _fields_of(asked, contact_id, worker))
    if found is None and fields is not None:  # a contact that no segment of the project contains
        with problems_of_runs(run):
            run_id = (await to_thread.run_sync(service.views.run, run, project)).id
        found = ContactView(run_id=run_id, contact_id=contact_id, segments=())
    if found is None:
        raise HttpProblem("no-contact", f"there is no contact {shown(contact_id)}")
    return answer(found.model_copy(update={"fields": fields}), if_none_match)


def _fields_of(asked: ContactRequest, contact_id: str, worker: Worker) -> dict[str, Any] | None:
    inputs = job_inputs(asked.service, asked.caller, [])
    job = FieldsOfContactJob(inputs.options, inputs.definitions, contact_id, limits.PREVIEW_TIME)
    return worker.run(job)


def _public(message: str, caller: Caller) -> str:
    """Return an error without paths of the server, and without the reasons why segments of other projects fail."""
    message = _FOLDER.sub("", _FILE.sub("", message))
    return message if caller.project is None else _REASON.sub(r"\1", message)
