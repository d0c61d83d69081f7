"""The manifest records of a run, from its plan and the recorded results."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from segbatch.compiler.clock import Clock
from segbatch.compiler.plan import Plan
from segbatch.definitions.definition import BrokenDefinition, Definition, Definitions
from segbatch.errors import Problem
from segbatch.model.manifest import RunRecord, SegmentRecord, SnapshotRecord
from segbatch.snapshot.hive_partitions import partition_text
from segbatch.storage.recorder import Recorded
from segbatch.version import __version__

_OF_DEFINITION = ("project_id", "name", "description", "list_id", "definition", "fingerprint")
_LIBRARIES = ("polars", "pyarrow", "duckdb", "pydantic")


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
        lost: For each segment that is missing from a file with an error, that error.
    """

    run_id: str
    definitions: Definitions
    root: Path
    plan: Plan
    recorded: Recorded
    before: Mapping[str, SegmentRecord]
    held: Mapping[str, str]
    lost: Mapping[str, Problem]


def segment_records(outcome: Outcome) -> tuple[SegmentRecord, ...]:
    """Return one record per segment, ordered by id."""
    good = [_record(entry, outcome) for entry in outcome.definitions.good]
    broken = [_broken_record(entry, outcome) for entry in outcome.definitions.broken]
    lost = [_lost_record(outcome.before[segment_id], cause, outcome) for segment_id, cause in outcome.lost.items()]
    return tuple(sorted(good + broken + lost, key=lambda record: record.segment_id))


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
        fingerprint=_fingerprint(segment.to_json()),
        status="ok",
    )
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


def _keeping(record: SegmentRecord, outcome: Outcome) -> SegmentRecord:
    """Return the record of a segment that keeps its previous members, if any, and the definition that they follow."""
    before = outcome.before.get(record.segment_id)
    if before is None or before.run_id is None:
        return record.model_copy(update={"member_count": 0, "entered": None, "exited": None, "run_id": None})
    kept: dict[str, object] = {"member_count": before.member_count, "entered": 0, "exited": 0, "run_id": before.run_id}
    if before.definition is not None:
        waiting = record.definition if record.definition != before.definition else None
        kept |= {name: getattr(before, name) for name in _OF_DEFINITION} | {"pending_definition": waiting}
    return record.model_copy(update=kept)


def _broken_record(entry: BrokenDefinition, outcome: Outcome) -> SegmentRecord:
    record = SegmentRecord(
        segment_id=entry.segment_id,
        project_id=entry.project_id,
        name=entry.text("name"),
        description=entry.text("description"),
        list_id=entry.text("list_id"),
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


def relative(file: str | None, root: Path) -> str | None:
    """Return the path of a definition file relative to the folder of the definitions."""
    return None if file is None else os.path.relpath(file, root)


def _fingerprint(definition: Any) -> str:
    """Return a checksum of a definition that does not depend on the layout of its JSON."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _content_of(file: SnapshotRecord) -> str:
    """Return the facts that determine the contacts of a file: its checksum, and the columns in its path."""
    return file.sha256 + partition_text(file.path)


def run_record(
    run_id: str,
    clock: Clock,
    started: datetime,
    project: str | None,
    segments: Sequence[SegmentRecord],
    snapshot: Sequence[SnapshotRecord],
) -> RunRecord:
    """Return the record of a run after everything is evaluated and written.

    Args:
        clock: The evaluation time and the time zone.
        project: The project that the run was limited to; None for all.
        snapshot: The files that the run read.
    """
    failed = sum(segment.status == "failed" for segment in segments)
    held = sum(segment.status == "held" for segment in segments)
    return RunRecord(
        run_id=run_id,
        as_of=clock.as_of,
        timezone=clock.timezone.key,
        started_at=started,
        finished_at=datetime.now(UTC),
        project_id=project,
        status="partial" if failed or held else "ok",
        contacts=sum(file.rows for file in snapshot),
        segments_ok=len(segments) - failed - held,
        segments_failed=failed,
        segments_held=held,
        memberships=sum(segment.member_count for segment in segments),
        snapshot_fingerprint=hashlib.sha256("\n".join(map(_content_of, snapshot)).encode()).hexdigest(),
        version=__version__,
    )


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result can depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
