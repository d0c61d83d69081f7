"""Fields that rules read: their records for the next run, and their changes since the previous run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from segbatch.compiler.plan import Plan, PlannedSegment
from segbatch.errors import Problem
from segbatch.model.input_records import FieldRecord, ReadingRecord
from segbatch.model.manifest import SegmentRecord
from segbatch.pipeline.guardrails import Guard
from segbatch.pipeline.predecessor import Predecessor
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.snapshot.fields.resolution import Field
from segbatch.snapshot.fields.types import Kind, describe, element_type, kind_of
from segbatch.snapshot.parquet.files import leaves_with_values
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped, counted, some_of

NOTHING_YET = Kind.NOTHING.value
"""The field type of a field that has never had a value."""

_LIST = "list of "
_FIELD_KEYS = {"field", "value_field"}
_BATCH = 10_000


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
            readings=_readings(plan, name),
        )
        for name, field in sorted(plan.fields.items())
    )
    return {record.field: _completed(record, before.get(record.field)) for record in records}


def find_empty(snapshot: Snapshot, fields: Mapping[str, Field]) -> frozenset[str]:
    """Return the fields that have no value for any contact, by the footers of the files, or else by their values.

    Raises:
        SnapshotError: A file cannot be read, or is damaged.
    """
    waiting = {name: field for name, field in fields.items() if field.kind is not Kind.NOTHING}
    unknown = {name: field for name, field in waiting.items() if name not in snapshot.schema.derived}
    for file in snapshot.files if unknown else ():
        found = leaves_with_values(file, {field.leaf for field in unknown.values()})
        unknown = {name: field for name, field in unknown.items() if field.leaf not in found}
        if not unknown:
            break
    return frozenset(fields.keys() - waiting.keys()) | _without_values(snapshot, unknown)


def _without_values(snapshot: Snapshot, fields: Mapping[str, Field]) -> frozenset[str]:
    """Return the fields without a value in the data. Reading stops when each field has shown a value."""
    waiting = dict(fields)
    batches = snapshot.batches({field.leaf for field in fields.values()}, _BATCH)
    while waiting and (batch := next(batches, None)) is not None:
        found = batch.frame.select(field.expr.is_not_null().any().alias(name) for name, field in waiting.items())
        waiting = {name: field for name, field in waiting.items() if not found.item(0, name)}
    return frozenset(waiting)


def _readings(plan: Plan, name: str) -> tuple[ReadingRecord, ...]:
    """Return the types that rules read a field as, with the numbers of values."""
    return tuple(
        ReadingRecord(
            read_as=reading.name,
            is_inferred=reading.is_inferred,
            values=reading.counts.present,
            unreadable=reading.counts.present - reading.counts.readable,
        )
        for (field, _), reading in sorted(plan.readings.items())
        if field == name and reading.counts is not None
    )


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
    if previous.run is not None and record.run_id == previous.run.run.run_id:
        return previous.fields
    return {field.field: field for field in previous.kept_fields.get(segment_id, ())}


def kept_fields(
    segments: Sequence[SegmentRecord], run_id: str, previous: Predecessor
) -> dict[str, tuple[FieldRecord, ...]]:
    """Return the field records for segments that keep older members, from the run that evaluated these.

    Args:
        run_id: The new run, whose segments have records in its own fields.
    """
    kept = {}
    for segment in segments:
        if segment.run_id not in {None, run_id}:
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
            yield from (str(value) for key, value in data.items() if key in _FIELD_KEYS)
            waiting += data.values()
        elif isinstance(data, list | tuple):
            waiting += data


@dataclass(frozen=True, slots=True)
class Drift:
    """A changed field, for one segment that reads it.

    The field is compared with its record from the run that evaluated the segment's members.

    Attributes:
        segment: The segment that reads the field.
        path: The JSON path of the field in the definition.
        message: A description of the change.
    """

    segment: PlannedSegment
    path: str
    message: str

    @property
    def segment_id(self) -> str:
        """The segment's id."""
        return self.segment.definition.segment_id


def find_drifts(
    plan: Plan, fields: Mapping[str, FieldRecord], previous: Predecessor, guard: Guard
) -> tuple[Drift, ...]:
    """Find the fields that have changed.

    Args:
        plan: The segments that can be evaluated.
        guard: The accepted changes; segments whose change is accepted are skipped.

    Returns:
        One drift per segment and field, at the first rule that names the field.
    """
    found = []
    for entry in plan.segments:
        segment_id = entry.definition.segment_id
        if guard.accepts(segment_id):
            continue
        before = fields_when_evaluated(segment_id, previous)
        for name, path in _fields_of(entry).items():
            change = _change(before[name], fields[name]) if name in before and name in fields else None
            if change is not None:
                run = clipped(str(previous.segments[segment_id].run_id))
                found.append(Drift(entry, path, f"the field '{clipped(name)}' {change.format(run=f'run {run}')}"))
    return tuple(found)


def _fields_of(entry: PlannedSegment) -> dict[str, str]:
    """Return the fields that a segment reads, each with the JSON path of its first use."""
    fields = {PROJECT_COLUMN: "$.project_id"} if entry.owner is not None else {}
    for path, rule in entry.definition.segment.rule_paths():
        for name, key in zip(rule.fields, ("field", "value_field"), strict=False):
            fields.setdefault(name, f"{path}.{key}")
    return fields


def _change(before: FieldRecord, now: FieldRecord) -> str | None:
    """Describe how a field changed, with the placeholder `{run}` for the earlier run; None if it did not change."""
    if now.is_empty:
        return None if before.is_empty else "has no value for any contact, and had values in {run}"
    if before.kind == NOTHING_YET:
        return None
    if now.is_mixed and not before.is_mixed:
        return f"has {_several(now)} and is read as text; in {{run}} it was {before.kind}"
    if now.is_mixed and before.kinds and now.kinds != before.kinds:
        return f"has {_several(now)}; in {{run}} they were {', '.join(before.kinds)}"
    return f"is {now.kind}, and was {before.kind} in {{run}}" if now.kind != before.kind else None


def _several(field: FieldRecord) -> str:
    return f"values of several kinds ({', '.join(field.kinds)})" if field.kinds else "values of several kinds"


def drift_warnings(drifts: Sequence[Drift], plan: Plan) -> Iterator[Problem]:
    """Yield one warning per change. It names the segments that read the field, and the segments that refer to these."""
    by_message: dict[str, list[str]] = {}
    for drift in drifts:
        by_message.setdefault(drift.message, []).append(drift.segment_id)
    for message, segment_ids in by_message.items():
        others = list(plan.dependents(segment_ids))
        readers = f"it is read by {counted(len(segment_ids), 'segment')} ({some_of(segment_ids)})"
        through = f", which {counted(len(others), 'other segment')} use ({some_of(others)})" if others else ""
        yield Problem(f"{message}; {readers}{through}; check the export", severity="warning")


def drift_errors(drifts: Sequence[Drift]) -> dict[str, list[Problem]]:
    """Convert the changes to errors of the segments, for `--strict`."""
    errors: dict[str, list[Problem]] = {}
    for drift in drifts:
        advice = f"if that is right, run with --accept {drift.segment_id}"
        problem = Problem(f"{drift.message} (--strict); {advice}", path=drift.path)
        errors.setdefault(drift.segment_id, []).append(drift.segment.definition.locate(problem))
    return errors
