"""The members of a segment, from the last published run."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Depends, Query, Request

from segbatch.errors import UsageError
from segbatch.interfaces.api.auth import Caller, Reader
from segbatch.interfaces.api.dependencies import Service
from segbatch.interfaces.api.models import Members, PageQuery
from segbatch.interfaces.api.openapi import errors, segments_router
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.routes import SegmentId, ServiceState
from segbatch.model.manifest import SegmentRecord
from segbatch.model.segment import write_moment
from segbatch.runs.members import OpenRun
from segbatch.text import shown

router = segments_router("audiences")

_CURSOR = re.compile(r"(.+)/([0-9]{1,12})")


async def _ensure_no_duplicates(request: Request) -> None:
    """Reject query parameters that are given twice. FastAPI would use the last one."""
    keys = [key for key, _ in request.query_params.multi_items()]
    duplicate = next((key for key in keys if keys.count(key) > 1), None)
    if duplicate is not None:
        raise HttpProblem("bad-request", f"the query parameter {shown(duplicate)} is given twice; give it once")


@router.get(
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
