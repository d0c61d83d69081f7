"""Previews of segments that are not saved: counted over a snapshot, one at a time and with a time limit."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from anyio import CapacityLimiter, to_thread

from segbatch.compiler.prepare import EvaluationOptions
from segbatch.definitions.definition import BrokenDefinition, Definition, Definitions
from segbatch.definitions.validation import validate
from segbatch.errors import DefinitionError, NotFoundError, Problem, UsageError
from segbatch.interfaces.api.auth import Caller, Reader
from segbatch.interfaces.api.limits import MAX_FIRST, PREVIEW_QUEUE, PREVIEW_QUEUE_TIME, PREVIEW_TIME
from segbatch.interfaces.api.models import Preview, Warned
from segbatch.interfaces.api.openapi import BODY_ERRORS, errors, json_body, segments_router
from segbatch.interfaces.api.payloads import definition_of, ensure_references_exist
from segbatch.interfaces.api.preview_process import Job
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.request_body import Body
from segbatch.interfaces.api.routes import ServiceState
from segbatch.interfaces.api.service import Service
from segbatch.model.input_records import SnapshotRecord, SourceRecord, TableRecord
from segbatch.model.pattern import unchecked
from segbatch.model.segment import Segment, write_moment
from segbatch.snapshot.discovery import find_files
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.snapshot.lakehouse.address import address_of
from segbatch.snapshot.related.sources import TableSource
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import ensure_published, read_manifest
from segbatch.text import shown

router = segments_router("audiences")

_FIRST = 10


@router.post(
    "/preview",
    operation_id="previewSegment",
    response_description="The members that the segment would contain.",
    responses=errors(409, 504, *BODY_ERRORS),
    openapi_extra=json_body("SegmentPreview"),
)
async def preview(caller: Reader, service: ServiceState, body: Body) -> Preview:
    """Count the members that rules select, and show the first ones, without saving anything."""
    queue = service.previews
    if queue.waiting >= PREVIEW_QUEUE:
        raise _busy()
    queue.waiting += 1
    try:
        async with asyncio.timeout(PREVIEW_QUEUE_TIME):
            await queue.turn.acquire()
    except TimeoutError:
        raise _busy() from None
    finally:
        queue.waiting -= 1
    try:
        return await to_thread.run_sync(_preview, service, caller, body, limiter=CapacityLimiter(1))
    finally:
        queue.turn.release()


def _busy() -> HttpProblem:
    return HttpProblem("busy", "other previews are in progress; try again soon")


def _preview(service: Service, caller: Caller, body: Mapping[str, Any]) -> Preview:
    deadline = time.monotonic() + PREVIEW_TIME
    first, draft, whole_project = _first(body), _draft(service, caller, body), _whole_project(caller)
    as_of, lists = datetime.now(UTC), service.lists or service.store.lists
    options, run_project = _options(service)
    good, broken = _referenced(service, caller, draft)
    project = caller.project or (run_project if draft.project_id in {None, run_project} else None)
    is_only = project == run_project  # a project of the caller does not mean that all contacts belong to it
    options = replace(options, lists=lists, project=project, as_of=as_of, is_only_project=is_only)
    own = Definitions((*map(Definition, (draft, *whole_project)), *good), broken)
    job = Job(options, own, draft.id, whole_project[0].id if whole_project else None, first, PREVIEW_TIME)
    try:
        found = service.previewer.preview(job, deadline, service.stopping.is_set)
    except DefinitionError as error:
        raise _hide_other_projects(_hide_folder(error, lists), caller, good) from None
    return Preview(
        as_of=write_moment(as_of),
        contacts=found.contacts,
        member_count=found.members,
        share=found.members / found.contacts if found.contacts else None,
        first=list(found.first),
        warnings=[Warned(path=problem.path or "$", message=_without_suggestion(problem)) for problem in found.warnings],
    )


def _hide_folder(error: DefinitionError, lists: Path) -> DefinitionError:
    """Remove the folder of the lists from the problems, because clients must not see paths of the server."""
    folder = str(lists)
    problems = (
        replace(problem, message=problem.message.replace(f"{folder}/", "").replace(f" in {folder}", ""))
        for problem in error.problems
    )
    return DefinitionError(problems)


def _hide_other_projects(error: DefinitionError, caller: Caller, referenced: Sequence[Definition]) -> DefinitionError:
    """Remove the reasons why segments without a project fail, because their rules may refer to other projects."""
    unseen = [f"segment {shown(entry.segment_id)} failed" for entry in referenced if entry.segment.project_id is None]
    if caller.project is None:
        return error
    problems = list[Problem]()
    for problem in error.problems:
        message = problem.message
        for words in unseen:
            before, found, _ = message.partition(f"{words}: ")
            message = before + words if found else message
        problems.append(replace(problem, message=message, without_ids=None))
    return DefinitionError(problems)


def _without_suggestion(problem: Problem) -> str:
    """Remove suggestions of similar names, because custom fields come from the contacts of all projects."""
    return problem.message.partition("; did you mean")[0]


def _first(body: Mapping[str, Any]) -> int:
    """Parse the number of ids to return."""
    first = body.get("first", _FIRST)
    if type(first) is not int or not 0 <= first <= MAX_FIRST:
        message = f"{shown(first)} is not a whole number from 0 to {MAX_FIRST:,}"
        raise DefinitionError([Problem(message, path="$.first")])
    return first


def _draft(service: Service, caller: Caller, body: Mapping[str, Any]) -> Segment:
    """Parse a segment that is not saved and may lack a name."""
    sent = {"name": "draft", **{key: value for key, value in body.items() if key != "first"}}
    definition = {key: value for key, value in definition_of(sent, caller).items() if value is not None}
    with unchecked():  # they are compiled in the preview process
        segment, problems = validate(definition)
    if segment is None:
        raise DefinitionError(problems)
    ensure_references_exist(service.store, caller, definition)
    return segment


def _whole_project(caller: Caller) -> tuple[Segment, ...]:
    """Return a segment with all contacts of the sender's project, if it has one.

    The share is computed of these contacts, because the number of contacts in other projects must not be revealed.
    """
    if caller.project is None:
        return ()
    rules = [{"field": PROJECT_COLUMN, "operator": "exists"}]
    data = {"id": str(uuid4()), "name": "everybody", "project_id": caller.project, "rules": rules}
    return (Segment.model_validate(data),)


def _referenced(
    service: Service, caller: Caller, draft: Segment
) -> tuple[tuple[Definition, ...], tuple[BrokenDefinition, ...]]:
    """Return the saved segments that a draft refers to, directly or indirectly, and that the sender can access."""
    good, broken = dict[str, Definition](), dict[str, BrokenDefinition]()
    waiting = [target for _, target in draft.references()]
    while waiting:
        segment_id = waiting.pop()
        if segment_id in good or segment_id in broken:
            continue
        with suppress(NotFoundError):
            entry = service.store.find(segment_id, project=caller.project)
            if isinstance(entry, Definition):
                good[segment_id] = Definition(entry.segment)
                waiting += entry.references
            else:
                problems = tuple(replace(problem, file=None) for problem in entry.problems)
                broken[segment_id] = BrokenDefinition(segment_id, segment_id, entry.path, problems, entry.data)
    return tuple(good.values()), tuple(broken.values())


def _options(service: Service) -> tuple[EvaluationOptions, str | None]:
    """Return the options of previews: the settings of the server, or else the values of the last run.

    Returns:
        The options without lists, project and time, and the project of the last run.
    """
    contacts, custom_fields, tables = service.contacts, service.custom_fields, service.tables
    timezone, project = service.timezone, None
    try:
        service.watched.refresh()
        folder = service.watched.folder
        manifest = read_manifest(folder / RUNS / ensure_published(folder))
    except UsageError:
        if contacts is None:
            detail = (
                "no run is published yet, so there is no snapshot; publish a run, or start the server with --contacts"
            )
            raise HttpProblem("nothing-published", detail) from None
    else:
        contacts = contacts or _location_of(manifest.snapshot, manifest.source)
        custom_fields = custom_fields or manifest.custom_fields
        tables = tables or {table.name: _source_of(table) for table in manifest.tables}
        timezone, project = timezone or manifest.run.timezone, manifest.run.project_id
    options = EvaluationOptions(
        contacts, service.id_column, custom_fields, tables, timezone=timezone or "UTC", allow_empty=True
    )
    return options, project


def _source_of(table: TableRecord) -> TableSource:
    return TableSource(_location_of(table.files, table.source, "--table"), table.contact, table.time)


def _location_of(read: Sequence[SnapshotRecord], source: SourceRecord | None, option: str = "--contacts") -> str:
    """Return the version of a table, the only file, or the folder that contains exactly the files."""
    if source is not None:
        return str(address_of(source))
    files = [file.path for file in read]
    if len(files) == 1:
        return files[0]
    folder = os.path.commonpath(files)
    if {str(place) for place in find_files(folder)} != set(files):
        what = "contacts" if option == "--contacts" else "tables"
        raise UsageError(f"{folder}: contains files that the last run did not read; choose the {what} with {option}")
    return folder
