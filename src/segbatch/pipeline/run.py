"""The one use case: definitions and a snapshot in, a published membership out."""

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
from segbatch.storage.output_lock import NO_PATIENCE, Patience
from segbatch.storage.publish import at_work, publish, staging
from segbatch.storage.retention import Keep, clear_dead_runs, prune
from segbatch.text import counted

__all__ = ["run"]

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
    patience: Patience = NO_PATIENCE,
    rewind: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
    events: Listener | None = None,
) -> RunReport:
    """Evaluate every segment over a snapshot and publish the membership.

    Args:
        contacts: A Parquet file, a folder of them, or a glob; on a disk or in object storage.
        segments: A JSON file of definitions, or a folder of such files.
        output: The folder to publish in; it is made if it is not there.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        project: Evaluate the segments of this project alone, over its contacts alone.
        as_of: The moment for which the run holds (ISO 8601, or a datetime with a zone); now, if not given.
        timezone: The IANA name of the run's time zone.
        strict: Whether a custom field that no contact has makes its segment fail.
        lint_ignore: The names of lint's findings that are not among the warnings.
        allow_empty: Whether a snapshot without contacts is meant so.
        run_id: The run's id; a new one if not given. If the last run has the same, this one takes its place.
        guard: How much segments may change.
        keep: Which of the runs before keep their members.
        patience: What to do while another run is at work on the output.
        rewind: Whether runs that hold for a later moment are taken back; all there are only if the guard accepts `all`.
        dry_run: Whether to tell what would be published, and change nothing.
        progress: Told, now and then, how many contacts are done and how many there are.
        events: Told everything that happens (see `segbatch.observability.events`).

    Returns:
        What the run did. A segment that could not be evaluated is `failed` there, and hurts no other.

    Raises:
        NothingToPublishError: Not one segment can be evaluated, and it names all the problems; or most of those of the
            last run are gone.
        LockedError: Another run is at work on the output.
        UsageError: There is no definition, no such time zone, time, finding or accepted segment, or the run would come
            before others.
        SnapshotError: The snapshot cannot be used; nothing was published.
        PublishError: The output cannot be written; what was published before stands.
    """
    run_id = new_run_id(datetime.now(UTC)) if run_id is None else check_run_id(run_id)
    ignored = read_ignored(lint_ignore)
    question = Question(contacts, id_column, project, as_of, timezone, strict, allow_empty, custom_fields=custom_fields)
    segments = Source.of(segments)
    place, teller = output_at(output), Teller(events, progress)
    teller.tell(_started(run_id, question, segments.path, output, dry_run=dry_run))
    with nullcontext() if dry_run else at_work(place, f"run {run_id}", patience):
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
    """Warn of fields that are not what they were; or, if the run is strict, fail the segments that read them."""
    if not drifts or not prepared.snapshot.rows:
        return prepared
    if not strict:
        return prepared.doubting(*warnings_of(drifts, prepared.plan))
    prepared = replace(prepared, plan=prepared.plan.failing(errors_of(drifts)))
    _ensure_some_segment(prepared)
    return prepared


def _count(night: Night) -> RunReport:
    """Evaluate, and write nothing."""
    report = _report(night, night.evaluate(None), free_folder(night.output, night.run_id))
    report = replace(report, dry_run=True)
    night.teller.tell(_totals(report))
    return report


def _publish(night: Night, keep: Keep) -> RunReport:
    """Evaluate and publish, and clear away what is old."""
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
    """Warn of a moment that is far from being there: no run before it can follow."""
    if ahead <= _A_DAY:
        return ()
    message = f"--as-of is {counted(ahead.days, 'day')} after the clock; later runs for earlier moments will be refused"
    return (Problem(f"{message}, unless with --rewind", severity="warning"),)


def _ensure_some_segment(prepared: Prepared) -> None:
    """Refuse to publish where every segment failed: that is a wrong path or a wrong export, not an empty audience."""
    if not prepared.plan.segments:
        nothing = Problem("no segment can be evaluated; nothing was published")
        raise NothingToPublishError([*prepared.errors, nothing])


def _report(night: Night, manifest: Manifest, folder: str) -> RunReport:
    """Tell what a run did."""
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
    """Tell why segments cannot be evaluated."""
    places = sorted((cause.file or "", name) for name, cause in night.gone.lost.items())
    return (*night.prepared.errors, *(Problem(_LOST, file=file, segment_id=name) for file, name in places))


def _mend(output: Path, history: History) -> Sequence[Problem]:
    """Clear away what a run left that was killed, and finish what it had begun to publish.

    Returns:
        A warning for each file that the tables lack.
    """
    clear_dead_runs(output, history)
    return ensure_catalogue(output, history.runs[-1].run) if history.runs else ()


def _once(*problems: Sequence[Problem]) -> Sequence[Problem]:
    """Return problems without repetitions."""
    return tuple(dict.fromkeys(problem for some in problems for problem in some))
