"""Evaluation plan for many segments: one predicate per distinct rule, one condition over predicates per segment."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import false_for_all
from segbatch.compiler.conditions import BoolExpr, Condition, SegmentRef, combine, numbers_in
from segbatch.compiler.dependencies import References, find_references, reasons_of
from segbatch.compiler.predicates import RuleError, compile_rule
from segbatch.compiler.project_rule import Ownership, project_rule
from segbatch.definitions.definition import BrokenDefinition, Definition
from segbatch.errors import Problem
from segbatch.model.operators import NEGATIONS
from segbatch.model.segment import Group, Node, Rule
from segbatch.snapshot.fields.resolution import Field


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """A segment that can be evaluated.

    Attributes:
        definition: The segment and the place of its definition.
        condition: The condition that its contacts meet.
        owner: The project whose contacts the segment is restricted to, if any. The condition then also requires that
            the contact belongs to the project.
    """

    definition: Definition
    condition: Condition
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The predicates and conditions that are evaluated for every batch of contacts.

    Attributes:
        predicates: The distinct rules of all segments, each a boolean expression that is never null.
        segments: The segments that can be evaluated, in the order of the definitions.
        shared_segments: The ids of those that others reference, each after the ones that it references itself.
        leaves: The dotted paths of the columns that predicates read.
        failed: For each segment that cannot be evaluated, its id and its problems.
        warnings: Problems that are allowed but often a mistake.
        notes: Facts about how rules are read.
        fields: The fields that rules read, by the names in the rules.
    """

    predicates: tuple[pl.Expr, ...]
    segments: tuple[PlannedSegment, ...]
    shared_segments: tuple[str, ...]
    leaves: frozenset[str]
    failed: Mapping[str, tuple[Problem, ...]]
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)

    def failing(self, problems: Mapping[str, Sequence[Problem]]) -> "Plan":
        """Return the plan with more failed segments; segments that reference one of them fail too.

        Args:
            problems: For each segment that fails, the reasons, each with its place.
        """
        failed = {**self.failed, **{segment_id: tuple(found) for segment_id, found in problems.items()}}
        for definition, found in find_references([entry.definition for entry in self.segments]).wrong(failed, {}):
            if definition.segment_id not in failed:
                failed[definition.segment_id] = tuple(map(definition.locate, found))
        return replace(self.without(failed), failed=failed)

    def without(self, segment_ids: Collection[str]) -> "Plan":
        """Return the plan without some segments. The other segments must not reference them."""
        segments = tuple(entry for entry in self.segments if entry.definition.segment_id not in segment_ids)
        shared = tuple(segment_id for segment_id in self.shared_segments if segment_id not in segment_ids)
        return replace(self, segments=segments, shared_segments=shared)


def make_plan(
    definitions: Iterable[Definition],
    schema: Mapping[str, pl.DataType],
    clock: Clock,
    *,
    broken: Iterable[BrokenDefinition] = (),
    strict: bool = False,
    project: str | None = None,
    contacts_of: str | None = None,
    empty_frame: Callable[[Iterable[str]], pl.DataFrame] | None = None,
) -> Plan:
    """Plan the evaluation of segments over a snapshot.

    Args:
        definitions: The segments, with unique ids.
        schema: The columns of the snapshot with their types.
        clock: The time of the run.
        broken: The definitions that cannot be read; a segment that references one fails.
        strict: Whether a warning makes a segment fail.
        project: The project that contacts are restricted to, if any.
        contacts_of: The project that all contacts belong to if the snapshot has no column `project_id`. Without it, a
            segment of a project then fails.
        empty_frame: Returns a frame without rows that has the columns at the given paths. If set, Polars checks the
            predicates on it.

    Returns:
        The plan; a segment that cannot be evaluated is in `failed` and does not affect other segments.
    """
    ownership = Ownership(schema, project, contacts_of)
    planner = _Planner(schema, clock, ownership, strict=strict)
    definitions = tuple(definitions)
    planned = {definition.segment_id: planner.plan(definition) for definition in definitions}
    if empty_frame is not None:
        _fail_where_polars_refuses(planned.values(), planner, empty_frame(planner.leaves))
    references = find_references(definitions)
    reasons = reasons_of(broken)
    _fail_by_reference(references, planner, reasons)
    good = [entry for segment_id, entry in planned.items() if segment_id not in planner.failed]
    shared = tuple(segment_id for segment_id in references.order if segment_id not in planner.failed)
    failed = {segment_id: tuple(problems) for segment_id, problems in planner.failed.items()}
    return Plan(
        tuple(planner.predicates),
        tuple(good),
        shared,
        frozenset(planner.leaves),
        failed,
        tuple(planner.warnings),
        (*ownership.assumptions, *planner.notes),
        planner.fields,
    )


def _fail_where_polars_refuses(
    planned: Iterable[PlannedSegment], planner: "_Planner", empty_frame: pl.DataFrame
) -> None:
    refused = _rejected(planner.predicates, empty_frame)
    for number in refused:
        planner.predicates[number] = false_for_all()
    for entry in planned if refused else ():
        reasons = [refused[number] for number in sorted(numbers_in(entry.condition) & refused.keys())]
        message = "one of its rules cannot be evaluated, which is a bug in segbatch; please report it with the rule"
        planner.fail(entry.definition, [Problem(f"{message} ({reason})", path="$.rules") for reason in reasons[:1]])


def _rejected(predicates: Sequence[pl.Expr], empty_frame: pl.DataFrame) -> Mapping[int, str]:
    """Find the predicates that Polars rejects.

    None is expected, because rules are checked against the snapshot's types first. A rejected predicate is a bug in
    segbatch. This check limits the damage to the segments that use the predicate; the others are still evaluated.

    Args:
        predicates: Boolean expressions.
        empty_frame: A frame without rows, with the columns that the predicates read.

    Returns:
        The numbers of the rejected predicates, each with the reason.
    """
    if _rejection(predicates, empty_frame) is None:
        return {}
    reasons = {number: _rejection([predicate], empty_frame) for number, predicate in enumerate(predicates)}
    return {number: reason for number, reason in reasons.items() if reason is not None}


def _rejection(predicates: Sequence[pl.Expr], empty_frame: pl.DataFrame) -> str | None:
    try:
        empty_frame.lazy().select(
            predicate.alias(str(number)) for number, predicate in enumerate(predicates)
        ).collect_schema()
    except pl.exceptions.PolarsError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


def _fail_by_reference(references: References, planner: "_Planner", reasons: dict[str, str]) -> None:
    """Fail the segments with a reference that is missing, failed or circular."""
    for definition, problems in references.wrong(planner.failed, reasons):
        planner.fail(definition, problems)


class _Planner:
    """Builds the predicates of all segments; compiles each distinct rule once."""

    def __init__(self, schema: Mapping[str, pl.DataType], clock: Clock, ownership: Ownership, *, strict: bool) -> None:
        self.predicates: list[pl.Expr] = []
        self.leaves: set[str] = set()
        self.failed: dict[str, list[Problem]] = {}
        self.warnings: list[Problem] = []
        self.notes: list[Problem] = []
        self.fields: dict[str, Field] = {}
        self._schema = schema
        self._clock = clock
        self._strict = strict
        self._ownership = ownership
        self._compiled: dict[str, tuple[Condition, str | None] | RuleError] = {}

    def plan(self, definition: Definition) -> PlannedSegment:
        """Turn a segment into a condition; if its rules have errors, the segment is added to `failed`."""
        segment, problems = definition.segment, self._ownership.problems_of(definition.segment)
        parts = [self._node(node, f"$.rules[{i}]", problems) for i, node in enumerate(segment.rules)]
        owner = self._ownership.owner_of(segment)
        condition = self._of_its_project(owner, combine(segment.match, parts), problems)
        if self._strict:
            problems = [problem.as_error() for problem in problems]
        self.fail(definition, [problem for problem in problems if problem.severity == "error"])
        self.warnings += [definition.locate(problem) for problem in problems if problem.severity == "warning"]
        self.notes += [definition.locate(problem) for problem in problems if problem.severity == "note"]
        return PlannedSegment(definition, condition, owner)

    def fail(self, definition: Definition, problems: Iterable[Problem]) -> None:
        """Record that a segment cannot be evaluated, and why."""
        located = [definition.locate(problem) for problem in problems]
        if located:
            self.failed.setdefault(definition.segment_id, []).extend(located)

    def _of_its_project(self, owner: str | None, condition: Condition, problems: list[Problem]) -> Condition:
        if owner is None:
            return condition
        return BoolExpr("all", (self._rule(project_rule(owner), "$", problems, at="project_id"), condition))

    def _node(self, node: Node, path: str, problems: list[Problem]) -> Condition:
        if isinstance(node, Group):
            parts = [self._node(child, f"{path}.rules[{i}]", problems) for i, child in enumerate(node.rules)]
            return combine(node.match, parts)
        if node.shape == "segment":
            reference = SegmentRef(str(node.value))
            return BoolExpr("none", (reference,)) if node.operator in NEGATIONS else reference
        return self._rule(node, path, problems)

    def _rule(self, rule: Rule, path: str, problems: list[Problem], at: str | None = None) -> Condition:
        """Return the condition of a rule; -1 if the rule has an error, which is never used since the segment fails."""
        compiled = self._compile(rule)
        if isinstance(compiled, RuleError):
            problems.append(Problem(str(compiled), path=f"{path}.{at or compiled.key}"))
            return -1
        condition, warning = compiled
        if warning is not None:
            problems.append(Problem(warning, path=f"{path}.field", severity="warning"))
        return condition

    def _compile(self, rule: Rule) -> tuple[Condition, str | None] | RuleError:
        key = rule.model_dump_json()
        if key not in self._compiled:
            self._compiled[key] = self._add(rule)
        return self._compiled[key]

    def _add(self, rule: Rule) -> tuple[Condition, str | None] | RuleError:
        """Compile a rule; the opposite of another rule reuses that rule's predicate, negated."""
        try:
            predicate, found = compile_rule(rule, self._schema, self._clock)
        except RuleError as error:
            return error
        if rule.operator in NEGATIONS and rule.missing is None:
            positive = self._compile(rule.model_copy(update={"operator": NEGATIONS[rule.operator]}))
            # the rule compiled, so its opposite does too
            condition, warning = cast("tuple[Condition, str | None]", positive)
            return BoolExpr("none", (condition,)), warning
        self.predicates.append(predicate)
        self.leaves.add(found.leaf)
        self.fields[str(rule.field)] = found
        return len(self.predicates) - 1, found.warning
