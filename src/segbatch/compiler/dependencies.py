"""Segments that name segments: their order, and what can be wrong with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from segbatch.definitions.loader import BrokenDefinition, Definition, Definitions
from segbatch.errors import Problem
from segbatch.model.limits import MAX_CHAIN
from segbatch.model.segment import Segment
from segbatch.text import did_you_mean, shown

__all__ = ["References", "find_references", "named_in", "reasons_of", "wrong_references"]


@dataclass(frozen=True, slots=True)
class References:
    """Who names whom.

    Attributes:
        definitions: The segments by id.
        named: For each segment, the path of each rule that names one, and the id that stands there.
        order: The ids of all segments that others name, each behind the ones that it names itself.
        circles: For each segment that names itself in the end, the way from it back to it.
        depths: How many segments name each other in a row, down from each segment.
    """

    definitions: Mapping[str, Definition]
    named: Mapping[str, Sequence[tuple[str, str]]]
    order: tuple[str, ...]
    circles: Mapping[str, Sequence[str]]
    depths: Mapping[str, int]

    def wrong(
        self, failed: Mapping[str, Sequence[Problem]], broken: Mapping[str, str]
    ) -> Iterator[tuple[Definition, list[Problem]]]:
        """Find the segments that cannot be evaluated because of one that they name.

        Args:
            failed: What has failed so far; what is yielded here is to be added to it before the next is asked for.
            broken: For each definition that cannot be read, its first problem.

        Yields:
            A segment and its problems; those that are named come before those that name them.
        """
        for segment_id in _leaves_first(self.named):
            problems = [
                Problem(reason, path=f"{path}.value")
                for path, target in self.named[segment_id]
                if (reason := self._reason(segment_id, target, failed, broken)) is not None
            ]
            if problems:
                yield self.definitions[segment_id], problems

    def _reason(
        self, segment_id: str, target: str, failed: Mapping[str, Sequence[Problem]], broken: Mapping[str, str]
    ) -> str | None:
        if segment_id in self.circles and target == self.circles[segment_id][1]:
            return f"the segments go round in a circle: {' -> '.join(self.circles[segment_id])}"
        if target in broken:
            return f"segment {shown(target)} cannot be read: {broken[target]}"
        if target not in self.definitions:
            return f"there is no segment {shown(target)}{did_you_mean(target, self.definitions)}"
        if target in failed:
            return f"segment {shown(target)} failed: {failed[target][0].message}"
        if self.depths[segment_id] > MAX_CHAIN:
            return f"more than {MAX_CHAIN} segments name each other in a row"
        return None


def find_references(definitions: Sequence[Definition]) -> References:
    """Find which segments name which, in what order they can be evaluated, and the circles."""
    by_id = {definition.segment_id: definition for definition in definitions}
    named = {segment_id: list(named_in(definition.segment)) for segment_id, definition in by_id.items()}
    targets = {target for pairs in named.values() for _, target in pairs}
    order = tuple(segment_id for segment_id in _leaves_first(named) if segment_id in targets)
    circles = {segment_id: circle for segment_id in targets & named.keys() if (circle := _circle(segment_id, named))}
    return References(by_id, named, order, circles, _depths(named, circles))


def reasons_of(broken: Iterable[BrokenDefinition]) -> dict[str, str]:
    """Return the first problem of each definition that cannot be read, for those that name it."""
    return {entry.segment_id: str(entry.problems[0]) for entry in broken}


def wrong_references(definitions: Definitions) -> Iterator[Problem]:
    """Find circles, and segments that are named and not there; no snapshot is needed to tell."""
    failed: dict[str, list[Problem]] = {}
    references = find_references(definitions.good)
    for definition, problems in references.wrong(failed, reasons_of(definitions.broken)):
        failed[definition.segment_id] = problems
        yield from map(definition.locate, problems)


def named_in(segment: Segment) -> Iterator[tuple[str, str]]:
    """Yield the ids of the segments that a segment names, each with the place of the rule."""
    return ((path, str(rule.value)) for path, rule in segment.rule_paths() if rule.shape == "segment")


def _leaves_first(named: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """Order segments so that each comes behind the ones that it names, as far as there is no circle."""
    done: dict[str, None] = {}
    for start in named:
        waiting, opened = [start], set[str]()
        while waiting:
            segment_id = waiting[-1]
            ahead = [target for _, target in named[segment_id] if target in named and target not in done]
            if segment_id in opened or not ahead:
                waiting.pop()
                done.setdefault(segment_id)
            else:
                opened.add(segment_id)
                waiting += [target for target in ahead if target not in opened]
    return list(done)


def _circle(start: str, named: Mapping[str, Sequence[tuple[str, str]]]) -> list[str] | None:
    """Return the shortest way from a segment back to itself, if there is one."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        segment_id = waiting.pop(0)
        for _, target in named.get(segment_id, ()):
            if target not in came_from:
                came_from[target] = segment_id
                waiting.append(target)
    if start not in came_from:
        return None
    way = [start, came_from[start]]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _depths(named: Mapping[str, Sequence[tuple[str, str]]], circles: Mapping[str, object]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for segment_id in _leaves_first(named):
        below = [depths.get(target, 0) for _, target in named[segment_id] if target not in circles]
        depths[segment_id] = 1 + max(below, default=-1)
    return depths
