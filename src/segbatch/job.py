"""The one use case: definitions and a snapshot in, a published membership out."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segbatch.contacts.ids import IdCheck, ids_as_series
from segbatch.contacts.snapshot import Snapshot
from segbatch.definitions.loading import load_definitions
from segbatch.engines.local import evaluate
from segbatch.errors import NothingToPublishError, Problem
from segbatch.preparing import Prepared, Question, prepare
from segbatch.publishing.membership import MEMBERSHIP, MembershipWriter
from segbatch.publishing.publish import RUNS, publish, staging
from segbatch.publishing.recording import run_record, segment_records
from segbatch.publishing.records import Manifest, PublishedFile, RunRecord, SegmentRecord, SnapshotRecord

__all__ = ["Progress", "RunReport", "run"]

_ID_BATCH = 1_000_000

Progress = Callable[[int, int], None]
"""Told, now and then, how many contacts are done and how many there are."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        run: The run, as the `runs` table has it.
        segments: Its segments, ordered by id, as the `segments` table has them.
        errors: Why segments failed.
        warnings: What was legal and often is a mistake.
        catalogue: The DuckDB file that analysts open.
        membership: The folder with the membership's Parquet files.
    """

    run: RunRecord
    segments: tuple[SegmentRecord, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    catalogue: Path
    membership: Path


def run(
    contacts: str | Path,
    segments: str | Path = "segments",
    output: str | Path = "output",
    *,
    id_column: str = "id",
    project: str | None = None,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
    allow_empty: bool = False,
    progress: Progress | None = None,
) -> RunReport:
    """Evaluate every segment over a snapshot and publish the membership.

    Args:
        contacts: A Parquet file, a folder of them, or a glob.
        segments: A JSON file of definitions, or a folder of such files.
        output: The folder to publish in; it is made if it is not there.
        id_column: The column with the contacts' ids.
        project: Evaluate the segments of this project alone, over its contacts alone.
        as_of: The moment for which the run holds (ISO 8601, or a datetime with a zone); now, if not given.
        timezone: The IANA name of the run's time zone.
        strict: Whether a custom field that no contact has makes its segment fail.
        allow_empty: Whether a snapshot without contacts is meant so.
        progress: Told how far the run is.

    Returns:
        What the run did. A segment that could not be evaluated is `failed` there, and hurts no other.

    Raises:
        NothingToPublishError: Not one segment can be evaluated; it names all the problems.
        LockedError: Another run is at work on the output.
        UsageError: There is no definition, no such time zone, or no such time.
        SnapshotError: The snapshot cannot be used; nothing was published.
        PublishError: The output cannot be written; what was published before stands.
    """
    started = datetime.now(UTC)
    question = Question(
        contacts, id_column, project, started if as_of is None else as_of, timezone, strict, allow_empty
    )
    prepared = prepare(question, load_definitions(Path(segments)))
    _ensure_some_segment(prepared)
    run_id = _new_run_id(started)
    folder = Path(output)
    with staging(folder, run_id) as staged:
        file, counts, read = _evaluate(prepared, staged, progress)
        records = segment_records(prepared.definitions, prepared.plan, counts, run_id)
        record = run_record(run_id, prepared.clock, started, records, read)
        warnings = tuple(map(str, prepared.warnings))
        manifest = Manifest(run=record, segments=records, snapshot=read, files=(file,), warnings=warnings)
        catalogue = publish(folder, staged, manifest)
    membership = folder / RUNS / run_id / MEMBERSHIP
    return RunReport(record, records, tuple(prepared.errors), tuple(prepared.warnings), catalogue, membership)


def _ensure_some_segment(prepared: Prepared) -> None:
    """Refuse to publish where every segment failed: that is a wrong path or a wrong export, not an empty audience."""
    if not prepared.plan.segments:
        nothing = Problem("no segment can be evaluated; nothing was published")
        raise NothingToPublishError([*prepared.errors, nothing])


def _evaluate(
    prepared: Prepared, folder: Path, progress: Progress | None
) -> tuple[PublishedFile, dict[str, int], tuple[SnapshotRecord, ...]]:
    """Evaluate and write; at the same time check the ids and digest the files that are read."""
    plan, snapshot = prepared.plan, prepared.snapshot
    segment_ids = [segment.definition.segment_id for segment in plan.segments]
    ids, done, counts = IdCheck(snapshot.id_column), 0, [0] * len(segment_ids)
    with (
        ThreadPoolExecutor(1, "digest") as pool,
        MembershipWriter(folder, segment_ids, snapshot.id_type) as writer,
    ):
        digests = pool.submit(_digest, snapshot)
        for members in evaluate(plan, snapshot):
            writer.write(members.ids, members.counts, members.rows)
            ids.add(ids_as_series(members.ids))
            counts = [total + more for total, more in zip(counts, members.counts, strict=True)]
            done += len(members.ids)
            if progress:
                progress(done, snapshot.rows)
        ids.finish(lambda: snapshot.ids(_ID_BATCH))
        return writer.finish(), dict(zip(segment_ids, counts, strict=True)), digests.result()


def _digest(snapshot: Snapshot) -> tuple[SnapshotRecord, ...]:
    return tuple(
        SnapshotRecord(path=str(file.path), rows=file.rows, size=file.size, sha256=file.digest())
        for file in snapshot.files
    )


def _new_run_id(started: datetime) -> str:
    """Return an id that sorts by time and that no other run has."""
    return f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
