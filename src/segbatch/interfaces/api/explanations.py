"""Saved segments in words, as SQL and in numbers; and checks of segments that are not saved."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Query

from segbatch.authoring.explain.reports import Explanation, Step, Verdict
from segbatch.authoring.explain.words import rules_in_words
from segbatch.compiler.clock import read_clock
from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.value_lists import read_lists
from segbatch.errors import DefinitionError, Problem
from segbatch.findings.definition_checks import check_without_snapshot
from segbatch.interfaces.api import limits
from segbatch.interfaces.api.auth import Caller
from segbatch.interfaces.api.contact_jobs import Explained, ExplainJob
from segbatch.interfaces.api.contact_requests import (
    ContactRequest,
    JobInputs,
    ReadsContacts,
    Worker,
    job_inputs,
    referenced_segments,
    without_suggestion,
)
from segbatch.interfaces.api.models import Check
from segbatch.interfaces.api.openapi import BODY_ERRORS, errors, json_body, segments_router
from segbatch.interfaces.api.previews import draft_of
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.queries import ExplanationQuery
from segbatch.interfaces.api.request_body import Body
from segbatch.interfaces.api.routes import SegmentId, ensure_no_duplicates
from segbatch.model.segment import Segment
from segbatch.model.views import (
    ContactVerdict,
    FoundProblem,
    FunnelStep,
    Located,
    RuleVerdict,
    SegmentExplanation,
)
from segbatch.text import shown

router = segments_router("segments")


@router.post(
    "/check",
    operation_id="checkSegment",
    response_description="The errors and findings.",
    responses=errors(504, *BODY_ERRORS),
    openapi_extra=json_body("SegmentCheck"),
)
async def check(asked: ReadsContacts, body: Body) -> Check:
    """Find errors, and parts that are probably not intended, in a segment that is not saved."""
    return await asked.in_turn(lambda worker: _check(asked, body, worker))


@router.get(
    "/{id}/explanation",
    operation_id="explainSegment",
    dependencies=[Depends(ensure_no_duplicates)],
    response_description="The segment in words.",
    responses=errors(404, 409, 504),
)
async def explain(
    segment_id: SegmentId, asked: ReadsContacts, query: Annotated[ExplanationQuery, Query()]
) -> SegmentExplanation:
    """Explain a saved segment: in words, as SQL, the contacts that each rule keeps, and why a contact is in it."""
    return await asked.in_turn(lambda worker: _explain(asked, segment_id, query, worker))


def _check(asked: ContactRequest, body: Mapping[str, Any], worker: Worker) -> Check:
    try:
        draft = draft_of(asked.service, asked.caller, body)
    except DefinitionError as error:
        return Check(errors=tuple(_located(error.problems)), findings=())
    inputs = _inputs(asked, draft)
    if inputs is None:
        explained = _without_contacts(asked, draft)
    else:
        job = ExplainJob(inputs.options, inputs.definitions, draft.id, inputs.whole_project, limits.PREVIEW_TIME)
        explained = _hiding(worker.run(job), inputs, asked.caller)
    return Check(errors=tuple(_located(explained.errors)), findings=tuple(_findings(explained)))


def _explain(asked: ContactRequest, segment_id: str, query: ExplanationQuery, worker: Worker) -> SegmentExplanation:
    service, caller = asked.service, asked.caller
    stored = service.store.get(segment_id, project=caller.project, shared=False)
    inputs = _inputs(asked, stored.segment)
    hidden = _hidden_references(inputs, caller) if inputs else set()
    if inputs is not None:
        job = _job(inputs, stored.segment_id, query, sql=not hidden)
        explained = _hiding(worker.run(job), inputs, caller)
    elif query.contact is None and not query.wants_funnel:
        explained = _without_contacts(asked, stored.segment)
    else:
        detail = "no run is published yet, so there are no contacts; publish a run, or start the server with --contacts"
        raise HttpProblem("nothing-published", detail)
    if query.contact is not None and explained.explanation is None and not explained.errors:
        raise HttpProblem("no-contact", f"there is no contact {shown(query.contact)}")
    paths = {path for path, target in stored.segment.references() if target in hidden}
    entries = service.store.list(caller.project, shared=False)
    return SegmentExplanation(
        segment_id=segment_id,
        match=stored.segment.match,
        words=tuple(rules_in_words(stored.segment.rules)),
        sql=explained.sql,
        names=tuple(sorted(stored.references)),
        named_by=tuple(sorted(entry.segment_id for entry in entries if segment_id in entry.references)),
        errors=tuple(_located(explained.errors)),
        findings=tuple(_findings(explained)),
        contacts=explained.funnel.contacts if explained.funnel else None,
        funnel=tuple(map(_step, explained.funnel.steps)) if explained.funnel else None,
        verdict=_verdict(explained.explanation, paths) if explained.explanation else None,
    )


def _job(inputs: JobInputs, segment_id: str, query: ExplanationQuery, *, sql: bool) -> ExplainJob:
    return ExplainJob(
        inputs.options,
        inputs.definitions,
        segment_id,
        inputs.whole_project,
        limits.PREVIEW_TIME,
        sql=sql,
        funnel=query.wants_funnel,
        contact=query.contact,
    )


def _inputs(asked: ContactRequest, segment: Segment) -> JobInputs | None:
    """Return what a job needs; None if there are no contacts."""
    try:
        return job_inputs(asked.service, asked.caller, [segment])
    except HttpProblem as problem:
        if problem.code == "nothing-published":
            return None
        raise


def _without_contacts(asked: ContactRequest, segment: Segment) -> Explained:
    """Check a segment without contacts: its values, but not its fields and their types."""
    good, _ = referenced_segments(asked.service, asked.caller, [target for _, target in segment.references()])
    own = Definitions((Definition(segment), *good), ())
    clock = read_clock(None, asked.service.timezone or "UTC", datetime.now(UTC))
    lists = read_lists(own.good, asked.service.lists or asked.service.store.lists)
    found, findings = check_without_snapshot(own, clock, lists)
    return Explained(
        errors=tuple(problem for problem in found if problem.segment_id == segment.id),
        findings=tuple(finding for finding in findings if finding.problem.segment_id == segment.id),
    )


def _hiding(explained: Explained, inputs: JobInputs, caller: Caller) -> Explained:
    """Remove paths of the server, and facts about other projects, from the errors."""
    if not explained.errors:
        return explained
    return replace(explained, errors=tuple(inputs.problems(DefinitionError(explained.errors), caller).problems))


def _hidden_references(inputs: JobInputs, caller: Caller) -> set[str]:
    """Return the segments that the sender can refer to but not see: those without a project."""
    if caller.project is None:
        return set()
    return {one.segment_id for one in inputs.referenced if one.project_id != caller.project}


def _located(problems: Iterable[Problem]) -> Iterator[Located]:
    for problem in problems:
        yield Located(path=problem.path or "$", message=without_suggestion(problem))


def _findings(explained: Explained) -> Iterator[FoundProblem]:
    named = [(finding.name, finding.problem) for finding in explained.findings]
    for kind, problem in [*named, *((None, problem) for problem in explained.warnings)]:
        yield FoundProblem(path=problem.path or "$", message=without_suggestion(problem), kind=kind)


def _step(step: Step) -> FunnelStep:
    steps = tuple(map(_step, step.parts))
    return FunnelStep(path=step.path, rule=step.rule, count=step.keeps, left=step.left, steps=steps)


def _verdict(explanation: Explanation, hidden: set[str]) -> ContactVerdict:
    """Return the verdicts for a contact.

    Args:
        hidden: The paths of rules that refer to segments that the sender cannot see.
    """
    verdicts = tuple(_rule_verdict(verdict, hidden) for verdict in explanation.verdicts)
    return ContactVerdict(contact_id=explanation.contact_id, member=explanation.member, verdicts=verdicts)


def _rule_verdict(verdict: Verdict, hidden: set[str]) -> RuleVerdict:
    parts = () if verdict.path in hidden else tuple(_rule_verdict(part, set()) for part in verdict.parts)
    return RuleVerdict(path=verdict.path, rule=verdict.rule, holds=verdict.holds, why=verdict.why, parts=parts)
