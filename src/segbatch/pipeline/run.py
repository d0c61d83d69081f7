"""The main use case: evaluate definitions over a snapshot and publish the membership."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import load_definitions
from segbatch.errors import NothingToPublishError, Problem
from segbatch.findings.definition_checks import finding_warnings as findings_of
from segbatch.findings.finding import limit_findings, read_ignored
from segbatch.model.manifest import FieldRecord, Manifest
from segbatch.model.run_report import RunReport
from segbatch.observability.events import (
    EventEmitter,
    EventHandler,
    Noted,
    RunEvaluated,
    RunStarted,
    SegmentFailed,
    Warned,
)
from segbatch.pipeline.deletions import check_deletions
from segbatch.pipeline.evaluation import RunEvaluation
from segbatch.pipeline.field_drift import drift_errors, drift_warnings, find_drifts, find_fields
from segbatch.pipeline.guardrails import Guard
from segbatch.pipeline.predecessor import Predecessor, Rewind, resolve_predecessor
from segbatch.platform.urls import redact_url
from segbatch.storage.layout import check_run_id, new_run_id
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.retention import Keep
from segbatch.storage.targets.base import PublishTarget
from segbatch.storage.targets.local import LocalTarget
from segbatch.text import counted

_NO_GUARD, _KEEP = Guard(), Keep()
_LOST = "is missing from this file, which has an error; its members are kept until the file is fixed"
_A_DAY = timedelta(days=1)


def run(
    contacts: str | Path,
    segments: str | Path | Source = "segments",
    output: str | Path = "output",
    *,
    id_column: str = "id",
    custom_fields: str | None = None,
    project: str | None = None,
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
    progress: Callable[[int, int], None] | None = None,
    events: EventHandler | None = None,
) -> RunReport:
    """Evaluate all segments over a snapshot and publish the membership.

    Args:
        contacts: A Parquet file, a folder of Parquet files, or a glob; on a disk or in object storage.
        segments: A JSON file of definitions, or a folder of such files.
        output: The folder to publish in; created if missing.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: Evaluate only the segments of this project, over its contacts only.
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
        progress: Called regularly with the number of evaluated contacts and the total.
        events: Called with every event (see `segbatch.observability.events`).

    Returns:
        The report of the run. A segment that could not be evaluated is `failed` there, and does not affect others.

    Raises:
        NothingToPublishError: Every segment failed (the error lists all problems), or most segments of the previous run
            are deleted.
        LockedError: Another run is at work on the output.
        UsageError: Definitions are missing; the time zone, time, finding or accepted segment is invalid; or later runs
            would have to be rolled back.
        SnapshotError: The snapshot cannot be used; nothing was published.
        PublishError: The output cannot be written; the previous run stays published.
    """
    run_id = new_run_id(datetime.now(UTC)) if run_id is None else check_run_id(run_id)
    ignored = read_ignored(lint_ignore)
    options = EvaluationOptions(
        contacts, id_column, project, as_of, timezone, strict, allow_empty, custom_fields=custom_fields
    )
    source, target, emitter = Source.of(segments), LocalTarget.of(output), EventEmitter(events, progress)
    emitter.emit(_started(run_id, options, source.path, output, dry_run=dry_run))
    with nullcontext() if dry_run else target.lock(f"run {run_id}", lock_policy):
        emitter.end_phase("wait")
        started = datetime.now(UTC)
        options = replace(options, as_of=started if as_of is None else as_of)
        prepared = _plan(options, source, guard)
        repaired = () if dry_run else target.repair()
        moment, scope = prepared.clock.as_of, _rewind_scope(guard, rewind=rewind)
        previous = resolve_predecessor(target, run_id, moment, project, started, scope)
        prepared, fields, drifted = _check_fields(prepared, previous, guard, strict=strict)
        again = None if dry_run else run_id
        missing, deleted = check_deletions(prepared.definitions, source.path, previous.segments, guard, again)
        lost = dict.fromkeys((*repaired, *previous.warnings))  # both may report the same file
        prepared = prepared.with_warnings(*lost, *_warn_of_future(moment - started), *drifted, *deleted)
        prepared = prepared.with_findings(findings_of(prepared, ignored))
        evaluation = RunEvaluation(
            run_id, started, options, source.path, prepared, previous, missing, guard, emitter, fields
        )
        _emit_plan(evaluation)
        return _evaluate_only(evaluation, target) if dry_run else _publish(evaluation, target, keep)


def _plan(options: EvaluationOptions, source: Source, guard: Guard) -> PreparedEvaluation:
    """Plan the definitions, and check that at least one can be evaluated and that accepted segments exist."""
    prepared = prepare(options, load_definitions(source))
    _ensure_some_segment(prepared)
    guard.ensure_known(prepared.definitions.ids)
    return prepared


def _rewind_scope(guard: Guard, *, rewind: bool) -> Rewind:
    if not rewind:
        return "none"
    return "all" if guard.accepts_everything else "some"


def _check_fields(
    prepared: PreparedEvaluation, previous: Predecessor, guard: Guard, *, strict: bool
) -> tuple[PreparedEvaluation, Mapping[str, FieldRecord], Sequence[Problem]]:
    """Compare the fields with those of the previous run.

    Returns:
        The plan, without the segments that read changed fields if the run is strict; the fields that rules read; and
        warnings about changed fields.
    """
    fields = find_fields(prepared.plan, prepared.snapshot, previous.fields)
    drifts = find_drifts(prepared.plan, fields, previous, guard) if prepared.snapshot.rows else ()
    if not strict:
        return prepared, fields, tuple(drift_warnings(drifts, prepared.plan))
    if drifts:
        prepared = replace(prepared, plan=prepared.plan.failing(drift_errors(drifts)))
        _ensure_some_segment(prepared)
    return prepared, fields, ()


def _emit_plan(evaluation: RunEvaluation) -> None:
    prepared, emitter = evaluation.prepared, evaluation.emitter
    emitter.emit(evaluation.planned, *map(Noted, prepared.notes), *map(Warned, limit_findings(prepared.warnings)))
    emitter.emit(*map(SegmentFailed, _failures(evaluation)))
    emitter.end_phase("prepare")


def _evaluate_only(evaluation: RunEvaluation, target: PublishTarget) -> RunReport:
    """Evaluate without writing anything."""
    manifest = evaluation.evaluate(None)
    report = _report(evaluation, manifest, target, target.free_folder(evaluation.run_id))
    report = replace(report, dry_run=True)
    evaluation.emitter.emit(_totals(report))
    return report


def _publish(evaluation: RunEvaluation, target: PublishTarget, keep: Keep) -> RunReport:
    """Evaluate, publish, and prune old runs."""
    emitter = evaluation.emitter
    with target.stage(evaluation.run_id) as folder:
        manifest = evaluation.evaluate(folder)
        published = target.publish(folder, manifest, evaluation.previous.history)
    report = _report(evaluation, manifest, target, published.history.runs[-1].folder)
    emitter.emit(_totals(report))
    emitter.end_phase("publish")
    warnings = (*published.warnings, *target.prune(published.history, keep, evaluation.started))
    emitter.emit(*map(Warned, warnings))
    emitter.end_phase("prune")
    return replace(report, warnings=(*report.warnings, *warnings))


def _started(
    run_id: str, options: EvaluationOptions, segments: Path, output: str | Path, *, dry_run: bool
) -> RunStarted:
    as_of = options.as_of.isoformat() if isinstance(options.as_of, datetime) else options.as_of
    paths = redact_url(str(options.contacts)), str(segments), str(output)
    return RunStarted(run_id, *paths, as_of, options.timezone, options.project, dry_run)


def _totals(report: RunReport) -> RunEvaluated:
    return RunEvaluated(report.run, len(report.deleted), report.taken_back, report.dry_run)


def _warn_of_future(ahead: timedelta) -> Sequence[Problem]:
    """Return a warning if `as_of` is more than a day in the future, since runs for earlier times could not follow."""
    if ahead <= _A_DAY:
        return ()
    message = f"--as-of is {counted(ahead.days, 'day')} in the future; runs with an earlier --as-of will be refused"
    return (Problem(f"{message}, unless with --rewind", severity="warning"),)


def _ensure_some_segment(prepared: PreparedEvaluation) -> None:
    """Raise an error if every segment failed, which means a wrong path or export rather than an empty audience."""
    if not prepared.plan.segments:
        nothing = Problem("no segment can be evaluated; nothing was published")
        raise NothingToPublishError([*prepared.errors, nothing])


def _report(evaluation: RunEvaluation, manifest: Manifest, target: PublishTarget, folder: str) -> RunReport:
    """Return the report of a run."""
    prepared = evaluation.prepared
    held = (entry for entry in manifest.segments if entry.status == "held")
    errors = (*_failures(evaluation), *(Problem(entry.error or "", segment_id=entry.segment_id) for entry in held))
    return RunReport(
        run=manifest.run,
        segments=manifest.segments,
        deleted=manifest.deleted,
        errors=errors,
        warnings=tuple(prepared.warnings),
        notes=tuple(prepared.notes),
        catalogue=target.catalogue,
        membership=target.membership(folder),
        taken_back=tuple(past.run.run_id for past in evaluation.previous.rewound),
    )


def _failures(evaluation: RunEvaluation) -> Sequence[Problem]:
    """Return the reasons why segments cannot be evaluated."""
    lost = sorted((cause.file or "", name) for name, cause in evaluation.missing.lost.items())
    return (*evaluation.prepared.errors, *(Problem(_LOST, file=file, segment_id=name) for file, name in lost))
