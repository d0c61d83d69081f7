"""The evaluation of a run: every segment over every contact, compared with the previous run and recorded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from segbatch.cluster.base import Cluster
from segbatch.compiler.plan import Plan
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation
from segbatch.engine.base import Engine
from segbatch.errors import Problem
from segbatch.model.input_records import FieldRecord, SnapshotRecord, TableRecord
from segbatch.model.manifest import Buckets, Manifest, SegmentRecord
from segbatch.observability.events import ContactsDone, EventEmitter, Noted, RunPlanned, SegmentHeld, Warned
from segbatch.pipeline.changes_check import comparison_notices, recorded_sizes
from segbatch.pipeline.field_drift import kept_fields
from segbatch.pipeline.guardrails import Guard, ensure_most_contacts_remain, find_excessive_changes
from segbatch.pipeline.missing_segments import MissingSegments
from segbatch.pipeline.predecessor import Predecessor
from segbatch.pipeline.results import Outcome, list_records, run_record, segment_records, versions
from segbatch.pipeline.tables import (
    file_records,
    find_empty,
    orphan_notices,
    planned_tables,
    source_record,
    table_records,
    tables_of,
)
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.query import TableCounts
from segbatch.storage.comparison import PreviousRun
from segbatch.storage.complete_changes import ensure_complete, record_completely
from segbatch.storage.id_types import IdTypes
from segbatch.storage.publish import empty_folder
from segbatch.storage.recorder import Recorded, Recorder
from segbatch.storage.row_alignment import HashedIds, RowNumbers
from segbatch.storage.run_writers import Writers

if TYPE_CHECKING:
    from segbatch.pipeline.cluster_work import ClusterWork

_Files = tuple[tuple[SnapshotRecord, ...], Mapping[str, tuple[SnapshotRecord, ...]]]
"""The files of the snapshot, and those of each related table."""

_Result = tuple[Recorded, Mapping[str, TableCounts], Buckets | None]
"""The counts and files of the segments, the rows of the related tables, and the buckets of a run on a cluster."""


@dataclass(frozen=True, slots=True)
class RunEvaluation:
    """A prepared run.

    Attributes:
        options: The options that select the contacts.
        root: The folder of the definitions.
        prepared: The plan, snapshot and definitions to evaluate.
        missing: The segments of the previous run that have no definition now.
        publication: The name of the run's folder, for each row of the files of tables; None if they become no tables.
        buckets: The number of buckets of contacts on a cluster; None to choose one.
    """

    run_id: str
    started: datetime
    options: EvaluationOptions
    root: Path
    prepared: PreparedEvaluation
    previous: Predecessor
    missing: MissingSegments
    guard: Guard
    emitter: EventEmitter
    engine: Engine | Cluster
    fields: Mapping[str, FieldRecord]
    publication: str | None = None
    buckets: int | None = None

    @property
    def planned(self) -> RunPlanned:
        """The event that describes the planned work."""
        plan, snapshot = self.prepared.plan, self.prepared.snapshot
        return RunPlanned(
            as_of=self.prepared.clock.as_of,
            contacts=snapshot.rows,
            segments=len(plan.segments),
            rules=len(plan.predicates),
            columns=len(snapshot.columns(plan.leaves)),
            follows=self.previous.run.run.run_id if self.previous.run else None,
            tables=planned_tables(plan.queries),
        )

    def evaluate(self, folder: Path | None) -> tuple[Manifest, Sequence[Problem]]:
        """Evaluate all segments, record the results, and compute the checksums of the snapshot files in parallel.

        Args:
            folder: The folder to write to; None to count only.

        Returns:
            The manifest of the run, and warnings and notes about the evaluation.

        Raises:
            UsageError: The ids have another type than in the previous run.
            SnapshotError: The snapshot cannot be read completely, or most of its contacts are gone.
            ChangesMismatchError: The changes are not complete.
            ClusterError: The cluster cannot do the work.
        """
        if isinstance(self.engine, Cluster):
            return self._evaluate_on(self.engine, folder)
        stop, engine = Event(), self.engine
        with ThreadPoolExecutor(1, "digest") as pool:
            digests = pool.submit(self._files, lambda files: [file.digest(stop) for file in files])
            try:
                last = self._index_previous()
                self.emitter.end_phase("match")
                outcome = self._outcome(
                    lambda plan, kept: record_completely(
                        lambda previous: self._record(engine, plan, kept, previous, folder), last
                    )
                )
                return self._finish(outcome, digests.result())
            finally:
                stop.set()

    def _evaluate_on(self, cluster: Cluster, folder: Path | None) -> tuple[Manifest, Sequence[Problem]]:
        """Evaluate on a cluster, which computes the checksums afterwards: then no file changed while it was read."""
        from segbatch.pipeline.cluster_work import ClusterWork  # noqa: PLC0415 - a run on this machine needs none of it

        parts = self.run_id, self.prepared, self.previous, self.id_types, self.publication, self.buckets
        work = ClusterWork(cluster, *parts, folder).with_buckets()
        self.emitter.end_phase("match")
        return self._finish(
            self._outcome(lambda plan, kept: self._record_on(work, plan, kept)), self._files(work.digest)
        )

    def _finish(self, outcome: Outcome, files: _Files) -> tuple[Manifest, Sequence[Problem]]:
        read, of_tables = files
        tables = table_records(self.prepared.plan.queries, of_tables, outcome.tables)
        notices = [*comparison_notices(outcome.recorded), *orphan_notices(tables)]
        manifest = self._manifest(outcome, read, tables, notices)
        ensure_complete(recorded_sizes(self.previous.segments, manifest, outcome.recorded))
        self.emitter.emit(*(Warned(one) if one.severity == "warning" else Noted(one) for one in notices))
        self.emitter.end_phase("evaluate")
        return manifest, notices

    def _index_previous(self) -> PreviousRun | None:
        """Sort the contacts of the previous run, so that those of the snapshot are found in it."""
        state = self.previous.state
        return None if state is None else PreviousRun.of(state, self.id_types)

    def _ensure_most_contacts_remain(self, gone: int) -> None:
        """Check that most contacts of the previous run still exist."""
        previous = self.previous.run
        if previous is not None and not self.options.allow_empty:
            ensure_most_contacts_remain(self.options.place, previous.run.contacts, gone, self.guard)

    @property
    def id_types(self) -> IdTypes:
        """The types of the contact ids.

        Raises:
            UsageError: The ids have another type than in the previous run.
        """
        state, snapshot = self.previous.state, self.prepared.snapshot
        id_types = IdTypes.of(self.options.place, snapshot.id_type, state.id_type if state else None)
        return id_types if self.publication is None else id_types.for_tables()

    def _outcome(self, record: Callable[[Plan, Sequence[str]], _Result]) -> Outcome:
        """Evaluate all segments.

        If segments are held back, evaluate again without them, so that they keep their members.

        Args:
            record: Evaluates and records the segments of a plan; other segments keep their members.
        """
        plan, definitions, before = self.prepared.plan, self.prepared.definitions, self.previous.segments
        broken = [entry.segment_id for entry in definitions.broken]
        kept = _with_members([*plan.failed, *broken, *self.missing.lost, *self.missing.left_out], before)
        recorded, counts, buckets = record(plan, kept)
        empty = find_empty(plan.queries, counts, self.previous.tables)
        held = find_excessive_changes(plan, before, recorded, self._guard, empty)
        if held:
            self.emitter.emit(*(SegmentHeld(Problem(reason, segment_id=name)) for name, reason in held.items()))
            kept = sorted([*kept, *_with_members(held, before)])
            recorded, counts, buckets = record(plan.without(held), kept)
        clock, missing = self.prepared.clock, self.missing
        outcome = Outcome(self.run_id, definitions, self.root, plan, recorded, before, held, clock, missing, counts)
        return replace(outcome, lists=self.prepared.lists, buckets=buckets)

    @property
    def _guard(self) -> Guard:
        """The guard of this run. An empty snapshot, if allowed, may leave all segments empty."""
        return self.guard if self.prepared.snapshot.rows else replace(self.guard, allow_collapse=True)

    def _record(
        self, engine: Engine, plan: Plan, kept: Sequence[str], last: PreviousRun | None, folder: Path | None
    ) -> _Result:
        """Evaluate and record the segments of a plan on this machine, and check the contact ids at the same time."""
        counts: Mapping[str, TableCounts] = {}
        snapshot, clock, id_types = self.prepared.snapshot, self.prepared.clock, self.id_types
        writers = None
        if folder is not None:
            writers = Writers(empty_folder(folder), self.run_id, clock.as_of, id_types, self.publication)
        segment_ids = [segment.definition.segment_id for segment in plan.segments]
        ids, done = IdCheck(snapshot.id_column), 0
        with Recorder(segment_ids, kept, last, id_types, writers) as recorder:
            for members in engine.evaluate(plan, snapshot):
                found = ids_as_series(members.ids)
                recorder.record(members.ids, members.bitmaps, HashedIds(found, ids.add(found).to_numpy()))
                done += len(members.ids)
                counts = members.tables
                self.emitter.emit(ContactsDone(done, snapshot.rows))
            ids.finish(snapshot.ids, snapshot.file_rows)
            self._ensure_most_contacts_remain(self._count_listed(recorder.find_gone()))
            return recorder.finish(), counts, None

    def _count_listed(self, gone: RowNumbers) -> int:
        """Count the contacts that were in the previous snapshot. Failed segments keep contacts that were gone then."""
        run, state = self.previous.run, self.previous.state
        return 0 if run is None or state is None else int(state.were_present(gone, run.run.contacts).sum())

    def _record_on(self, work: "ClusterWork", plan: Plan, kept: Sequence[str]) -> _Result:
        """Evaluate and record the segments of a plan on a cluster."""
        result = work.record(plan, kept)
        contacts = self.prepared.snapshot.rows
        self.emitter.emit(ContactsDone(contacts, contacts))
        self._ensure_most_contacts_remain(result.gone)
        return result.record(), result.tables, result.buckets

    def _files(self, digest: Callable[[Sequence[SnapshotFile]], Sequence[str]]) -> _Files:
        """Return the records of the files of the snapshot and of the related tables.

        Args:
            digest: Computes the checksums of files.
        """
        read = file_records(self.prepared.snapshot, digest)
        tables = tables_of(self.prepared.plan.queries)
        return read, {query.name: file_records(table, digest) for query, table in tables}

    def _manifest(
        self,
        outcome: Outcome,
        read: tuple[SnapshotRecord, ...],
        tables: tuple[TableRecord, ...],
        found: Sequence[Problem],
    ) -> Manifest:
        segments = segment_records(outcome)
        source = source_record(self.prepared.snapshot)
        notices = [*self.prepared.warnings, *self.prepared.notes, *found]
        return Manifest(
            run=run_record(outcome, self.started, self.options.project, segments, read, source),
            segments=segments,
            deleted=self.missing.deleted,
            snapshot=read,
            source=source,
            id_column=self.prepared.snapshot.id_column,
            custom_fields=self.prepared.snapshot.schema.alias,
            files=outcome.recorded.files,
            engine=self.engine.name,
            buckets=outcome.buckets,
            warnings=tuple(str(notice) for notice in notices if notice.severity == "warning"),
            notes=tuple(str(notice) for notice in notices if notice.severity == "note"),
            versions=versions(),
            fields=tuple(self.fields.values()),
            kept_fields=kept_fields(segments, self.run_id, self.previous),
            tables=tables,
            left_out=self.missing.left_out,
            lists=list_records(self.prepared.lists),
            renamed=dict(self.previous.renamed),
        )


def _with_members(segment_ids: Iterable[str], before: Mapping[str, SegmentRecord]) -> list[str]:
    """Return the segments that have members of a previous run, sorted."""
    return sorted(name for name in segment_ids if name in before and before[name].run_id is not None)
