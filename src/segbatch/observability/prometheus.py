"""Metrics of a run in a file for the textfile collector of Prometheus' node_exporter."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from segbatch.errors import SegbatchError, UsageError
from segbatch.model.column_marks import Gauge, columns_with
from segbatch.model.manifest import Manifest, RunRecord, SegmentRecord
from segbatch.observability.run_outcome import STATUSES, Outcome
from segbatch.platform.files import resolve_destination, temporary_file
from segbatch.platform.urls import full_output, is_output_address
from segbatch.storage.layout import ensure_unpublished
from segbatch.text import printable

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_BEGINNING = b"# HELP segbatch_"
"""The beginning of a metrics file. A file that begins otherwise belongs to another program."""


class _Metric(NamedTuple):
    help: str
    labels: tuple[str, ...] = ()


_RUN_GAUGES = columns_with(RunRecord, Gauge)

METRICS: dict[str, _Metric] = {
    "segbatch_last_run_timestamp_seconds": _Metric("Time when the last run ended, with any result."),
    "segbatch_last_run_duration_seconds": _Metric("Duration of the last run."),
    "segbatch_last_run_phase_seconds": _Metric("Duration of a phase of the last run.", ("phase",)),
    "segbatch_last_run_exit_status": _Metric("Exit status of the last run."),
    "segbatch_last_run_status": _Metric("1 for the status of the last run, 0 for all others.", ("status",)),
    "segbatch_last_run_warnings": _Metric("Number of warnings of the last run."),
    "segbatch_last_run_rules": _Metric("Number of distinct rules that the last run evaluated."),
    "segbatch_last_run_columns": _Metric("Number of snapshot columns that the last run read."),
    "segbatch_last_success_timestamp_seconds": _Metric("Time of the last run without failed or held segments."),
    **{gauge.name: _Metric(gauge.help, tuple(gauge.labels)) for gauge in _RUN_GAUGES.values()},
    "segbatch_changes": _Metric("Number of contacts that entered or left segments in the published run.", ("change",)),
    "segbatch_segment_members": _Metric("Number of members of a segment.", ("segment",)),
    "segbatch_segment_ok": _Metric(
        "1 if a segment was evaluated or is disabled, 0 if it failed or was held back.", ("segment",)
    ),
}
"""All metrics. All are gauges, and have the label `output` before their own labels."""


class _Sample(NamedTuple):
    name: str
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsFile:
    """A metrics file.

    Attributes:
        each_segment: Whether each segment has metrics of its own.
    """

    path: Path
    output: str | Path
    each_segment: bool = False

    def check(self) -> None:
        """Check before the run that the file can be written after it.

        Raises:
            SegbatchError: The package prometheus-client is not installed.
            UsageError: The folder of the file is missing or not writable, an existing file is not a metrics file, or
                the path is that of a published file.
        """
        try:
            import prometheus_client  # noqa: F401, PLC0415 - an extra
        except ModuleNotFoundError:
            message = "--metrics-file needs prometheus-client, which is not installed; run: pip install"
            raise SegbatchError(f"{message} 'segbatch[metrics]'") from None
        folder = self._resolve().parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{printable(str(self.path))}: cannot be written: Permission denied (--metrics-file)")

    def _resolve(self) -> Path:
        """Return the resolved path. An existing file that is not a metrics file is refused, since it would be lost."""
        name = printable(str(self.path))
        path = resolve_destination(self.path, "--metrics-file")
        if not is_output_address(str(self.output)):
            ensure_unpublished(path, name, Path(self.output), "name a file elsewhere (--metrics-file)")
        try:
            with path.open("rb") as file:
                beginning = file.read(len(_BEGINNING))
        except FileNotFoundError:
            return path
        except OSError as error:
            raise UsageError(f"{name}: cannot be read: {error.strerror} (--metrics-file)") from None
        if beginning not in {b"", _BEGINNING}:
            message = "exists, and is not a metrics file; name another file, or remove it"
            raise UsageError(f"{name}: {message} (--metrics-file)")
        return path

    def write(self, outcome: Outcome) -> None:
        """Write the file in one step. Readers see the old file or the new one.

        Raises:
            SegbatchError: The file cannot be written.
        """
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - an extra

        registry = CollectorRegistry()
        self._add_samples(registry, outcome)
        path = self._resolve()
        try:
            with temporary_file(path) as aside:  # node_exporter reads only *.prom files, not this one
                aside.write_bytes(generate_latest(registry))
                aside.replace(path)
        except OSError as error:
            raise SegbatchError(f"{self.path}: the metrics cannot be written: {error.strerror}") from None

    def _add_samples(self, registry: "CollectorRegistry", outcome: Outcome) -> None:
        import prometheus_client  # noqa: PLC0415 - an extra

        samples = [*_of_last_run(outcome), *self._of_published()]
        output = full_output(self.output)
        named = {sample.name for sample in samples}
        gauges = {
            name: prometheus_client.Gauge(name, metric.help, ("output", *metric.labels), registry=registry)
            for name, metric in METRICS.items()
            if name in named
        }
        for name, value, labels in samples:
            gauges[name].labels(output, *labels).set(value)

    def _of_published(self) -> Iterator[_Sample]:
        """Yield the metrics of the published run, which remain valid when a later run fails."""
        from segbatch.storage.targets.output import open_target  # noqa: PLC0415 - loads what runs load anyway

        try:
            target = open_target(self.output)
            history = target.history()
            if not history.runs:
                return
            last = history.runs[-1]
            manifest = target.manifest(last)
        except SegbatchError:
            return  # the run has already reported the problem
        good = [past.run.finished_at for past in history.runs if past.run.status == "ok"]
        if good:
            yield _Sample("segbatch_last_success_timestamp_seconds", max(good).timestamp())
        yield from _of_run(last.run)
        yield from _of_changes(manifest)
        if self.each_segment:
            yield from _of_segments(manifest.segments)


def _of_last_run(outcome: Outcome) -> Iterator[_Sample]:
    prefix = "segbatch_last_run"
    yield _Sample(f"{prefix}_timestamp_seconds", outcome.started + outcome.seconds)
    yield _Sample(f"{prefix}_duration_seconds", outcome.seconds)
    for phase, seconds in outcome.phases.items():
        yield _Sample(f"{prefix}_phase_seconds", seconds, (phase,))
    yield _Sample(f"{prefix}_exit_status", outcome.exit_status)
    for status in STATUSES:
        yield _Sample(f"{prefix}_status", float(status == outcome.status), (status,))
    if outcome.report:
        yield _Sample(f"{prefix}_warnings", len(outcome.report.warnings))
    if outcome.rules is not None and outcome.columns is not None:
        yield _Sample(f"{prefix}_rules", outcome.rules)
        yield _Sample(f"{prefix}_columns", outcome.columns)


def _of_run(run: RunRecord) -> Iterator[_Sample]:
    for column, gauge in _RUN_GAUGES.items():
        value = getattr(run, column)
        number = value.timestamp() if isinstance(value, datetime) else value
        yield _Sample(gauge.name, number, tuple(gauge.labels.values()))


def _of_changes(manifest: Manifest) -> Iterator[_Sample]:
    """Yield the numbers of changes; nothing for a first run."""
    compared = [segment for segment in manifest.segments if segment.entered is not None]
    if compared or manifest.deleted:
        entered = sum(segment.entered or 0 for segment in compared)
        exited = sum(segment.exited or 0 for segment in compared) + sum(gone.exited for gone in manifest.deleted)
        yield _Sample("segbatch_changes", entered, ("entered",))
        yield _Sample("segbatch_changes", exited, ("exited",))


def _of_segments(segments: tuple[SegmentRecord, ...]) -> Iterator[_Sample]:
    for segment in segments:
        if segment.run_id is not None:
            yield _Sample("segbatch_segment_members", segment.member_count, (segment.segment_id,))
        yield _Sample("segbatch_segment_ok", float(segment.status in {"ok", "disabled"}), (segment.segment_id,))
