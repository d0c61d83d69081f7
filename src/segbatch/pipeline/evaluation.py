"""The evaluation of a run: every segment over every contact, compared with the previous run and recorded."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event

from segbatch.compiler.plan import Plan
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation
from segbatch.engine.local import LocalEngine
from segbatch.errors import Problem
from segbatch.model.manifest import FieldRecord, Manifest, SnapshotRecord
from segbatch.observability.events import ContactsDone, EventEmitter, RunPlanned, SegmentHeld
from segbatch.pipeline.carry_over import find_excessive_changes, with_members
from segbatch.pipeline.deletions import MissingSegments
from segbatch.pipeline.field_drift import kept_fields
from segbatch.pipeline.guardrails import Guard, ensure_most_contacts_remain
from segbatch.pipeline.predecessor import Predecessor
from segbatch.pipeline.results import Outcome, run_record, segment_records, versions
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.id_types import IdTypes
from segbatch.storage.publish import empty_folder
from segbatch.storage.recorder import PreviousRun, Recorded, Recorder
from segbatch.storage.run_writers import Writers


@dataclass(frozen=True, slots=True)
class RunEvaluation:
    """A prepared run.

    Attributes:
        options: The options that select the contacts.
        root: The folder of the definitions.
        prepared: The plan, snapshot and definitions to evaluate.
        missing: The segments of the previous run that have no definition now.
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
    fields: Mapping[str, FieldRecord]

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
        )

    def evaluate(self, folder: Path | None) -> Manifest:
        """Evaluate all segments, record the results, and compute the checksums of the snapshot files in parallel.

        Args:
            folder: The folder to write to; None to count only.

        Returns:
            The manifest of the run.

        Raises:
            UsageError: The ids have another type than in the previous run.
            SnapshotError: The snapshot cannot be read completely, or most of its contacts are gone.
        """
        stop = Event()
        with ThreadPoolExecutor(1, "digest") as pool:
            digests = pool.submit(_digest, self.prepared.snapshot, stop)
            try:
                aligned = self._align_previous()
                self.emitter.end_phase("match")
                manifest = self._manifest(self._outcome(aligned, folder), digests.result())
                self.emitter.end_phase("evaluate")
                return manifest
            finally:
                stop.set()

    def _align_previous(self) -> PreviousRun | None:
        """Find the contacts of the snapshot in the previous run, and check that most of its contacts still exist."""
        state, previous = self.previous.state, self.previous.run
        if state is None or previous is None:
            return None
        aligned = PreviousRun.of(state, self.prepared.snapshot.ids(), self._id_types())
        if not self.options.allow_empty:
            before = previous.run.contacts  # rows after these: contacts already gone then, kept by failed segments
            gone = int((aligned.alignment.gone < before).sum())
            ensure_most_contacts_remain(str(self.options.contacts), before, gone, self.guard)
        return aligned

    def _id_types(self) -> IdTypes:
        state, snapshot = self.previous.state, self.prepared.snapshot
        return IdTypes.of(str(self.options.contacts), snapshot.id_type, state.id_type if state else None)

    def _outcome(self, aligned: PreviousRun | None, folder: Path | None) -> Outcome:
        """Evaluate all segments.

        If segments are held back, evaluate again without them, so that they keep their members.
        """
        plan, definitions, before = self.prepared.plan, self.prepared.definitions, self.previous.segments
        broken = [entry.segment_id for entry in definitions.broken]
        kept = with_members([*plan.failed, *broken, *self.missing.lost], before)
        recorded = self._record(plan, kept, aligned, folder)
        held = find_excessive_changes(plan, before, recorded, self._guard)
        if held:
            self.emitter.emit(*(SegmentHeld(Problem(reason, segment_id=name)) for name, reason in held.items()))
            recorded = self._record(plan.without(held), sorted([*kept, *with_members(held, before)]), aligned, folder)
        return Outcome(self.run_id, definitions, self.root, plan, recorded, before, held, self.missing.lost)

    @property
    def _guard(self) -> Guard:
        """The guard of this run. An empty snapshot, if allowed, may leave all segments empty."""
        return self.guard if self.prepared.snapshot.rows else replace(self.guard, allow_collapse=True)

    def _record(self, plan: Plan, kept: Sequence[str], aligned: PreviousRun | None, folder: Path | None) -> Recorded:
        """Evaluate and record the segments of a plan, and check the contact ids at the same time."""
        snapshot, clock, id_types = self.prepared.snapshot, self.prepared.clock, self._id_types()
        writers = None
        if folder is not None:
            writers = Writers(empty_folder(folder), self.run_id, clock.as_of, id_types)
        segment_ids = [segment.definition.segment_id for segment in plan.segments]
        ids, done = IdCheck(snapshot.id_column), 0
        with Recorder(segment_ids, kept, aligned, id_types, writers) as recorder:
            for members in LocalEngine().evaluate(plan, snapshot):
                recorder.record(members.ids, members.frame)
                ids.add(ids_as_series(members.ids))
                done += len(members.ids)
                self.emitter.emit(ContactsDone(done, snapshot.rows))
            ids.finish(snapshot.ids, snapshot.file_rows)
            return recorder.finish()

    def _manifest(self, outcome: Outcome, read: tuple[SnapshotRecord, ...]) -> Manifest:
        segments = segment_records(outcome)
        return Manifest(
            run=run_record(self.run_id, self.prepared.clock, self.started, self.options.project, segments, read),
            segments=segments,
            deleted=self.missing.deleted,
            snapshot=read,
            id_column=self.prepared.snapshot.id_column,
            custom_fields=self.prepared.snapshot.schema.alias,
            files=outcome.recorded.files,
            warnings=tuple(map(str, self.prepared.warnings)),
            notes=tuple(map(str, self.prepared.notes)),
            versions=versions(),
            fields=tuple(self.fields.values()),
            kept_fields=kept_fields(segments, self.previous),
        )


def _digest(snapshot: Snapshot, stop: Event) -> tuple[SnapshotRecord, ...]:
    return tuple(
        SnapshotRecord(path=str(file.location), rows=file.rows, size=file.size, sha256=file.digest(stop))
        for file in snapshot.files
    )
