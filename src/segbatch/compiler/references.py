"""References between segments: evaluation order, and references that are not valid."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from segbatch.compiler.clock import Clock
from segbatch.compiler.lifecycle import split_disabled
from segbatch.definitions.definition import BrokenDefinition, Definition, Definitions
from segbatch.errors import Problem
from segbatch.model.limits import MAX_CHAIN
from segbatch.text import did_you_mean, shown


@dataclass(frozen=True, slots=True)
class References:
    """References between segments.

    Attributes:
        definitions: The segments by id.
        targets: For each segment, the path of each rule that references a segment, and the id in that rule.
        order: The ids of all segments that others reference, each after the ones that it references itself.
        circles: For each segment that references itself, directly or through others, the path from it back to it.
        depths: For each segment, the length of its longest chain of references.
        renamed: For each earlier id of a segment that no segment has now, the id of that segment.
    """

    definitions: Mapping[str, Definition]
    targets: Mapping[str, Sequence[tuple[str, str]]]
    order: tuple[str, ...]
    circles: Mapping[str, Sequence[str]]
    depths: Mapping[str, int]
    renamed: Mapping[str, str]

    def wrong(
        self, failed: Mapping[str, Sequence[Problem]], broken: Mapping[str, str], disabled: Mapping[str, str]
    ) -> Iterator[tuple[Definition, list[Problem]]]:
        """Find the segments that cannot be evaluated because of a segment that they reference.

        Args:
            failed: The segments that have failed so far. The caller must add each result before it requests the next.
            broken: For each definition that cannot be read, its first problem.
            disabled: For each segment that is not evaluated on purpose, the reason.

        Yields:
            A segment and its problems; referenced segments come before those that reference them.
        """
        for segment_id in _leaves_first(self.targets):
            problems = [
                Problem(reason, path=f"{path}.value")
                for path, target in self.targets[segment_id]
                if (reason := self._reason(segment_id, target, failed, broken, disabled)) is not None
            ]
            if problems:
                yield self.definitions[segment_id], problems

    def _reason(
        self,
        segment_id: str,
        target: str,
        failed: Mapping[str, Sequence[Problem]],
        broken: Mapping[str, str],
        disabled: Mapping[str, str],
    ) -> str | None:
        if segment_id in self.circles and target == self.circles[segment_id][1]:
            return f"the segments refer to each other in a circle: {' -> '.join(self.circles[segment_id])}"
        if target in broken:
            return f"segment {shown(target)} cannot be read: {broken[target]}"
        if target in disabled:
            return f"segment {shown(target)} {disabled[target]}, so it has no members"
        if target not in self.definitions and target in self.renamed:
            now = self.renamed[target]
            again = f"segbatch segments rename {target} {now}"
            return f"segment {shown(target)} is {shown(now)} now; to change the references to it, run '{again}'"
        if target not in self.definitions:
            return f"there is no segment {shown(target)}{did_you_mean(target, self.definitions)}"
        if target in failed:
            return f"segment {shown(target)} failed: {failed[target][0].message}"
        if self.depths[segment_id] > MAX_CHAIN:
            return f"more than {MAX_CHAIN} segments refer to each other in a chain"
        return None


def find_references(definitions: Sequence[Definition]) -> References:
    """Find the references between segments, the order of evaluation, and the circles."""
    by_id = {definition.segment_id: definition for definition in definitions}
    references = {segment_id: list(definition.segment.references()) for segment_id, definition in by_id.items()}
    referenced = {target for pairs in references.values() for _, target in pairs}
    order = tuple(segment_id for segment_id in _leaves_first(references) if segment_id in referenced)
    found = {segment_id: _circle(segment_id, references) for segment_id in referenced & references.keys()}
    circles = {segment_id: circle for segment_id, circle in found.items() if circle}
    renamed = {old: one.segment_id for one in definitions for old in one.segment.previous_ids if old not in by_id}
    return References(by_id, references, order, circles, _depths(references, circles), renamed)


def reasons_of(broken: Iterable[BrokenDefinition]) -> dict[str, str]:
    """Return the first problem of each definition that cannot be read, for messages of segments that reference it."""
    return {entry.segment_id: str(entry.problems[0]) for entry in broken}


def wrong_references(definitions: Definitions, clock: Clock) -> Iterator[Problem]:
    """Yield references that are circular, or whose segment does not exist or is disabled; this needs no snapshot."""
    failed: dict[str, list[Problem]] = {}
    enabled, disabled = split_disabled(definitions.good, clock)
    references = find_references(enabled)
    for definition, problems in references.wrong(failed, reasons_of(definitions.broken), disabled):
        failed[definition.segment_id] = problems
        yield from map(definition.locate, problems)


def _leaves_first(targets: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """Order segments so that each comes after the ones that it references; within a circle the order is arbitrary."""
    done: dict[str, None] = {}
    for start in targets:
        waiting, opened = [start], set[str]()
        while waiting:
            segment_id = waiting[-1]
            ahead = [target for _, target in targets[segment_id] if target in targets and target not in done]
            if segment_id in opened or not ahead:
                waiting.pop()
                done.setdefault(segment_id)
            else:
                opened.add(segment_id)
                waiting += [target for target in ahead if target not in opened]
    return list(done)


def _circle(start: str, targets: Mapping[str, Sequence[tuple[str, str]]]) -> list[str] | None:
    """Return the shortest path from a segment back to itself, or None if it is not in a circle."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        segment_id = waiting.pop(0)
        for _, target in targets.get(segment_id, ()):
            if target not in came_from:
                came_from[target] = segment_id
                waiting.append(target)
    if start not in came_from:
        return None
    way = [start, came_from[start]]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _depths(targets: Mapping[str, Sequence[tuple[str, str]]], circles: Mapping[str, object]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for segment_id in _leaves_first(targets):
        below = [depths.get(target, 0) for _, target in targets[segment_id] if target not in circles]
        depths[segment_id] = 1 + max(below, default=-1)
    return depths
