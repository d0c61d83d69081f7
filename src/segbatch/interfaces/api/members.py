"""The members of a segment, from the last published run."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from segbatch.errors import UsageError
from segbatch.interfaces.api.auth import Caller, Reader
from segbatch.interfaces.api.dependencies import Service, service_of
from segbatch.interfaces.api.limits import MAX_MEMBERS, MEMBERS
from segbatch.interfaces.api.problems import Refusal
from segbatch.interfaces.api.responses import json_response
from segbatch.interfaces.api.routes import PREFIX
from segbatch.model.manifest import SegmentRecord
from segbatch.model.segment import write_moment
from segbatch.runs.members import OpenRun
from segbatch.text import shown

router = APIRouter(prefix=PREFIX)

_LIMIT = re.compile(r"[0-9]{1,6}")
_CURSOR = re.compile(r"(.+)/([0-9]{1,12})")


@router.get("/{segment_id}/members")
def list_members(
    segment_id: str, caller: Reader, service: Annotated[Service, Depends(service_of)], request: Request
) -> Response:
    """List the ids of the contacts in a segment, a page at a time."""
    limit, cursor = _asked(request)
    entry = service.store.find(segment_id, project=caller.project, shared=False)
    run, row = _place(service, cursor)
    record = _record(run, entry.segment_id, caller)
    ids, following = run.state.members(record.segment_id, row, limit)
    return json_response(
        {
            "segment_id": record.segment_id,
            "run_id": run.run.run_id,
            "as_of": write_moment(run.run.as_of),
            "status": record.status,
            "member_count": record.member_count,
            "members": ids,
            "next_cursor": None if following is None else _cursor(run, following),
        }
    )


def _asked(request: Request) -> tuple[int, str | None]:
    """Parse the query parameters of a page: the limit and the cursor."""
    asked: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        if key in asked or key not in {"limit", "cursor"}:
            detail = f"{shown(key)} is there twice" if key in asked else f"there is no {shown(key)}"
            raise Refusal("bad-request", f"{detail}; ask by 'limit' and 'cursor'")
        asked[key] = value
    limit = asked.get("limit", str(MEMBERS))
    if not _LIMIT.fullmatch(limit) or not 0 < int(limit) <= MAX_MEMBERS:
        raise Refusal("bad-request", f"limit: {shown(limit)} is no whole number from 1 to {MAX_MEMBERS:,}")
    return int(limit), asked.get("cursor")


def _place(service: Service, cursor: str | None) -> tuple[OpenRun, int]:
    """Return the run to list members of, and the row to start at."""
    if cursor is None:
        try:
            return service.runs.last(), 0
        except UsageError:
            raise Refusal("nothing-published", "no run is published yet; members are known after the next") from None
    folder, row = _read_cursor(cursor)
    run = service.runs.find(folder)
    if run is None:
        raise Refusal("run-gone", "the run that the cursor is of is gone; begin anew, without a cursor")
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
        raise Refusal("bad-request", f"cursor: {shown(cursor)} is none; take 'next_cursor' of the page before")
    return match[1], int(match[2])


def _record(run: OpenRun, segment_id: str, caller: Caller) -> SegmentRecord:
    """Return the result of a segment in a run, if the segment belonged to the sender's project then."""
    record = run.segments.get(segment_id)
    is_theirs = record is not None and caller.project in {None, record.project_id}
    if record is None or not is_theirs:
        detail = f"segment {shown(segment_id)} was not there in run {run.run.run_id}; members are known after the next"
        raise Refusal("nothing-published", detail)
    return record
