"""The endpoint for the members of a segment with chosen fields of the contacts, as the web page shows them."""

from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Query, Request

from segbatch.errors import DefinitionError
from segbatch.interfaces.api import limits
from segbatch.interfaces.api.contact_requests import ContactRequest, ReadsContacts, Worker, job_inputs
from segbatch.interfaces.api.field_jobs import FieldsOfMembersJob
from segbatch.interfaces.api.field_routes import ensure_fields_exist, segment_with_fields
from segbatch.interfaces.api.models import MemberFields, Members, MembersWithFields
from segbatch.interfaces.api.openapi import errors, segments_router
from segbatch.interfaces.api.queries import MembersFieldsQuery
from segbatch.interfaces.api.routes import SegmentId, ensure_given_once, members_page

router = segments_router("audiences")


async def _ensure_no_duplicates(request: Request) -> None:
    ensure_given_once([key for key, _ in request.query_params.multi_items() if key != "field"])


@router.get(
    "/{id}/members/fields",
    operation_id="listMembersWithFields",
    dependencies=[Depends(_ensure_no_duplicates)],
    response_description="A page of members.",
    responses=errors(404, 409, 410, 422, 504),
)
async def list_members_with_fields(
    segment_id: SegmentId, asked: ReadsContacts, query: Annotated[MembersFieldsQuery, Query()]
) -> MembersWithFields:
    """List the contacts in a segment with some of their fields, as of the last run, one page at a time.

    The values are those of the contacts of the server (`--contacts`), which may be newer than the run.
    """
    service = asked.service
    page = await to_thread.run_sync(members_page, segment_id, asked.caller, service, query.cursor, query.limit)
    fields = tuple(query.field)
    if service.contacts is None:
        return _with_fields(page, None, {})
    values = await asked.in_turn(lambda worker: _values(asked, fields, page, worker))
    return _with_fields(page, fields, values)


def _values(
    asked: ContactRequest, fields: tuple[str, ...], page: Members, worker: Worker
) -> dict[str | int, dict[str, object]]:
    """Return the values of fields by the contacts of a page.

    Raises:
        HttpProblem: The contacts do not have a field.
        DefinitionError: The contacts of the project are not known.
    """
    probe = segment_with_fields(fields)
    inputs = job_inputs(asked.service, asked.caller, [probe])
    job = FieldsOfMembersJob(
        inputs.options,
        inputs.definitions,
        probe.id,
        inputs.whole_project,
        fields,
        tuple(page.members),
        limits.PREVIEW_TIME,
    )
    try:
        return worker.run(job)
    except DefinitionError as error:
        ensure_fields_exist(fields, error)
        raise inputs.problems(error, asked.caller) from None


def _with_fields(
    page: Members, fields: tuple[str, ...] | None, values: dict[str | int, dict[str, object]]
) -> MembersWithFields:
    return MembersWithFields(
        segment_id=page.segment_id,
        run_id=page.run_id,
        as_of=page.as_of,
        status=page.status,
        member_count=page.member_count,
        fields=fields,
        members=[MemberFields(id=one, values=values.get(one)) for one in page.members],
        next_cursor=page.next_cursor,
    )
