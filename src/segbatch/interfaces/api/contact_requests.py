"""Requests that read contacts: their queue, their cancellation, and what they need from the server."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Annotated, TypeVar
from uuid import uuid4

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from segbatch.compiler.prepare import EvaluationOptions
from segbatch.definitions.definition import BrokenDefinition, Definition, Definitions
from segbatch.errors import DefinitionError, NotFoundError, Problem, UsageError
from segbatch.interfaces.api import limits
from segbatch.interfaces.api.auth import Caller, Reader
from segbatch.interfaces.api.contact_jobs import Job
from segbatch.interfaces.api.last_contacts import contacts_of, tables_of
from segbatch.interfaces.api.previewer import Previewer, Wanted, client_gone
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.service import Queue, Service, service_of
from segbatch.model.segment import Segment
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import ensure_published, read_manifest
from segbatch.text import shown

_Result = TypeVar("_Result")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Worker:
    """Does the jobs of a request whose turn it is.

    Attributes:
        wanted: The conditions on which the jobs go on.
    """

    previewer: Previewer
    wanted: Wanted

    def run(self, job: Job[_Result]) -> _Result:
        """Do a job in the process that reads contacts."""
        return self.previewer.run(job, self.wanted)


@dataclass(frozen=True, slots=True)
class ContactRequest:
    """A request that reads contacts."""

    request: Request
    service: Service
    caller: Caller

    async def in_turn(self, work: Callable[[Worker], _Answer], queue: Queue | None = None) -> _Answer:
        """Do some work in a thread when it is its turn, and stop it if the client closes the connection.

        Args:
            queue: The queue to wait in; by default that of previews.

        Raises:
            HttpProblem: Too many other requests wait, or the client is gone.
        """
        gone, queue = Event(), queue or self.service.previews
        watcher = asyncio.create_task(_watch(self.request, gone))
        try:
            await _wait_for_turn(queue, watcher)
            try:
                wanted = Wanted(time.monotonic() + limits.PREVIEW_TIME, self.service.stopping.is_set, gone.is_set)
                worker = Worker(self.service.previewer, wanted)
                return await to_thread.run_sync(work, worker, limiter=CapacityLimiter(1))
            finally:
                queue.turn.release()
        finally:
            watcher.cancel()


async def _contact_request(
    request: Request, caller: Reader, service: Annotated[Service, Depends(service_of)]
) -> ContactRequest:
    return ContactRequest(request, service, caller)


ReadsContacts = Annotated[ContactRequest, Depends(_contact_request)]


async def _watch(request: Request, gone: Event) -> None:
    """Wait until the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _wait_for_turn(queue: Queue, watcher: "asyncio.Task[None]") -> None:
    """Wait until no other request reads contacts. Leave the queue if the client is gone.

    Raises:
        HttpProblem: Too many other requests wait, or this one waited too long, or the client is gone.
    """
    if queue.waiting >= limits.PREVIEW_QUEUE:
        raise _busy()
    queue.waiting += 1
    turn = asyncio.ensure_future(queue.turn.acquire())
    try:
        await asyncio.wait({turn, watcher}, timeout=limits.PREVIEW_QUEUE_TIME, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        if not turn.cancel():
            queue.turn.release()
        raise
    finally:
        queue.waiting -= 1
    if not turn.done():
        turn.cancel()
        raise client_gone() if watcher.done() else _busy()


def _busy() -> HttpProblem:
    return HttpProblem("busy", "other requests of this kind are in progress; try again soon")


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


def without_suggestion(problem: Problem) -> str:
    """Remove suggestions of similar names, because custom fields come from the contacts of all projects.

    Names of related tables are settings of the server, so they stay.
    """
    if (problem.path or "").endswith("].table"):
        return problem.message
    return problem.message.partition("; did you mean")[0]


@dataclass(frozen=True, slots=True)
class JobInputs:
    """What a job needs from the server.

    Attributes:
        options: The contacts, the lists, the project and the time.
        definitions: The given segments, one with all contacts of the sender's project, and all that they refer to.
        whole_project: The id of the segment with all contacts of the project; None without a project.
        referenced: The saved segments that are referred to.
        as_of: The time that relative dates are measured from.
    """

    options: EvaluationOptions
    definitions: Definitions
    whole_project: str | None
    referenced: tuple[Definition, ...]
    as_of: datetime

    def problems(self, error: DefinitionError, caller: Caller) -> DefinitionError:
        """Return an error without paths of the server, and without facts about other projects."""
        return _hide_other_projects(_hide_folder(error, Path(str(self.options.lists))), caller, self.referenced)


def job_inputs(service: Service, caller: Caller, segments: Sequence[Segment], named: Sequence[str] = ()) -> JobInputs:
    """Collect what a job needs.

    Args:
        segments: The segments to evaluate.
        named: The ids of saved segments to evaluate as well.

    Raises:
        HttpProblem: There are no contacts, or they are gone, or a related table that rules read is gone.
    """
    whole_project = _whole_project(caller)
    lists = service.lists or service.store.lists
    good, broken = referenced_segments(
        service, caller, [*(one for segment in segments for _, one in segment.references()), *named]
    )
    evaluated = (*segments, *(one.segment for one in good))
    tables = {rule.table for segment in evaluated for _, rule in segment.table_rules()}
    options, run_project = _options(service, tables)
    project_id = segments[0].project_id if segments else None
    project = caller.project or (run_project if project_id in {None, run_project} else None)
    is_only = project == run_project  # a project of the caller does not mean that all contacts belong to it
    as_of = datetime.now(UTC)
    options = replace(options, lists=lists, project=project, as_of=as_of, is_only_project=is_only)
    own = {segment.id for segment in segments}
    saved = tuple(one for one in good if one.segment_id not in own)
    definitions = Definitions((*map(Definition, (*segments, *whole_project)), *saved), broken)
    return JobInputs(options, definitions, whole_project[0].id if whole_project else None, good, as_of)


def _whole_project(caller: Caller) -> tuple[Segment, ...]:
    """Return a segment with all contacts of the sender's project, if it has one.

    The share is computed of these contacts, because the number of contacts in other projects must not be revealed.
    """
    if caller.project is None:
        return ()
    rules = [{"field": PROJECT_COLUMN, "operator": "exists"}]
    data = {"id": str(uuid4()), "name": "everybody", "project_id": caller.project, "rules": rules}
    return (Segment.model_validate(data),)


def referenced_segments(
    service: Service, caller: Caller, named: Sequence[str]
) -> tuple[tuple[Definition, ...], tuple[BrokenDefinition, ...]]:
    """Return saved segments and those that they refer to, directly or indirectly, if the sender can access them."""
    good, broken = dict[str, Definition](), dict[str, BrokenDefinition]()
    waiting = list(named)
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


def _options(service: Service, needed: Collection[str]) -> tuple[EvaluationOptions, str | None]:
    """Return the options of previews: the settings of the server, or else the values of the last run.

    Args:
        needed: The names of the related tables that rules read.

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
        contacts = contacts or contacts_of(manifest)
        custom_fields = custom_fields or manifest.custom_fields
        tables = tables or tables_of(manifest, needed)
        timezone, project = timezone or manifest.run.timezone, manifest.run.project_id
    options = EvaluationOptions(
        contacts, service.id_column, custom_fields, tables, timezone=timezone or "UTC", allow_empty=True
    )
    return options, project
