"""What a run is known by afterwards: from its plan and its counts to the records of the manifest."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from segbatch.compiler.clock import Clock
from segbatch.compiler.plan import Plan
from segbatch.definitions.loading import BrokenDefinition, Definition, Definitions
from segbatch.publishing.records import RunRecord, SegmentRecord, SnapshotRecord
from segbatch.version import __version__

__all__ = ["run_record", "segment_records"]


def segment_records(
    definitions: Definitions, plan: Plan, counts: Mapping[str, int], run_id: str
) -> tuple[SegmentRecord, ...]:
    """Tell what became of each segment.

    Args:
        definitions: All of them, good and broken.
        plan: What of them could be planned.
        counts: The members of each segment that was evaluated.
        run_id: The run's id.

    Returns:
        A record a segment, ordered by id.
    """
    good = [_record(entry, plan, counts, run_id) for entry in definitions.good]
    broken = [_broken_record(entry) for entry in definitions.broken]
    return tuple(sorted(good + broken, key=lambda record: record.segment_id))


def _record(entry: Definition, plan: Plan, counts: Mapping[str, int], run_id: str) -> SegmentRecord:
    segment, problems = entry.segment, plan.failed.get(entry.segment_id, ())
    return SegmentRecord(
        segment_id=segment.id,
        project_id=segment.project_id,
        name=segment.name,
        description=segment.description,
        list_id=segment.list_id,
        definition=segment.to_json(),
        status="failed" if problems else "ok",
        error="\n".join(map(str, problems)) or None,
        member_count=counts.get(segment.id, 0),
        run_id=None if problems else run_id,
    )


def _broken_record(entry: BrokenDefinition) -> SegmentRecord:
    return SegmentRecord(
        segment_id=entry.segment_id,
        project_id=entry.text("project_id"),
        name=entry.text("name"),
        description=entry.text("description"),
        list_id=entry.text("list_id"),
        definition=entry.data,
        status="failed",
        error="\n".join(map(str, entry.problems)),
    )


def run_record(
    run_id: str,
    clock: Clock,
    started: datetime,
    segments: Sequence[SegmentRecord],
    snapshot: Sequence[SnapshotRecord],
) -> RunRecord:
    """Tell what a run was, once everything is evaluated and written.

    Args:
        run_id: Its id.
        clock: What time was in it.
        started: When it began.
        segments: What became of each segment.
        snapshot: The files that it read.
    """
    failed = sum(segment.status == "failed" for segment in segments)
    return RunRecord(
        run_id=run_id,
        as_of=clock.as_of,
        timezone=clock.timezone.key,
        started_at=started,
        finished_at=datetime.now(UTC),
        status="partial" if failed else "ok",
        contacts=sum(file.rows for file in snapshot),
        segments_ok=len(segments) - failed,
        segments_failed=failed,
        segments_held=0,
        memberships=sum(segment.member_count for segment in segments),
        snapshot_fingerprint=hashlib.sha256("\n".join(file.sha256 for file in snapshot).encode()).hexdigest(),
        version=__version__,
    )
