"""Saved segments in words, as SQL and in numbers; and checks of segments that are not saved."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import Depends, Query

from segbatch.authoring.explain.reports import Explanation, Step, Verdict
from segbatch.authoring.explain.words import as_saved, rules_in_words, saved_rules
from segbatch.compiler.clock import read_clock
from segbatch.compiler.project_rule import project_rule
from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.value_lists import read_lists
from segbatch.errors import DefinitionError, Problem, SnapshotError
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

_HIDDEN = "the rules refer to segments that the project cannot see"
_UNREADABLE = "the server cannot read the contacts now; its log has the cause"


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
        return Check(errors=tuple(_located(error.problems)), findings=(), no_contacts=None)
    inputs, no_contacts = _inputs(asked, draft, {"nothing-published"}), None
    if isinstance(inputs, HttpProblem):
        explained, no_contacts = _without_contacts(asked, draft), inputs.detail
    else:
        job = ExplainJob(inputs.options, inputs.definitions, draft.id, inputs.whole_project, limits.PREVIEW_TIME)
        explained = _hiding(worker.run(job), inputs, asked.caller)
    errors, findings = tuple(_located(explained.errors)), tuple(_findings(explained))
    return Check(errors=errors, findings=findings, no_contacts=no_contacts)


def _explain(asked: ContactRequest, segment_id: str, query: ExplanationQuery, worker: Worker) -> SegmentExplanation:
    service, caller = asked.service, asked.caller
    stored = service.store.get(segment_id, project=caller.project, shared=False)
    found = _read_contacts(asked, stored.segment, query, worker)
    explained, hidden = found.explained, found.hidden
    if query.contact is not None and explained.explanation is None and not explained.errors:
        raise HttpProblem("no-contact", f"there is no contact {shown(query.contact)}")
    saved = _SavedRules.of(stored.segment, found.inputs, hidden)
    entries = service.store.list(caller.project, shared=False)
    named_by = sorted(entry.segment_id for entry in entries if segment_id in entry.references)
    mentioned = {*stored.references, *named_by}
    return SegmentExplanation(
        segment_id=segment_id,
        match=stored.segment.match,
        words=tuple(rules_in_words(stored.segment.rules)),
        sql=explained.sql,
        no_sql=_HIDDEN if hidden and not explained.errors else explained.no_sql,
        no_contacts=found.no_contacts,
        names=tuple(sorted(stored.references)),
        named_by=tuple(named_by),
        segment_names={
            one.segment_id: one.name for one in entries if isinstance(one, Definition) and one.segment_id in mentioned
        },
        errors=tuple(_located(explained.errors)),
        findings=tuple(_findings(explained)),
        contacts=explained.funnel.contacts if explained.funnel else None,
        funnel=tuple(_step(step, saved.rules) for step in explained.funnel.steps) if explained.funnel else None,
        verdict=_verdict(explained.explanation, saved) if explained.explanation else None,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What is found out about a saved segment.

    Attributes:
        inputs: What the job needed; None without contacts.
        hidden: The ids of the segments that the sender can refer to but not see.
        no_contacts: The reason why no contacts were read.
    """

    explained: Explained
    inputs: JobInputs | None = None
    hidden: Collection[str] = ()
    no_contacts: str | None = None


def _read_contacts(asked: ContactRequest, segment: Segment, query: ExplanationQuery, worker: Worker) -> _Found:
    """Explain a segment by the contacts; without them if they cannot be read and the query does not ask for them.

    Raises:
        HttpProblem: The query asks for contacts, and there are none.
        SnapshotError: The query asks for contacts, and they cannot be read.
    """
    needs_contacts = query.contact is not None or query.wants_funnel
    inputs = _inputs(asked, segment, set() if needs_contacts else {"nothing-published", "unavailable"})
    if isinstance(inputs, HttpProblem):
        return _without_reading(asked, segment, inputs)
    hidden = _hidden_references(inputs, asked.caller)
    job = _job(inputs, segment.id, query, sql=not hidden)
    try:
        return _Found(_hiding(worker.run(job), inputs, asked.caller), inputs, hidden)
    except SnapshotError as error:
        if needs_contacts:
            raise
        return _without_reading(asked, segment, HttpProblem("unavailable", _UNREADABLE, log=error.without_ids))


def _without_reading(asked: ContactRequest, segment: Segment, problem: HttpProblem) -> _Found:
    asked.request.scope.setdefault("state", {})["log"] = problem.log
    explained = replace(_without_contacts(asked, segment), no_sql=problem.detail)
    return _Found(explained, no_contacts=problem.detail)


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


def _inputs(asked: ContactRequest, segment: Segment, unneeded: Collection[str]) -> JobInputs | HttpProblem:
    """Return what a job needs, or the problem if there are no contacts.

    Args:
        unneeded: The codes of problems that are returned and not raised.
    """
    try:
        return job_inputs(asked.service, asked.caller, [segment])
    except HttpProblem as problem:
        if problem.code in unneeded:
            return problem
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


@dataclass(frozen=True, slots=True)
class _SavedRules:
    """The rules of a segment as in its definition.

    Attributes:
        rules: The rules and groups by their paths, also the rule that restricts the segment to its project.
        inputs: The inputs with the segments that rules may refer to; None without contacts.
        targets: The ids of the segments that rules refer to, by the paths of the rules.
        hidden: The ids of the segments that the sender cannot see.
    """

    rules: Mapping[str, dict[str, Any]]
    inputs: JobInputs | None
    targets: Mapping[str, str]
    hidden: Collection[str]

    @classmethod
    def of(cls, segment: Segment, inputs: JobInputs | None, hidden: Collection[str] = ()) -> Self:
        """Return the rules of a segment."""
        rules = dict(saved_rules(segment.rules))
        owner = segment.project_id or (inputs.options.project if inputs else None)
        if owner is not None:
            rules["$.project_id"] = as_saved(project_rule(owner))
        return cls(rules, inputs, dict(segment.references()), hidden)

    def hides(self, path: str) -> bool:
        """Return whether a rule refers to a segment that the sender cannot see."""
        return self.targets.get(path) in self.hidden

    def inside(self, path: str) -> "_SavedRules":
        """Return the rules that the parts of a rule are about: those of the segment that the rule refers to, if any."""
        if self.inputs is None or path not in self.targets:
            return self
        by_id = {one.segment_id: one.segment for one in self.inputs.definitions.good}
        return _SavedRules.of(by_id[self.targets[path]], self.inputs)


def _step(step: Step, rules: Mapping[str, dict[str, Any]]) -> FunnelStep:
    return FunnelStep(
        path=step.path,
        rule=step.rule,
        definition=rules[step.path],
        count=step.keeps,
        left=step.left,
        steps=tuple(_step(part, rules) for part in step.parts),
    )


def _verdict(explanation: Explanation, saved: _SavedRules) -> ContactVerdict:
    verdicts = tuple(_rule_verdict(verdict, saved) for verdict in explanation.verdicts)
    return ContactVerdict(contact_id=explanation.contact_id, member=explanation.member, verdicts=verdicts)


def _rule_verdict(verdict: Verdict, saved: _SavedRules) -> RuleVerdict:
    inside = saved.inside(verdict.path)
    return RuleVerdict(
        path=verdict.path,
        rule=verdict.rule,
        definition=saved.rules[verdict.path],
        holds=verdict.holds,
        why=verdict.why,
        parts=() if saved.hides(verdict.path) else tuple(_rule_verdict(part, inside) for part in verdict.parts),
    )
