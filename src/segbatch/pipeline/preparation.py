"""Preparation of a run: the plan, the previous run, and the checks before the evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from segbatch.cluster.base import Cluster
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.definition import Definitions
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.segment_filter import SegmentFilter
from segbatch.definitions.source import Source
from segbatch.engine.base import Engine
from segbatch.errors import NothingToPublishError, Problem
from segbatch.findings.definition_checks import finding_warnings
from segbatch.findings.finding import FindingName
from segbatch.model.input_records import FieldRecord
from segbatch.observability.events import EventEmitter
from segbatch.pipeline.evaluation import RunEvaluation
from segbatch.pipeline.field_drift import drift_errors, drift_warnings, find_drifts, find_fields
from segbatch.pipeline.guardrails import Guard
from segbatch.pipeline.missing_segments import MissingSegments, check_deletions, leave_out
from segbatch.pipeline.predecessor import (
    Predecessor,
    Rewind,
    follow_renames,
    ignored_renames,
    renaming_notes,
    resolve_predecessor,
)
from segbatch.storage.targets.base import PublishTarget
from segbatch.text import counted, some_of

if TYPE_CHECKING:
    from segbatch.model.schema_file import SchemaFile

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run as its caller asks for it, with every value checked that can be checked before the run owns the output.

    Attributes:
        source: The location of the definitions.
        target: The output.
        ignored: The names of the lint findings that are not reported.
        rewind: Whether runs with a later `as_of` are rolled back.
        dry_run: Whether nothing is written.
        schema_file: The file with the expected fields of the snapshot.
        buckets: The number of buckets of contacts on a cluster; None to choose one.
    """

    run_id: str
    options: EvaluationOptions
    source: Source
    target: PublishTarget
    guard: Guard
    ignored: frozenset[FindingName]
    emitter: EventEmitter
    engine: Engine | Cluster
    rewind: bool
    dry_run: bool
    schema_file: Path | None = None
    buckets: int | None = None

    @property
    def rewind_scope(self) -> Rewind:
        """The later runs that may be rolled back. Rolling back all runs requires a guard that accepts `all`."""
        if not self.rewind:
            return "none"
        return "all" if self.guard.accepts_everything else "some"

    def repair(self) -> Sequence[Problem]:
        """Repair the output after a run that died; a dry run repairs nothing."""
        return () if self.dry_run else self.target.repair()


def prepare_run(request: RunRequest) -> RunEvaluation:
    """Plan a run and check it against the previous run. The caller owns the lock of the output, or the run is dry.

    Raises:
        NothingToPublishError: Every segment failed, most segments of the previous run are deleted, or the snapshot
            deviates from its schema file and the run is strict.
        UsageError: An input is missing or invalid, or later runs would have to be rolled back.
        SnapshotError: The snapshot cannot be used.
    """
    started = datetime.now(UTC)
    expected = None if request.schema_file is None else _read_schema_file(request.schema_file)
    definitions = load_definitions(request.source)
    prepared = _plan(definitions, request, started)
    if expected is not None:
        prepared = _compare_with(expected, prepared, request)
    repaired = request.repair()
    previous = _find_previous(request, prepared, started)
    of_project = definitions.of_project(request.options.project)
    ignored = ignored_renames(previous, of_project)
    previous = follow_renames(previous, of_project)
    prepared, fields, drifted = _check_fields(prepared, previous, request)
    missing, notices = _find_missing(prepared, previous, request)
    lost = dict.fromkeys((*repaired, *previous.warnings))  # both may report the same file
    future = _warn_of_future(prepared.clock.as_of - started)
    prepared = prepared.with_warnings(*lost, *future, *drifted, *notices, *ignored, *renaming_notes(previous.renamed))
    prepared = prepared.with_findings(finding_warnings(prepared, request.ignored))
    return RunEvaluation(
        request.run_id,
        started,
        request.options,
        request.source.path,
        prepared,
        previous,
        missing,
        request.guard,
        request.emitter,
        request.engine,
        fields,
        buckets=request.buckets,
    )


def _plan(definitions: Definitions, request: RunRequest, started: datetime) -> PreparedEvaluation:
    """Plan the definitions, and check that at least one can be evaluated and that accepted segments exist."""
    options = request.options
    if options.as_of is None:
        options = replace(options, as_of=started)
    if isinstance(request.engine, Cluster):
        from segbatch.cluster.cluster_scanner import ClusterScanner  # noqa: PLC0415 - only if needed

        options = replace(options, scanner=ClusterScanner(request.engine))
    prepared = prepare(options, definitions)
    _ensure_some_segment(prepared)
    request.guard.ensure_known(definitions.of_project(options.project).ids)
    return prepared


def _read_schema_file(path: Path) -> "SchemaFile":
    from segbatch.snapshot.schema_file import read_schema_file  # noqa: PLC0415 - only if needed

    return read_schema_file(path)


def _compare_with(expected: "SchemaFile", prepared: PreparedEvaluation, request: RunRequest) -> PreparedEvaluation:
    """Compare the snapshot with the schema file.

    Raises:
        NothingToPublishError: The snapshot deviates, and the run is strict.
    """
    from segbatch.snapshot.schema_file import find_deviations  # noqa: PLC0415 - only if needed

    deviations = [*find_deviations(expected, prepared.snapshot, request.schema_file or Path())]
    if deviations and request.options.strict:
        nothing = Problem("the snapshot deviates from its schema; nothing was published (--schema, --strict)")
        raise NothingToPublishError([*(problem.as_error() for problem in deviations), nothing])
    return prepared.with_warnings(*deviations)


def _find_previous(request: RunRequest, prepared: PreparedEvaluation, started: datetime) -> Predecessor:
    moment, project = prepared.clock.as_of, request.options.project
    return resolve_predecessor(request.target, request.run_id, moment, project, started, request.rewind_scope)


def _find_missing(
    prepared: PreparedEvaluation, previous: Predecessor, request: RunRequest
) -> tuple[MissingSegments, Sequence[Problem]]:
    """Find the segments of the previous run that this run does not evaluate, and return notices about them."""
    if request.options.only:
        missing = leave_out(prepared.definitions, previous.segments)
        return missing, (_note_of_filter(request.options.only, prepared, missing.left_out),)
    again = None if request.dry_run else request.run_id
    return check_deletions(prepared.definitions, request.source.path, previous.segments, request.guard, again)


def _note_of_filter(only: SegmentFilter, prepared: PreparedEvaluation, left_out: Sequence[str]) -> Problem:
    """Return a note that the run evaluates some segments only."""
    number = counted(len(prepared.definitions), "segment")
    message = f"this run evaluates only {number}, with {only}, or referred to by one of them"
    if left_out:
        others, keep = counted(len(left_out), "other segment"), "keep" if left_out[1:] else "keeps"
        message += f"; {others} of the last run {keep} the members: {some_of(left_out)}"
    return Problem(message, severity="note")


def _check_fields(
    prepared: PreparedEvaluation, previous: Predecessor, request: RunRequest
) -> tuple[PreparedEvaluation, Mapping[str, FieldRecord], Sequence[Problem]]:
    """Compare the fields with those of the previous run.

    Returns:
        The plan, without the segments that read changed fields if the run is strict; the fields that rules read,
        with those of segments that are left out; and warnings about changed fields.
    """
    fields = find_fields(prepared.plan, prepared.snapshot, previous.fields)
    if request.options.only:
        fields = dict(sorted({**previous.fields, **fields}.items()))
    drifts = find_drifts(prepared.plan, fields, previous, request.guard) if prepared.snapshot.rows else ()
    if not request.options.strict:
        return prepared, fields, tuple(drift_warnings(drifts, prepared.plan))
    if drifts:
        prepared = replace(prepared, plan=prepared.plan.failing(drift_errors(drifts)))
        _ensure_some_segment(prepared)
    return prepared, fields, ()


def _warn_of_future(ahead: timedelta) -> Sequence[Problem]:
    """Return a warning if `as_of` is more than a day in the future, since runs for earlier times could not follow."""
    if ahead <= _A_DAY:
        return ()
    message = f"--as-of is {counted(ahead.days, 'day')} in the future; runs with an earlier --as-of will be refused"
    return (Problem(f"{message}, unless with --rewind", severity="warning"),)


def _ensure_some_segment(prepared: PreparedEvaluation) -> None:
    """Raise an error if every enabled segment failed: a wrong path or export is more likely than an empty audience."""
    if not prepared.plan.segments and prepared.errors:
        nothing = Problem("no segment can be evaluated; nothing was published")
        raise NothingToPublishError([*prepared.errors, nothing])
