"""Evaluation plan for many segments: one predicate per distinct rule, one condition over predicates per segment."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.conditions import BoolExpr, Condition, SegmentRef, combine, numbers_in
from segbatch.compiler.lifecycle import split_disabled
from segbatch.compiler.predicates import TextSearch
from segbatch.compiler.project_rule import Ownership, project_rule
from segbatch.compiler.references import References, find_references, reasons_of
from segbatch.compiler.rule_fields import Reading
from segbatch.compiler.rule_planner import RulePlanner
from segbatch.compiler.samples import IdColumn, SampleCompiler, Shares
from segbatch.compiler.table_rules import TablesPlanner
from segbatch.definitions.definition import BrokenDefinition, Definition
from segbatch.definitions.value_lists import NO_LISTS, Lists
from segbatch.errors import Problem
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Group, Node, TableRule
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.related.query import TableQuery
from segbatch.snapshot.related.tables import RelatedTable


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Inputs of a plan besides the definitions and the columns of the contacts.

    Attributes:
        empty_frame: Returns a frame without rows that has the columns at the given paths. If set, Polars checks the
            predicates on it.
        id_column: The column with the ids of contacts, for samples.
        tables: The related tables by name, each opened, or the reason why it cannot be.
        also_disabled: Segments to plan even if they are not enabled or expired, with a warning. Segments that
            reference them still fail.
        lists: The lists that rules name.
    """

    empty_frame: Callable[[Iterable[str]], pl.DataFrame] | None = None
    id_column: IdColumn = field(default_factory=IdColumn)
    tables: Mapping[str, RelatedTable | str] = field(default_factory=dict)
    also_disabled: Collection[str] = ()
    lists: Lists = NO_LISTS


NO_INPUTS = PlanInputs()


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
        shares: The samples that rules take.
        sources: The only path that a predicate reads, by the number of the predicate; contacts that are equal there
            have the same result. Predicates that read several paths, or none, are left out.
        searches: The search that has the same result as a predicate, by the number of the predicate.
        queries: The aggregates of each related table that rules read.
        aggregates: The aggregates as fields of contacts, by the keys of the rules.
        disabled: For each segment that is not evaluated on purpose, its id and the reason.
        readings: How fields are read that are not read as they are stored, by the field and the type.
    """

    predicates: tuple[pl.Expr, ...]
    segments: tuple[PlannedSegment, ...]
    shared_segments: tuple[str, ...]
    leaves: frozenset[str]
    failed: Mapping[str, tuple[Problem, ...]]
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)
    shares: Shares = field(default_factory=Shares)
    sources: Mapping[int, str] = field(default_factory=dict)
    searches: Mapping[int, TextSearch] = field(default_factory=dict)
    queries: tuple[TableQuery, ...] = ()
    aggregates: Mapping[str, Field] = field(default_factory=dict)
    disabled: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[tuple[str, str], Reading] = field(default_factory=dict)

    def failing(self, problems: Mapping[str, Sequence[Problem]]) -> "Plan":
        """Return the plan with more failed segments; segments that reference one of them fail too.

        Args:
            problems: For each segment that fails, the reasons, each with its place.
        """
        failed = {**self.failed, **{segment_id: tuple(found) for segment_id, found in problems.items()}}
        references = find_references([entry.definition for entry in self.segments])
        for definition, found in references.wrong(failed, {}, {}):
            if definition.segment_id not in failed:
                failed[definition.segment_id] = tuple(map(definition.locate, found))
        return replace(self.without(failed), failed=failed)

    def without(self, segment_ids: Collection[str]) -> "Plan":
        """Return the plan without some segments. The other segments must not reference them."""
        segments = tuple(entry for entry in self.segments if entry.definition.segment_id not in segment_ids)
        shared = tuple(segment_id for segment_id in self.shared_segments if segment_id not in segment_ids)
        return replace(self, segments=segments, shared_segments=shared)

    def dependents(self, segment_ids: Iterable[str]) -> dict[str, str]:
        """Return the segments that refer to the given segments, directly or through others.

        Returns:
            For each of them, the segment that it refers to: a given one, or another dependent.
        """
        given, found = set(segment_ids), dict[str, str]()
        size = -1
        while size < len(found):
            size = len(found)
            for entry in self.segments:
                target = next((name for name in entry.definition.references if name in given or name in found), None)
                if target is not None and entry.definition.segment_id not in given:
                    found.setdefault(entry.definition.segment_id, target)
        return found


def make_plan(
    definitions: Iterable[Definition],
    schema: Mapping[str, pl.DataType],
    clock: Clock,
    *,
    broken: Iterable[BrokenDefinition] = (),
    strict: bool = False,
    project: str | None = None,
    contacts_of: str | None = None,
    inputs: PlanInputs = NO_INPUTS,
) -> Plan:
    """Plan the evaluation of segments over a snapshot.

    Args:
        definitions: The segments, with unique ids.
        broken: The definitions that cannot be read; a segment that references one fails.
        strict: Whether a warning makes a segment fail.
        project: The project that contacts are restricted to, if any.
        contacts_of: The project that all contacts belong to if the snapshot has no column `project_id`. Without it, a
            segment of a project then fails.
        inputs: The inputs of the plan besides the definitions and the columns.

    Returns:
        The plan; a segment that cannot be evaluated is in `failed` and does not affect other segments.
    """
    ownership = Ownership(schema, project, contacts_of)
    planner = _Planner(schema, clock, ownership, inputs, strict=strict)
    definitions = tuple(definitions)
    _, disabled = split_disabled(definitions, clock)
    definitions = tuple(
        entry for entry in definitions if entry.segment_id not in disabled or entry.segment_id in inputs.also_disabled
    )
    planned = {definition.segment_id: planner.plan(definition) for definition in definitions}
    if inputs.empty_frame is not None:
        empty_frame = planner.tables.with_columns(inputs.empty_frame, planner.rules.leaves)
        empty_frame = planner.samples.shares.add_to(empty_frame)
        _fail_where_polars_refuses(planned.values(), planner, empty_frame)
    references = find_references(definitions)
    reasons = reasons_of(broken)
    _fail_by_reference(references, planner, reasons, disabled)
    good = [entry for segment_id, entry in planned.items() if segment_id not in planner.failed]
    shared = tuple(segment_id for segment_id in references.order if segment_id not in planner.failed)
    failed = {segment_id: tuple(problems) for segment_id, problems in planner.failed.items()}
    return Plan(
        tuple(planner.rules.predicates),
        tuple(good),
        shared,
        frozenset(planner.rules.leaves),
        failed,
        (*planner.warnings, *_warn_of_disabled(definitions, disabled)),
        (*ownership.assumptions, *planner.notes),
        planner.rules.fields,
        planner.samples.shares,
        planner.rules.sources,
        planner.rules.searches,
        planner.tables.queries,
        planner.tables.fields,
        {segment_id: reason for segment_id, reason in disabled.items() if segment_id not in inputs.also_disabled},
        planner.rules.readings,
    )


def _warn_of_disabled(planned: Iterable[Definition], disabled: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning for each planned segment that a run would not evaluate."""
    for definition in planned:
        reason = disabled.get(definition.segment_id)
        if reason is not None:
            path = "$.expires_at" if definition.segment.enabled else "$.enabled"
            message = f"the segment {reason}; a run does not evaluate it, and it has no members"
            yield definition.locate(Problem(message, path=path, severity="warning"))


def _fail_where_polars_refuses(
    planned: Iterable[PlannedSegment], planner: "_Planner", empty_frame: pl.DataFrame
) -> None:
    refused = planner.rules.replace_rejected(empty_frame)
    for entry in planned if refused else ():
        reasons = [refused[number] for number in sorted(numbers_in(entry.condition) & refused.keys())]
        message = "one of its rules cannot be evaluated, which is a bug in segbatch; please report it with the rule"
        planner.fail(entry.definition, [Problem(f"{message} ({reason})", path="$.rules") for reason in reasons[:1]])


def _fail_by_reference(
    references: References, planner: "_Planner", reasons: dict[str, str], disabled: Mapping[str, str]
) -> None:
    """Fail the segments with a reference that is missing, failed, disabled or circular."""
    for definition, problems in references.wrong(planner.failed, reasons, disabled):
        planner.fail(definition, problems)


class _Planner:
    """Builds the predicates of all segments; compiles each distinct rule once."""

    def __init__(
        self,
        schema: Mapping[str, pl.DataType],
        clock: Clock,
        ownership: Ownership,
        inputs: PlanInputs,
        *,
        strict: bool,
    ) -> None:
        self.samples = SampleCompiler(schema, inputs.id_column)
        self.rules = RulePlanner(schema, clock, self.samples, inputs.lists)
        self.tables = TablesPlanner(inputs.tables, clock, inputs.lists)
        self.failed: dict[str, list[Problem]] = {}
        self.warnings: list[Problem] = []
        self.notes: list[Problem] = []
        self._strict = strict
        self._ownership = ownership

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
        return BoolExpr("all", (self.rules.condition(project_rule(owner), "$", problems, at="project_id"), condition))

    def _node(self, node: Node, path: str, problems: list[Problem]) -> Condition:
        if isinstance(node, Group):
            parts = [self._node(child, f"{path}.rules[{i}]", problems) for i, child in enumerate(node.rules)]
            return combine(node.match, parts)
        if isinstance(node, TableRule):
            return self.tables.condition(node, path, problems, self.rules)
        if node.shape == "segment":
            reference = SegmentRef(str(node.value))
            return BoolExpr("none", (reference,)) if node.operator in NEGATIONS else reference
        return self.rules.condition(node, path, problems)
