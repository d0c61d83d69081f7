"""The main use case: evaluate definitions over a snapshot and publish the membership."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from segbatch.cluster.base import Cluster
from segbatch.cluster.engine_names import EngineName
from segbatch.cluster.engines import open_engine
from segbatch.compiler.prepare import EvaluationOptions
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.definitions.source import Source
from segbatch.engine.base import Engine
from segbatch.errors import Problem
from segbatch.findings.finding import limit_findings, read_ignored
from segbatch.model.manifest import Manifest
from segbatch.model.run_report import RunReport
from segbatch.observability.events import (
    EventEmitter,
    EventHandler,
    Noted,
    RowsFetched,
    RunEvaluated,
    RunStarted,
    SegmentFailed,
    Warned,
)
from segbatch.pipeline.evaluation import RunEvaluation
from segbatch.pipeline.guardrails import Guard
from segbatch.pipeline.preparation import RunRequest, prepare_run
from segbatch.pipeline.results import run_report
from segbatch.platform.garbage import searching_rarely
from segbatch.snapshot.database.database_copy import DatabaseReader
from segbatch.snapshot.related.sources import Tables
from segbatch.storage.keep import Keep
from segbatch.storage.layout import check_run_id, new_run_id
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.targets.base import PublishTarget
from segbatch.storage.targets.output import open_target

_NO_GUARD, _KEEP = Guard(), Keep()
_LOST = "is missing from this file, which has an error; its members are kept until the file is fixed"


@searching_rarely()
def run(
    contacts: str | Path,
    segments: str | Path | Source = "segments",
    output: str | Path = "output",
    *,
    query: str | None = None,
    schema: str | Path | None = None,
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: str | Path | None = None,
    project: str | None = None,
    only: SegmentFilter = ALL_SEGMENTS,
    as_of: str | datetime | None = None,
    timezone: str = "UTC",
    strict: bool = False,
    lint_ignore: Iterable[str] = (),
    allow_empty: bool = False,
    run_id: str | None = None,
    guard: Guard = _NO_GUARD,
    keep: Keep = _KEEP,
    lock_policy: LockPolicy = FAIL_IF_LOCKED,
    rewind: bool = False,
    dry_run: bool = False,
    engine: Engine | Cluster | EngineName = "local",
    spark_remote: str | None = None,
    buckets: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    events: EventHandler | None = None,
) -> RunReport:
    """Evaluate all segments over a snapshot and publish the membership.

    Args:
        contacts: A Parquet file, a folder of Parquet files, or a glob; on a disk or in object storage. Or the address
            of a database, whose rows are read once before the run.
        query: The query for the contacts in a database; without it, the address names a table after a `#`.
        segments: A JSON file of definitions, or a folder of such files.
        output: The folder to publish in, created if missing; or an address in object storage.
        schema: A schema file, written by `segbatch columns --schema`, to compare the snapshot with.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        tables: The related tables that rules may read, by name: each a path, or a `segbatch.TableSource`.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        project: Evaluate only the segments of this project, over its contacts only.
        only: Evaluate only these segments, and those that they refer to. The other segments keep their members.
        as_of: Evaluate as of this time (ISO 8601, or a datetime with a zone); default now.
        timezone: The IANA name of the run's time zone.
        strict: Whether a custom field that no contact has makes its segment fail.
        lint_ignore: The names of lint findings to leave out of the warnings.
        allow_empty: Whether a snapshot without contacts is allowed.
        run_id: The run id; default a new one. If the last run has the same id, it is replaced.
        guard: The limits of change for segments.
        keep: The earlier runs that keep their members.
        lock_policy: The behaviour when another run is at work on the output.
        rewind: Whether runs with a later `as_of` are rolled back. Rolling back all runs also requires a guard that
            accepts `all`.
        dry_run: Only report the run that would be published, and change nothing.
        engine: `local` for this process, or `spark` for the active Spark session, or else a new one; or an engine or
            cluster of yours.
        spark_remote: The address of a Spark Connect server, for a new session of the engine `spark`.
        buckets: The number of buckets that a cluster cuts the contacts into; by default as the run needs.
        progress: Called regularly with the number of evaluated contacts and the total.
        events: Called with every event (see `segbatch.observability.events`).

    Returns:
        The report of the run. A segment that could not be evaluated is `failed` there, and does not affect others.

    Raises:
        NothingToPublishError: Every segment failed (the error lists all problems), or most segments of the previous run
            are deleted.
        LockedError: Another run is at work on the output.
        UsageError: Definitions are missing; the time zone, time, finding, filter or accepted segment is invalid; or
            later runs would have to be rolled back.
        SnapshotError: The snapshot cannot be used; nothing was published.
        DatabaseError: The database of the contacts cannot be read; nothing was published.
        PublishError: The output cannot be written; the previous run stays published.
        ClusterError: The cluster cannot do the work; nothing was published.
    """
    run_id = new_run_id(datetime.now(UTC)) if run_id is None else check_run_id(run_id)
    ignored, emitter = read_ignored(lint_ignore), EventEmitter(events, progress)
    options = EvaluationOptions(
        contacts,
        id_column,
        custom_fields,
        tables,
        lists,
        project,
        as_of,
        timezone,
        strict,
        allow_empty,
        only=only,
        databases=DatabaseReader(query, progress=lambda address, rows: emitter.emit(RowsFetched(address, rows))),
    )
    source, target = Source.of(segments), open_target(output)
    schema_file = None if schema is None else Path(schema)
    with open_engine(engine, spark_remote, buckets) as opened:
        request = RunRequest(
            run_id, options, source, target, guard, ignored, emitter, opened, rewind, dry_run, schema_file, buckets
        )
        emitter.emit(_started(request, output))
        with nullcontext() if dry_run else target.lock(f"run {run_id}", lock_policy):
            emitter.end_phase("wait")
            evaluation = prepare_run(request)
            _emit_plan(evaluation)
            return _evaluate_only(evaluation, target) if dry_run else _publish(evaluation, target, keep)


def _emit_plan(evaluation: RunEvaluation) -> None:
    prepared, emitter = evaluation.prepared, evaluation.emitter
    emitter.emit(evaluation.planned, *map(Noted, prepared.notes), *map(Warned, limit_findings(prepared.warnings)))
    emitter.emit(*map(SegmentFailed, _failures(evaluation)))
    emitter.end_phase("prepare")


def _evaluate_only(evaluation: RunEvaluation, target: PublishTarget) -> RunReport:
    """Evaluate without writing anything."""
    manifest, notices = evaluation.evaluate(None)
    report = _report(evaluation, manifest, notices, target, target.free_folder(evaluation.run_id))
    report = replace(report, dry_run=True)
    evaluation.emitter.emit(_totals(report))
    return report


def _publish(evaluation: RunEvaluation, target: PublishTarget, keep: Keep) -> RunReport:
    """Evaluate, publish, and prune old runs."""
    emitter = evaluation.emitter
    with target.stage(evaluation.run_id) as staged:
        evaluation = replace(evaluation, publication=target.publication(staged, evaluation.id_types.kept))
        manifest, notices = evaluation.evaluate(staged.path)
        published = target.publish(staged, manifest, evaluation.previous.history)
    report = _report(evaluation, manifest, notices, target, published.history.runs[-1].folder)
    emitter.emit(_totals(report))
    emitter.end_phase("publish")
    warnings = (*published.warnings, *target.prune(published.history, keep, evaluation.started))
    emitter.emit(*map(Warned, warnings))
    emitter.end_phase("prune")
    return replace(report, warnings=(*report.warnings, *warnings))


def _started(request: RunRequest, output: str | Path) -> RunStarted:
    options = request.options
    as_of = options.as_of.isoformat() if isinstance(options.as_of, datetime) else options.as_of
    paths = options.place, str(request.source.path), str(output)
    return RunStarted(request.run_id, *paths, as_of, options.timezone, options.project, request.dry_run)


def _totals(report: RunReport) -> RunEvaluated:
    return RunEvaluated(report.run, len(report.deleted), report.taken_back, report.dry_run)


def _report(
    evaluation: RunEvaluation, manifest: Manifest, notices: Sequence[Problem], target: PublishTarget, folder: str
) -> RunReport:
    prepared, rewound = evaluation.prepared, evaluation.previous.rewound
    return run_report(manifest, prepared, notices, _failures(evaluation), rewound, target, folder)


def _failures(evaluation: RunEvaluation) -> Sequence[Problem]:
    """Return the reasons why segments cannot be evaluated."""
    lost = sorted((cause.file or "", name) for name, cause in evaluation.missing.lost.items())
    return (*evaluation.prepared.errors, *(Problem(_LOST, file=file, segment_id=name) for file, name in lost))
