"""Segments that keep their previous members: failed segments, and segments that a guard holds back."""

from collections.abc import Iterable, Mapping
from typing import Any

from segbatch.compiler.plan import Plan
from segbatch.model.manifest import SegmentRecord
from segbatch.model.segment import Segment
from segbatch.pipeline.guardrails import Guard
from segbatch.pipeline.tables import EmptyTables
from segbatch.storage.recorder import Recorded
from segbatch.text import clipped

MEANING = ("project_id", "match", "rules")
"""The keys of a definition that decide which contacts are in the segment.

The definitions of referenced segments are not included: these have rules of their own.
"""

_DEFAULTS: Mapping[str, Any] = {"match": "all", "ignore_case": False}

_Segments = Mapping[str, SegmentRecord]


def with_members(segment_ids: Iterable[str], before: _Segments) -> list[str]:
    """Return the segments that have members of a previous run, sorted."""
    return sorted(name for name in segment_ids if name in before and before[name].run_id is not None)


def find_excessive_changes(
    plan: Plan, before: _Segments, recorded: Recorded, guard: Guard, tables: EmptyTables | None = None
) -> dict[str, str]:
    """Find the segments that change more than the guard allows, and the segments that refer to them.

    Args:
        recorded: The current numbers of members.
        tables: The related tables without rows.

    Returns:
        For each segment that is held back, the reason.
    """
    held: dict[str, str] = {}
    for entry in plan.segments:
        segment = entry.definition.segment
        last = before.get(segment.id)
        if last is not None and last.run_id is not None:
            sizes = last.member_count, recorded.members[segment.id]
            missing = tables.unexpected(_tables_of(segment), last.status) if tables else ()
            reason = guard.reason_of_tables(segment.id, missing)
            reason = reason or guard.reason(segment.id, segment.max_change, *sizes, is_edited=is_edited(segment, last))
            if reason:
                held[segment.id] = reason
    return _with_dependents(plan, held)


def _tables_of(segment: Segment) -> set[str]:
    return {rule.table for _, rule in segment.table_rules()}


def _with_dependents(plan: Plan, held: dict[str, str]) -> dict[str, str]:
    """Add the segments that refer to a held segment, directly or through other segments."""
    found = True
    while found:
        found = False
        for entry in plan.segments:
            segment = entry.definition.segment
            target = next((target for _, target in segment.references() if target in held), None)
            if target is not None and segment.id not in held:
                held[segment.id] = f"refers to the segment '{clipped(target)}', which is held"
                found = True
    return held


def is_edited(segment: Segment, before: SegmentRecord) -> bool:
    """Return whether the rules of a segment differ from those that its members were evaluated with.

    Changes of names, and defaults that are written out, do not count.

    Args:
        before: Its record in the previous run.

    Returns:
        Whether the rules differ; False if the previous definition is unknown.
    """
    return isinstance(before.definition, dict) and _meaning(segment.to_json()) != _meaning(before.definition)


def _meaning(definition: Mapping[str, Any]) -> Any:
    return _without_defaults({key: definition.get(key, _DEFAULTS.get(key)) for key in MEANING})


def _without_defaults(data: Any) -> Any:
    """Remove the keys that a definition may omit."""
    if isinstance(data, Mapping):
        return {
            key: _without_defaults(value)
            for key, value in data.items()
            if value is not None and (key not in _DEFAULTS or value != _DEFAULTS[key])
        }
    return [_without_defaults(item) for item in data] if isinstance(data, list | tuple) else data
