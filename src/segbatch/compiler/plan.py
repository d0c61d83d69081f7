"""A plan for many segments at once: each distinct rule a predicate, each segment a condition over predicates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import RuleError, compile_rule
from segbatch.definitions.loading import Definition
from segbatch.definitions.operators import MatchName
from segbatch.definitions.segment import Group, Node, Rule, Segment
from segbatch.errors import Problem

__all__ = ["PROJECT_COLUMN", "Condition", "Joined", "Plan", "PlannedSegment", "make_plan", "to_expression"]

PROJECT_COLUMN = "project_id"
"""The column that says whose a contact is."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions that are joined, as the rules of a group are."""

    match: MatchName
    parts: tuple["Condition", ...]


Condition = int | Joined
"""The number of a predicate, or conditions joined."""


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """A segment that can be evaluated.

    Attributes:
        definition: The segment and where it was defined.
        condition: What a contact has to meet.
    """

    definition: Definition
    condition: Condition


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be evaluated over every batch of contacts.

    Attributes:
        predicates: The distinct rules of all segments, each a boolean expression that is never null.
        segments: The segments that can be evaluated, in the order in which they were given.
        leaves: The dotted paths of the columns that some predicate reads.
        failed: For each segment that cannot be evaluated, its id and its problems.
        warnings: What is legal and often a mistake.
    """

    predicates: tuple[pl.Expr, ...]
    segments: tuple[PlannedSegment, ...]
    leaves: frozenset[str]
    failed: Mapping[str, tuple[Problem, ...]]
    warnings: tuple[Problem, ...]


def make_plan(
    definitions: Iterable[Definition],
    schema: Mapping[str, pl.DataType],
    clock: Clock,
    *,
    strict: bool = False,
    project: str | None = None,
) -> Plan:
    """Plan the evaluation of segments over a snapshot.

    Args:
        definitions: The segments, with unique ids.
        schema: The columns of the snapshot with their types.
        clock: The time of the run.
        strict: Whether a warning makes a segment fail.
        project: A project whose contacts alone are looked at, if any.

    Returns:
        The plan; a segment that cannot be evaluated is in `failed` and does no harm to another.
    """
    planner = _Planner(schema, clock)
    segments: list[PlannedSegment] = []
    failed: dict[str, tuple[Problem, ...]] = {}
    warnings = _without_projects(schema, project)
    for definition in definitions:
        condition, problems = planner.plan(definition.segment, project)
        located = [definition.locate(problem) for problem in problems]
        if strict:
            located = [problem.as_error() for problem in located]
        errors = tuple(problem for problem in located if problem.severity == "error")
        if errors:
            failed[definition.segment_id] = errors
        else:
            segments.append(PlannedSegment(definition, condition))
        warnings += [problem for problem in located if problem.severity == "warning"]
    return Plan(tuple(planner.predicates), tuple(segments), frozenset(planner.leaves), failed, tuple(warnings))


def _without_projects(schema: Mapping[str, pl.DataType], project: str | None) -> list[Problem]:
    if project is None or PROJECT_COLUMN in schema:
        return []
    message = f"the snapshot has no column '{PROJECT_COLUMN}', so all of its contacts count as those of '{project}'"
    return [Problem(message, severity="warning")]


def to_expression(condition: Condition, predicates: Sequence[pl.Expr]) -> pl.Expr:
    """Join predicates as a condition says.

    Args:
        condition: What a contact has to meet.
        predicates: The predicates that the condition numbers, or columns that hold their answers.

    Returns:
        A boolean expression that is never null, as the predicates are not.
    """
    if isinstance(condition, int):
        return predicates[condition]
    parts = [to_expression(part, predicates) for part in condition.parts]
    match condition.match:
        case "all":
            return pl.all_horizontal(parts)
        case "any":
            return pl.any_horizontal(parts)
        case "none":
            return ~pl.any_horizontal(parts)
        case _:
            assert_never(condition.match)


class _Planner:
    """Numbers the distinct rules of all the segments, compiling each once."""

    def __init__(self, schema: Mapping[str, pl.DataType], clock: Clock) -> None:
        self.predicates: list[pl.Expr] = []
        self.leaves: set[str] = set()
        self._schema = schema
        self._clock = clock
        self._compiled: dict[str, tuple[int, str | None] | RuleError] = {}

    def plan(self, segment: Segment, project: str | None) -> tuple[Condition, list[Problem]]:
        """Turn a segment into a condition, and tell what is wrong with its rules, or probably wrong."""
        problems: list[Problem] = []
        parts = [self._node(node, f"$.rules[{i}]", problems) for i, node in enumerate(segment.rules)]
        condition = _join(segment.match, parts)
        owner = segment.project_id if segment.project_id is not None else project
        if owner is None or PROJECT_COLUMN not in self._schema:
            return condition, problems
        own = Rule(field=PROJECT_COLUMN, operator="eq", value=owner)
        return _join("all", [self._rule(own, "$", problems, at="project_id"), condition]), problems

    def _node(self, node: Node, path: str, problems: list[Problem]) -> Condition:
        if isinstance(node, Group):
            parts = [self._node(child, f"{path}.rules[{i}]", problems) for i, child in enumerate(node.rules)]
            return _join(node.match, parts)
        return self._rule(node, path, problems)

    def _rule(self, rule: Rule, path: str, problems: list[Problem], at: str | None = None) -> Condition:
        """Number a rule; one that has no meaning gets no number, which nobody asks for: its segment fails."""
        compiled = self._compile(rule)
        if isinstance(compiled, RuleError):
            problems.append(Problem(str(compiled), path=f"{path}.{at or compiled.key}"))
            return -1
        number, warning = compiled
        if warning is not None:
            problems.append(Problem(warning, path=f"{path}.field", severity="warning"))
        return number

    def _compile(self, rule: Rule) -> tuple[int, str | None] | RuleError:
        key = rule.model_dump_json()
        if key not in self._compiled:
            self._compiled[key] = self._add(rule)
        return self._compiled[key]

    def _add(self, rule: Rule) -> tuple[int, str | None] | RuleError:
        try:
            predicate, found = compile_rule(rule, self._schema, self._clock)
        except RuleError as error:
            return error
        self.predicates.append(predicate)
        self.leaves.add(found.leaf)
        return len(self.predicates) - 1, found.warning


def _join(match: MatchName, parts: Sequence[Condition]) -> Condition:
    """Join conditions; one alone needs no joining."""
    return parts[0] if len(parts) == 1 and match != "none" else Joined(match, tuple(parts))
