"""The endpoints for the fields that rules can name and their values."""

from collections.abc import Sequence
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Query
from pydantic import ValidationError

from segbatch.definitions.definition import Definition, Definitions
from segbatch.errors import DefinitionError
from segbatch.interfaces.api import limits
from segbatch.interfaces.api.contact_requests import ContactRequest, ReadsContacts, Worker, job_inputs
from segbatch.interfaces.api.field_jobs import FieldsJob, ValuesJob
from segbatch.interfaces.api.models import Fields, FieldType, FieldValue, FieldValues
from segbatch.interfaces.api.openapi import errors, read_router
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.queries import ValuesQuery
from segbatch.interfaces.api.routes import ensure_no_duplicates
from segbatch.model.segment import Segment
from segbatch.text import shown

router = read_router("audiences", "/fields")


@router.get("", operation_id="listFields", response_description="The fields.", responses=errors(409, 422, 504))
async def list_fields(asked: ReadsContacts) -> Fields:
    """List the fields that rules can name, with the operators that apply to each."""
    return await asked.in_turn(lambda worker: _fields(asked, worker))


@router.get(
    "/values",
    operation_id="listFieldValues",
    dependencies=[Depends(ensure_no_duplicates)],
    response_description="The values.",
    responses=errors(404, 409, 422, 504),
)
async def list_values(asked: ReadsContacts, query: Annotated[ValuesQuery, Query()]) -> FieldValues:
    """List the most frequent values of a field of the contacts."""
    return await asked.in_turn(lambda worker: _values(asked, query, worker))


def _fields(asked: ContactRequest, worker: Worker) -> Fields:
    inputs = job_inputs(asked.service, asked.caller, [])
    try:
        found = worker.run(FieldsJob(inputs.options, inputs.definitions, limits.PREVIEW_TIME))
    except DefinitionError as error:
        raise inputs.problems(error, asked.caller) from None
    fields = tuple(FieldType(name=one.path, type=one.type, operators=one.operators, table=one.table) for one in found)
    return Fields(fields=fields)


def _values(asked: ContactRequest, query: ValuesQuery, worker: Worker) -> FieldValues:
    probe = segment_with_fields([query.field], asked.caller.project)
    inputs = job_inputs(asked.service, asked.caller, [probe])
    only = Definitions((Definition(probe),), ())
    try:
        found = worker.run(ValuesJob(inputs.options, only, query.field, limits.PREVIEW_TIME))
    except DefinitionError as error:
        ensure_fields_exist([query.field], error)
        raise inputs.problems(error, asked.caller) from None
    prefix = query.prefix.casefold()
    matching = [one for one in found if str(one[0]).casefold().startswith(prefix)][: query.limit]
    values = tuple(FieldValue(value=value, contacts=number) for value, number in matching)
    return FieldValues(name=query.field, values=values)


def segment_with_fields(fields: Sequence[str], project: str | None = None) -> Segment:
    """Return a segment of the contacts that have all given fields. Its plan knows how the fields are read.

    Raises:
        HttpProblem: A name is not that of a field.
    """
    rules = [{"field": name, "operator": "exists"} for name in fields]
    of_project = {} if project is None else {"project_id": project}
    try:
        return Segment.model_validate({"id": str(uuid4()), "name": "fields", "rules": rules, **of_project})
    except ValidationError as error:
        _, place, *_ = error.errors(include_url=False, include_input=False)[0]["loc"]
        raise _no_field(fields[int(place)]) from None


def ensure_fields_exist(fields: Sequence[str], error: DefinitionError) -> None:
    """Raise an error if a segment with fields cannot be evaluated because a field does not exist.

    Raises:
        HttpProblem: It is.
    """
    wrong = {problem.path for problem in error.problems}
    for number, name in enumerate(fields):
        if f"$.rules[{number}].field" in wrong:
            raise _no_field(name) from None


def _no_field(name: str) -> HttpProblem:
    return HttpProblem("no-field", f"the contacts have no field {shown(name)}")
