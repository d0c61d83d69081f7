"""The main use case: evaluate definitions over a snapshot and publish the membership."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from segbatch.compiler.prepare import Prepared, Question, prepare
from segbatch.definitions.exclusions import Source
from segbatch.definitions.loader import load_definitions
from segbatch.errors import NothingToPublishError, Problem
from segbatch.findings.names import read_ignored
from segbatch.findings.static import warnings_of as findings_of
from segbatch.findings.summary import limit_findings
from segbatch.model.manifest import History, Manifest
from segbatch.model.run_report import RunReport
from segbatch.observability.events import Listener, Noted, RunEvaluated, RunStarted, SegmentFailed, Teller, Warned
from segbatch.pipeline.deletions import ensure_most_stay, find_gone, tell_deleted
from segbatch.pipeline.evaluation import Night
from segbatch.pipeline.field_drift import Drift, errors_of, find_drifts, warnings_of
from segbatch.pipeline.field_records import find_fields
from segbatch.pipeline.guardrails import EVERYTHING, Guard
from segbatch.pipeline.predecessor import Rewind, follow
from segbatch.platform.urls import without_secrets
from segbatch.storage.catalog_rebuild import ensure_catalogue
from segbatch.storage.layout import CATALOGUE, MEMBERSHIP, RUNS, check_run_id, free_folder, new_run_id, output_at
from segbatch.storage.manifest_io import read_history
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.publish import at_work, publish, staging
from segbatch.storage.retention import Keep, clear_dead_runs, prune
from segbatch.text import counted

_NO_GUARD, _KEEP = Guard(), Keep()
_LOST = "not in it any more; the members are kept until it is mended"
_A_DAY = timedelta(days=1)
_NOT_PRUNED = "not all members of old runs are removed; the next run tries again, or segbatch runs prune"


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
    events: Listener | None = None,
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
    question = Question(contacts, id_column, project, as_of, timezone, strict, allow_empty, custom_fields=custom_fields)
    segments = Source.of(segments)
    place, teller = output_at(output), Teller(events, progress)
    teller.tell(_started(run_id, question, segments.path, output, dry_run=dry_run))
    with nullcontext() if dry_run else at_work(place, f"run {run_id}", lock_policy):
        teller.end_phase("wait")
        started = datetime.now(UTC)
        question = replace(question, as_of=started if as_of is None else as_of)
        prepared = prepare(question, load_definitions(segments))
        _ensure_some_segment(prepared)
        guard.ensure_known(prepared.definitions.ids)
        mended = () if dry_run else _mend(place, read_history(place))
        back: Rewind = "none" if not rewind else "all" if guard.accepts(EVERYTHING) else "some"
        followed = follow(place, run_id, prepared.clock.as_of, project, started, back)
        prepared = prepared.doubting(*_once(mended, followed.warnings), *_far_ahead(prepared.clock.as_of - started))
        fields = find_fields(prepared.plan, prepared.snapshot, followed.fields)
        prepared = _with_drifts(prepared, find_drifts(prepared.plan, fields, followed, guard), strict=strict)
        gone = find_gone(prepared.definitions, segments.path, followed.segments)
        ensure_most_stay(segments.path, followed.segments, gone.deleted, guard)
        if gone.deleted:
            prepared = prepared.doubting(tell_deleted(segments.path, gone.deleted, None if dry_run else run_id))
        prepared = prepared.finding(findings_of(prepared, ignored))
        night = Night(run_id, started, question, segments.path, place, prepared, followed, gone, guard, teller, fields)
        teller.tell(night.planned, *map(Noted, prepared.notes), *map(Warned, limit_findings(prepared.warnings)))
        teller.tell(*map(SegmentFailed, _failures(night)))
        teller.end_phase("prepare")
        return _count(night) if dry_run else _publish(night, keep)


def _with_drifts(prepared: Prepared, drifts: Sequence[Drift], *, strict: bool) -> Prepared:
    """Add warnings about changed fields, or fail the segments that read them if the run is strict."""
    if not drifts or not prepared.snapshot.rows:
        return prepared
    if not strict:
        return prepared.doubting(*warnings_of(drifts, prepared.plan))
    prepared = replace(prepared, plan=prepared.plan.failing(errors_of(drifts)))
    _ensure_some_segment(prepared)
    return prepared


def _count(night: Night) -> RunReport:
    """Evaluate without writing anything."""
    report = _report(night, night.evaluate(None), free_folder(night.output, night.run_id))
    report = replace(report, dry_run=True)
    night.teller.tell(_totals(report))
    return report


def _publish(night: Night, keep: Keep) -> RunReport:
    """Evaluate and publish, and prune old runs."""
    place, teller = night.output, night.teller
    with staging(place, night.run_id) as folder:
        manifest = night.evaluate(folder)
        published = publish(place, folder, manifest, night.followed.history)
    left = published.left
    report = _report(night, manifest, published.history.runs[-1].folder)
    teller.tell(_totals(report))
    teller.end_phase("publish")
    with left.collecting(_NOT_PRUNED):
        prune(place, published.history, keep, night.started)
    teller.tell(*map(Warned, left.warnings))
    teller.end_phase("prune")
    return replace(report, warnings=(*report.warnings, *left.warnings))


def _started(run_id: str, question: Question, segments: Path, output: str | Path, *, dry_run: bool) -> RunStarted:
    as_of = question.as_of.isoformat() if isinstance(question.as_of, datetime) else question.as_of
    places = without_secrets(str(question.contacts)), str(segments), str(output)
    return RunStarted(run_id, *places, as_of, question.timezone, question.project, dry_run)


def _totals(report: RunReport) -> RunEvaluated:
    return RunEvaluated(report.run, len(report.deleted), report.taken_back, report.dry_run)


def _far_ahead(ahead: timedelta) -> Sequence[Problem]:
    """Return a warning if `as_of` is more than a day in the future, since runs for earlier times could not follow."""
    if ahead <= _A_DAY:
        return ()
    message = f"--as-of is {counted(ahead.days, 'day')} after the clock; later runs for earlier moments will be refused"
    return (Problem(f"{message}, unless with --rewind", severity="warning"),)


def _ensure_some_segment(prepared: Prepared) -> None:
    """Raise an error if every segment failed, which means a wrong path or export rather than an empty audience."""
    if not prepared.plan.segments:
        nothing = Problem("no segment can be evaluated; nothing was published")
        raise NothingToPublishError([*prepared.errors, nothing])


def _report(night: Night, manifest: Manifest, folder: str) -> RunReport:
    """Return the report of a run."""
    prepared, output = night.prepared, night.output
    held = (entry for entry in manifest.segments if entry.status == "held")
    errors = (*_failures(night), *(Problem(entry.error or "", segment_id=entry.segment_id) for entry in held))
    return RunReport(
        run=manifest.run,
        segments=manifest.segments,
        deleted=manifest.deleted,
        errors=errors,
        warnings=tuple(prepared.warnings),
        notes=tuple(prepared.notes),
        catalogue=output / CATALOGUE,
        membership=output / RUNS / folder / MEMBERSHIP,
        taken_back=tuple(past.run.run_id for past in night.followed.taken_back),
    )


def _failures(night: Night) -> Sequence[Problem]:
    """Return the reasons why segments cannot be evaluated."""
    places = sorted((cause.file or "", name) for name, cause in night.gone.lost.items())
    return (*night.prepared.errors, *(Problem(_LOST, file=file, segment_id=name) for file, name in places))


def _mend(output: Path, history: History) -> Sequence[Problem]:
    """Remove files of killed runs, and finish a publication that was interrupted.

    Returns:
        One warning per file that is missing in the tables.
    """
    clear_dead_runs(output, history)
    return ensure_catalogue(output, history.runs[-1].run) if history.runs else ()


def _once(*problems: Sequence[Problem]) -> Sequence[Problem]:
    """Return all problems without duplicates."""
    return tuple(dict.fromkeys(problem for some in problems for problem in some))
