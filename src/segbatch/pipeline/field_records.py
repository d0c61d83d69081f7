"""Records of the fields that rules read, which the next run compares its fields with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from segbatch.compiler.plan import Plan
from segbatch.model.manifest import FieldRecord, SegmentRecord
from segbatch.pipeline.predecessor import Predecessor
from segbatch.snapshot.fields.empty_fields import find_empty
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.snapshot.fields.types import Kind, describe, element_type, kind_of
from segbatch.snapshot.snapshot import Snapshot

NOTHING_YET = Kind.NOTHING.value
"""The kind of a field that has never had a value."""

_LIST = "list of "


def find_fields(plan: Plan, snapshot: Snapshot, before: Mapping[str, FieldRecord]) -> dict[str, FieldRecord]:
    """Describe the fields that rules read.

    Args:
        plan: The segments that can be evaluated.
        snapshot: The snapshot, which is scanned for fields without values.
        before: The field records of the previous run.

    Returns:
        One record per field, by field name, sorted by name.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    empty = find_empty(snapshot, plan.fields)
    records = (
        FieldRecord(
            field=name,
            kind=_kind(field.dtype),
            type=str(field.dtype),
            is_mixed=field.is_mixed,
            kinds=field.kinds,
            is_empty=name in empty,
        )
        for name, field in sorted(plan.fields.items())
    )
    return {record.field: _completed(record, before.get(record.field)) for record in records}


def _kind(dtype: pl.DataType) -> str:
    match kind_of(dtype):
        case Kind.LIST:
            return _LIST + _kind(element_type(dtype))
        case Kind.OTHER:
            return describe(dtype)
        case kind:
            return kind.value


def _completed(record: FieldRecord, before: FieldRecord | None) -> FieldRecord:
    """Complete a field without values, or a list without elements, with the types from its earlier record."""
    if before is None:
        return record
    is_bare = record.kind == _LIST + NOTHING_YET and before.kind.startswith(_LIST)
    if not record.is_empty and not is_bare:
        return record
    return record.model_copy(update={name: getattr(before, name) for name in ("kind", "type", "is_mixed", "kinds")})


def fields_when_evaluated(segment_id: str, previous: Predecessor) -> Mapping[str, FieldRecord]:
    """Return the field records from the run that evaluated the members of a segment; empty if unknown."""
    record = previous.segments.get(segment_id)
    if record is None or record.run_id is None:
        return {}
    if record.status == "ok":
        return previous.fields
    return {field.field: field for field in previous.kept_fields.get(segment_id, ())}


def kept_fields(segments: Sequence[SegmentRecord], previous: Predecessor) -> dict[str, tuple[FieldRecord, ...]]:
    """Return the field records for segments that keep older members, from the run that evaluated these."""
    kept = {}
    for segment in segments:
        if segment.status != "ok" and segment.run_id is not None:
            read = {PROJECT_COLUMN, *_fields_in(segment.definition)}
            fields = fields_when_evaluated(segment.segment_id, previous)
            kept[segment.segment_id] = tuple(record for name, record in sorted(fields.items()) if name in read)
    return {segment_id: fields for segment_id, fields in kept.items() if fields}


def _fields_in(definition: Any) -> Iterator[str]:
    """Yield the fields that a definition, given as JSON data, refers to."""
    waiting = [definition]
    while waiting:
        data = waiting.pop()
        if isinstance(data, Mapping):
            yield from (str(value) for key, value in data.items() if key == "field")
            waiting += data.values()
        elif isinstance(data, list | tuple):
            waiting += data
