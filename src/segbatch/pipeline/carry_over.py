"""Segments that keep their previous members: failed segments, and segments that a guard holds back."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from segbatch.compiler.dependencies import named_in
from segbatch.compiler.plan import Plan
from segbatch.definitions.found import Definitions
from segbatch.errors import Problem
from segbatch.model.manifest import SegmentRecord
from segbatch.pipeline.definition_edits import is_edited
from segbatch.pipeline.guardrails import Guard
from segbatch.pipeline.results import relative
from segbatch.storage.recorder import Recorded
from segbatch.text import clipped

_Segments = Mapping[str, SegmentRecord]


def lost_segments(definitions: Definitions, root: Path, before: _Segments) -> dict[str, Problem]:
    """Find missing segments whose definition file has an error, and which are therefore possibly not deleted.

    If a file is not valid JSON, or an id in it is mistyped, a missing id does not prove that the segment was deleted.

    Args:
        definitions: The definitions of this run.
        root: The folder of the definitions.
        before: The segments of the previous run.

    Returns:
        For each such segment, the problem of its file, or of a folder that contains the file.
    """
    wrong: dict[str | None, Problem] = {}
    for entry in definitions.broken:
        wrong.setdefault(relative(entry.file, root), entry.problems[0])
        for problem in entry.problems:
            wrong.setdefault(relative(problem.file, root), problem)
    there = set(definitions.ids)
    lost = {}
    for segment_id, record in before.items():
        places = [record.file, *map(str, Path(record.file).parents)] if record.file else []
        place = next((place for place in places if place in wrong), None)
        if segment_id not in there and place is not None and not record.is_guess:
            lost[segment_id] = wrong[place]
    return lost


def keeping(segment_ids: Iterable[str], before: _Segments) -> list[str]:
    """Return the segments that have members to keep, sorted."""
    return sorted(name for name in segment_ids if name in before and before[name].run_id is not None)


def held_back(plan: Plan, before: _Segments, recorded: Recorded, guard: Guard) -> dict[str, str]:
    """Find the segments that change more than the guard allows, and the segments that refer to them.

    Args:
        plan: The evaluated segments.
        before: The segments of the previous run.
        recorded: The current numbers of members.
        guard: The limits of change.

    Returns:
        For each segment that is held back, the reason.
    """
    held: dict[str, str] = {}
    for entry in plan.segments:
        segment = entry.definition.segment
        last = before.get(segment.id)
        if last is not None and last.run_id is not None:
            sizes = last.member_count, recorded.members[segment.id]
            reason = guard.reason(segment.id, segment.max_change, *sizes, is_edited=is_edited(segment, last))
            if reason:
                held[segment.id] = reason
    return _with_dependents(plan, held)


def _with_dependents(plan: Plan, held: dict[str, str]) -> dict[str, str]:
    """Add the segments that refer to a held segment, directly or through other segments."""
    found = True
    while found:
        found = False
        for entry in plan.segments:
            segment = entry.definition.segment
            named = next((name for _, name in named_in(segment) if name in held), None)
            if named is not None and segment.id not in held:
                held[segment.id] = f"names the segment '{clipped(named)}', which is held"
                found = True
    return held
