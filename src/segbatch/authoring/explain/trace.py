"""The rules and groups of a planned segment, each with the condition that the segment's membership uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from segbatch.compiler.conditions import BoolExpr, Condition, args_of
from segbatch.compiler.plan import PlannedSegment
from segbatch.compiler.project_rule import project_rule
from segbatch.model.operators import MatchName
from segbatch.model.rule import Group, Node


@dataclass(frozen=True, slots=True)
class Part:
    """A rule or a group of a segment.

    Attributes:
        path: The location in the definition.
        condition: The condition that a matching contact meets.
        parts: The rules and groups inside a group.
    """

    path: str
    node: Node
    condition: Condition
    parts: tuple["Part", ...] = ()


def trace(planned: PlannedSegment) -> tuple[Part, ...]:
    """Split a segment's condition into parts.

    Returns:
        The parts; a member matches every one. The project rule comes first if the segment is limited to a project. The
        rules of a segment with `any` or `none` are one group.
    """
    segment, condition, own = planned.definition.segment, planned.condition, tuple[Part, ...]()
    if planned.owner is not None:
        theirs, condition = cast("BoolExpr", condition).args
        own = (Part("$.project_id", project_rule(planned.owner), theirs),)
    parts = _parts(segment.match, segment.rules, condition, "$")
    if segment.match == "all":
        return (*own, *parts)
    return (*own, Part("$", Group(match=segment.match, rules=segment.rules), condition, parts))


def _parts(match: MatchName, nodes: Sequence[Node], condition: Condition, path: str) -> tuple[Part, ...]:
    conditions = args_of(match, condition, len(nodes))
    pairs = zip(nodes, conditions, strict=True)
    return tuple(_part(node, part, f"{path}.rules[{index}]") for index, (node, part) in enumerate(pairs))


def _part(node: Node, condition: Condition, path: str) -> Part:
    inner = _parts(node.match, node.rules, condition, path) if isinstance(node, Group) else ()
    return Part(path, node, condition, inner)
