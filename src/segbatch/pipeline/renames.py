"""Renamed segments: a segment continues the members and the history that it had under an earlier id."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from segbatch.definitions.definition import Definitions, Entry
from segbatch.errors import Problem
from segbatch.model.manifest import SegmentRecord
from segbatch.pipeline.predecessor import Predecessor


def follow_renames(previous: Predecessor, definitions: Definitions) -> Predecessor:
    """Give the segments of the previous run the ids that they have now.

    A segment is renamed if it was not in the previous run, but a segment of the same project with one of its
    `previous_ids` was, and no segment has that id now.

    Args:
        definitions: All definitions of the run's project, also those that are not evaluated.
    """
    new_ids = dict[str, str]()
    entries: list[Entry] = [*definitions.good, *definitions.broken]
    defined = set(definitions.ids)
    for definition in entries:
        old = _find_earlier(definition, defined, previous.segments)
        if old is not None:
            new_ids.setdefault(old, definition.segment_id)
    if not new_ids:
        return previous
    if previous.state is not None:
        previous.state.bitmap = previous.state.bitmap.renamed(new_ids)
    segments = (_renamed(record, new_ids.get(record.segment_id)) for record in previous.segments.values())
    return replace(
        previous,
        segments={record.segment_id: record for record in segments},
        kept_fields={new_ids.get(name, name): fields for name, fields in previous.kept_fields.items()},
        renamed=new_ids,
    )


def _find_earlier(definition: Entry, defined: Collection[str], before: Mapping[str, SegmentRecord]) -> str | None:
    """Return the id that a segment had in the previous run, if that is another one; the last of several."""
    if definition.segment_id in before:
        return None
    earlier = reversed(definition.previous_ids)
    return next(
        (old for old in earlier if old in before and old not in defined and _is_same(definition, before[old])), None
    )


def _is_same(definition: Entry, record: SegmentRecord) -> bool:
    return record.project_id == definition.project_id


def _renamed(record: SegmentRecord, new_id: str | None) -> SegmentRecord:
    if new_id is None:
        return record
    definition = record.definition
    if isinstance(definition, Mapping) and "id" in definition:
        definition = {**definition, "id": new_id}
    return record.model_copy(update={"segment_id": new_id, "definition": definition})


def ignored_renames(previous: Predecessor, definitions: Definitions) -> list[Problem]:
    """Return a warning for each segment that was renamed to an id that the previous run has for another segment.

    Args:
        previous: The previous run, with the ids that segments had then.
        definitions: All definitions of the run's project, also those that are not evaluated.
    """
    warnings = list[Problem]()
    entries: list[Entry] = [*definitions.good, *definitions.broken]
    for definition in entries:
        last = previous.segments.get(definition.segment_id)
        new = {*definition.previous_ids} - _recorded_ids(last) - {definition.segment_id} if last else set[str]()
        old = min(new & previous.segments.keys(), default=None)
        if old is not None:
            what = (
                f"the segment was '{old}', but the last run had another segment with its new id, which it continues now"
            )
            advice = f"to continue '{old}', take back the change, run, and rename the segment to a new id"
            warnings.append(Problem(f"{what}; {advice}", segment_id=definition.segment_id, severity="warning"))
    return warnings


def _recorded_ids(record: SegmentRecord) -> set[str]:
    """Return the earlier ids of a segment that were known in the previous run."""
    definition = record.definition
    return {*definition.get("previous_ids", ())} if isinstance(definition, Mapping) else set()


def renaming_notes(new_ids: Mapping[str, str]) -> list[Problem]:
    """Return one note per renamed segment."""
    return [
        Problem(f"continues the segment '{old}' of the last run, which was renamed", segment_id=new, severity="note")
        for old, new in sorted(new_ids.items())
    ]
