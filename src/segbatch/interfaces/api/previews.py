"""Previews of segments that are not saved, and comparisons with saved ones."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from segbatch.definitions.validation import validate
from segbatch.errors import DefinitionError, NotFoundError, Problem
from segbatch.interfaces.api import limits
from segbatch.interfaces.api.auth import Caller
from segbatch.interfaces.api.contact_jobs import Compared, PreviewJob
from segbatch.interfaces.api.contact_requests import (
    ContactRequest,
    ReadsContacts,
    Worker,
    job_inputs,
    without_suggestion,
)
from segbatch.interfaces.api.models import Comparison, Preview, Warned
from segbatch.interfaces.api.openapi import BODY_ERRORS, errors, json_body, segments_router
from segbatch.interfaces.api.payloads import definition_of, ensure_references_exist
from segbatch.interfaces.api.request_body import Body
from segbatch.interfaces.api.service import Service
from segbatch.model.pattern import unchecked
from segbatch.model.segment import Segment, write_moment
from segbatch.text import shown

router = segments_router("audiences")

_FIRST = 10
_OWN_KEYS = {"first", "compare_with"}


@router.post(
    "/preview",
    operation_id="previewSegment",
    response_model_exclude_unset=True,
    response_description="The members that the segment would contain.",
    responses=errors(409, 504, *BODY_ERRORS),
    openapi_extra=json_body("SegmentPreview"),
)
async def preview(asked: ReadsContacts, body: Body) -> Preview:
    """Count the members that rules select, and show the first ones, without saving anything."""
    return await asked.in_turn(lambda worker: _preview(asked, body, worker))


def _preview(asked: ContactRequest, body: Mapping[str, Any], worker: Worker) -> Preview:
    service, caller = asked.service, asked.caller
    first, draft = _first(body), draft_of(service, caller, body)
    saved = _saved(service, caller, body.get("compare_with"))
    compared = None if saved is None else Compared(saved, str(uuid4()), str(uuid4()))
    differences = () if compared is None else _differences(draft, compared)
    inputs = job_inputs(service, caller, [draft, *differences], [] if saved is None else [saved])
    job = PreviewJob(
        inputs.options, inputs.definitions, draft.id, inputs.whole_project, first, limits.PREVIEW_TIME, compared
    )
    try:
        found = worker.run(job)
    except DefinitionError as error:
        raise inputs.problems(error, caller) from None
    more: dict[str, Any] = {}
    if saved is not None and found.compared is not None:
        count, entered, left = found.compared
        more["compared"] = Comparison(segment_id=saved, member_count=count, entered=entered, left=left)
    return Preview(
        as_of=write_moment(inputs.as_of),
        contacts=found.contacts,
        member_count=found.members,
        share=found.members / found.contacts if found.contacts else None,
        first=list(found.first),
        warnings=[Warned(path=problem.path or "$", message=without_suggestion(problem)) for problem in found.warnings],
        **more,
    )


def _first(body: Mapping[str, Any]) -> int:
    """Parse the number of ids to return."""
    first = body.get("first", _FIRST)
    if type(first) is not int or not 0 <= first <= limits.MAX_FIRST:
        message = f"{shown(first)} is not a whole number from 0 to {limits.MAX_FIRST:,}"
        raise DefinitionError([Problem(message, path="$.first")])
    return first


def _saved(service: Service, caller: Caller, segment_id: object) -> str | None:
    """Return the id of the saved segment to compare with, if the request names one.

    Raises:
        DefinitionError: It does not exist for the sender.
    """
    if segment_id is None:
        return None
    try:
        return service.store.find(str(segment_id), project=caller.project, shared=False).segment_id
    except NotFoundError:
        raise DefinitionError([Problem(f"there is no segment {shown(segment_id)}", path="$.compare_with")]) from None


def _differences(draft: Segment, compared: Compared) -> tuple[Segment, Segment]:
    """Return segments with the contacts that only the draft, and only the saved segment contains."""
    pairs = ((compared.entered, draft.id, compared.segment_id), (compared.left, compared.segment_id, draft.id))
    entered, left = (
        Segment.model_validate(
            {
                "id": segment_id,
                "name": "difference",
                "rules": [
                    {"operator": "in_segment", "value": inside},
                    {"operator": "not_in_segment", "value": outside},
                ],
            }
        )
        for segment_id, inside, outside in pairs
    )
    return entered, left


def draft_of(service: Service, caller: Caller, body: Mapping[str, Any]) -> Segment:
    """Parse a segment that is not saved and may lack a name.

    Raises:
        DefinitionError: It is not valid.
    """
    sent = {"name": "draft", **{key: value for key, value in body.items() if key not in _OWN_KEYS}}
    definition = {key: value for key, value in definition_of(sent, caller).items() if value is not None}
    with unchecked():  # they are compiled in the process that reads contacts
        segment, problems = validate(definition)
    if segment is None:
        raise DefinitionError(problems)
    ensure_references_exist(service.store, caller, definition)
    return segment
