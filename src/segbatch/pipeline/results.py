"""The manifest records and the report of a run, from its plan and the recorded results."""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pydantic

from segbatch.compiler.clock import Clock
from segbatch.compiler.lifecycle import expiry_of
from segbatch.compiler.plan import Plan
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.definitions.definition import BrokenDefinition, Definition, Definitions
from segbatch.definitions.value_lists import NO_LISTS, Lists, lists_in
from segbatch.errors import Problem
from segbatch.model.examples import without_examples
from segbatch.model.input_records import ListRecord, SnapshotRecord, SourceRecord
from segbatch.model.manifest import Buckets, Manifest, PastRun, RunRecord, SegmentRecord
from segbatch.model.run_report import RunReport
from segbatch.pipeline.missing_segments import MissingSegments, relative
from segbatch.platform.version import __version__
from segbatch.snapshot.hive_partitions import partition_text
from segbatch.snapshot.related.query import TableCounts
from segbatch.storage.recorder import Recorded
from segbatch.storage.targets.base import PublishTarget

_OF_DEFINITION = (
    "project_id",
    "name",
    "description",
    "list_id",
    "definition",
    "owner",
    "tags",
    "expires_at",
    "fingerprint",
)
"""The columns of a segment that follow the definition of its members."""

_LIBRARIES = (pl, pa, duckdb, pydantic)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of all segments of a run.

    Attributes:
        definitions: All definitions, valid and broken.
        root: The folder of the definitions.
        plan: The segments that could be planned.
        recorded: The results of evaluated segments, and of segments that kept their members.
        before: The segments of the previous run, by id.
        held: The reason for each segment that was held back.
        clock: The evaluation time and the time zone.
        missing: The segments of the previous run that have no definition now, or are left out.
        tables: For each related table that rules read, the number of its rows.
        lists: The lists that rules name.
        buckets: The buckets of a run on a cluster.
    """

    run_id: str
    definitions: Definitions
    root: Path
    plan: Plan
    recorded: Recorded
    before: Mapping[str, SegmentRecord]
    held: Mapping[str, str]
    clock: Clock
    missing: MissingSegments
    tables: Mapping[str, TableCounts] = field(default_factory=dict)
    lists: Lists = NO_LISTS
    buckets: Buckets | None = None


def segment_records(outcome: Outcome) -> tuple[SegmentRecord, ...]:
    """Return one record per segment, ordered by id."""
    good = [_record(entry, outcome) for entry in outcome.definitions.good]
    broken = [_broken_record(entry, outcome) for entry in outcome.definitions.broken]
    before, missing = outcome.before, outcome.missing
    lost = [_lost_record(before[segment_id], cause, outcome) for segment_id, cause in missing.lost.items()]
    left_out = [_unchanged(before[segment_id]) for segment_id in missing.left_out]
    return tuple(sorted(good + broken + lost + left_out, key=lambda record: record.segment_id))


def _record(entry: Definition, outcome: Outcome) -> SegmentRecord:
    segment = entry.segment
    record = SegmentRecord(
        segment_id=segment.id,
        project_id=segment.project_id,
        name=segment.name,
        description=segment.description,
        list_id=segment.list_id,
        definition=segment.to_json(),
        file=relative(entry.file, outcome.root),
        fingerprint=_fingerprint_of(entry, outcome.lists),
        status="ok",
        owner=segment.owner,
        tags=segment.tags,
        expires_at=expiry_of(segment, outcome.clock),
    )
    if segment.id in outcome.plan.disabled:
        return record.model_copy(update=_left(segment.id, outcome))
    if problems := outcome.plan.failed.get(segment.id):
        error = "\n".join(map(str, problems))
        return _keeping(record.model_copy(update={"status": "failed", "error": error}), outcome)
    if reason := outcome.held.get(segment.id):
        return _keeping(record.model_copy(update={"status": "held", "error": reason}), outcome)
    return record.model_copy(update=_found(segment.id, outcome))


def _found(segment_id: str, outcome: Outcome) -> dict[str, object]:
    recorded = outcome.recorded
    return {
        "member_count": recorded.members[segment_id],
        "entered": recorded.entered[segment_id] if recorded.is_compared else None,
        "exited": recorded.exited[segment_id] if recorded.is_compared else None,
        "run_id": outcome.run_id,
    }


def _left(segment_id: str, outcome: Outcome) -> dict[str, object]:
    """Return the result of a disabled segment: all members that it had have left."""
    recorded = outcome.recorded
    changes = {"entered": 0, "exited": recorded.exited[segment_id]} if recorded.is_compared else {}
    return {"status": "disabled", **changes}


def _unchanged(before: SegmentRecord) -> SegmentRecord:
    """Return the record of a segment that is left out: as it was last evaluated, without changes in this run."""
    has_changes = before.run_id is not None or before.status == "disabled"
    return before.model_copy(update={"entered": 0, "exited": 0} if has_changes else {})


def _keeping(record: SegmentRecord, outcome: Outcome) -> SegmentRecord:
    """Return the record of a segment that keeps its previous members, if any, and the definition that they follow."""
    before = outcome.before.get(record.segment_id)
    if before is None or before.run_id is None:
        return record.model_copy(update={"member_count": 0, "entered": None, "exited": None, "run_id": None})
    kept: dict[str, object] = {"member_count": before.member_count, "entered": 0, "exited": 0, "run_id": before.run_id}
    if before.definition is not None:
        is_same = without_examples(record.definition) == without_examples(before.definition)
        waiting = None if is_same else record.definition
        kept |= {name: getattr(before, name) for name in _OF_DEFINITION} | {"pending_definition": waiting}
    return record.model_copy(update=kept)


def _broken_record(entry: BrokenDefinition, outcome: Outcome) -> SegmentRecord:
    record = SegmentRecord(
        segment_id=entry.segment_id,
        project_id=entry.project_id,
        name=entry.text("name"),
        description=entry.text("description"),
        list_id=entry.text("list_id"),
        owner=entry.owner,
        tags=entry.tags,
        definition=entry.data,
        file=relative(entry.file, outcome.root),
        fingerprint=None if entry.data is None else _fingerprint(entry.data),
        status="failed",
        error="\n".join(map(str, entry.problems)),
    )
    return _keeping(record, outcome)


def _lost_record(before: SegmentRecord, cause: Problem, outcome: Outcome) -> SegmentRecord:
    error = f"is missing from its file, which has an error: {cause}"
    record = before.model_copy(update={"status": "failed", "error": error, "pending_definition": None})
    return _keeping(record, outcome)


def _fingerprint_of(entry: Definition, lists: Lists) -> str:
    """Return a checksum of a segment and of the lists that it names; a changed list is a change of the segment.

    Examples do not count: they cannot change the members.
    """
    names = {name for _, name in lists_in(entry)} & lists.found.keys()
    definition = without_examples(entry.segment.to_json())
    digests = {name: lists.found[name].sha256 for name in names}
    return _fingerprint({**definition, "$lists": digests} if digests else definition)


def list_records(lists: Lists) -> tuple[ListRecord, ...]:
    """Return one record per list, ordered by name."""
    found = sorted(lists.found.values(), key=lambda entry: entry.name)
    return tuple(ListRecord(name=one.name, path=one.file, values=len(one.values), sha256=one.sha256) for one in found)


def _fingerprint(definition: Any) -> str:
    """Return a checksum of a definition that does not depend on the layout of its JSON."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _fingerprint_of_snapshot(files: Sequence[SnapshotRecord], source: SourceRecord | None) -> str:
    """Return a checksum of the facts that determine the contacts of a snapshot.

    For files on their own, these are the checksums of the files and the columns in their paths. A version of a table
    never changes, and its files are never written again under their name.
    """
    if source is None:
        facts = [f"{file.sha256}{partition_text(file.path)}" for file in files]
    else:
        facts = [source.model_dump_json(), *(f"{PurePosixPath(file.path).name}:{file.size}" for file in files)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def run_record(
    outcome: Outcome,
    started: datetime,
    project: str | None,
    segments: Sequence[SegmentRecord],
    snapshot: Sequence[SnapshotRecord],
    source: SourceRecord | None = None,
) -> RunRecord:
    """Return the record of a run after everything is evaluated and written.

    Args:
        project: The project that the run was limited to; None for all.
        snapshot: The files that the run read.
        source: The version of a table that the files belong to.
    """
    left_out, clock = outcome.missing.left_out, outcome.clock
    number = Counter(segment.status for segment in segments if segment.segment_id not in left_out)
    return RunRecord(
        run_id=outcome.run_id,
        as_of=clock.as_of,
        timezone=clock.timezone.key,
        started_at=started,
        finished_at=datetime.now(UTC),
        project_id=project,
        status="partial" if number["failed"] or number["held"] else "ok",
        contacts=sum(file.rows for file in snapshot),
        segments_ok=number["ok"],
        segments_failed=number["failed"],
        segments_held=number["held"],
        segments_disabled=number["disabled"],
        segments_left_out=len(left_out),
        memberships=sum(segment.member_count for segment in segments),
        snapshot_fingerprint=_fingerprint_of_snapshot(snapshot, source),
        version=__version__,
    )


def run_report(
    manifest: Manifest,
    prepared: PreparedEvaluation,
    notices: Sequence[Problem],
    failures: Sequence[Problem],
    rewound: Sequence[PastRun],
    target: PublishTarget,
    folder: str,
) -> RunReport:
    """Return the report of a run.

    Args:
        notices: Warnings and notes about the evaluation.
        failures: The reasons why segments could not be evaluated.
        rewound: The runs that are rolled back.
        folder: The name of the run's folder.
    """
    evaluated = (entry for entry in manifest.segments if entry.segment_id not in manifest.left_out)
    held = (entry for entry in evaluated if entry.status == "held")
    errors = (*failures, *(Problem(entry.error or "", segment_id=entry.segment_id) for entry in held))
    return RunReport(
        run=manifest.run,
        segments=manifest.segments,
        deleted=manifest.deleted,
        errors=errors,
        warnings=(*prepared.warnings, *(notice for notice in notices if notice.severity == "warning")),
        notes=(*prepared.notes, *(notice for notice in notices if notice.severity == "note")),
        tables=manifest.tables,
        catalogue=target.catalogue,
        membership=target.membership(folder),
        left_out=manifest.left_out,
        taken_back=tuple(past.run.run_id for past in rewound),
    )


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result can depend on."""
    return {"python": platform.python_version(), **{library.__name__: library.__version__ for library in _LIBRARIES}}
