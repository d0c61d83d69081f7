"""The evaluation of a run: every segment over every contact, compared with the previous run and recorded."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event

from segbatch.compiler.plan import Plan
from segbatch.compiler.prepare import Prepared, Question
from segbatch.engine.local import evaluate
from segbatch.errors import Problem
from segbatch.model.manifest import FieldRecord, Manifest, SnapshotRecord
from segbatch.observability.events import ContactsDone, RunPlanned, SegmentHeld, Teller
from segbatch.pipeline.carry_over import held_back, keeping
from segbatch.pipeline.deletions import Gone
from segbatch.pipeline.field_records import kept_fields
from segbatch.pipeline.guardrails import Guard, ensure_most_are_there
from segbatch.pipeline.predecessor import Followed
from segbatch.pipeline.results import Outcome, run_record, segment_records, versions
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.id_types import IdTypes
from segbatch.storage.publish import emptied
from segbatch.storage.recorder import LastNight, Recorded, Recorder, Writers


@dataclass(frozen=True, slots=True)
class Night:
    """A prepared run.

    Attributes:
        question: The options that select the contacts.
        root: The folder of the definitions.
        prepared: The plan, snapshot and definitions to evaluate.
        followed: The previous run.
        gone: The segments of the previous run that have no definition now.
        guard: The limits of change for segments.
        teller: The emitter of progress and other events.
        fields: The fields that rules read.
    """

    run_id: str
    started: datetime
    question: Question
    root: Path
    output: Path
    prepared: Prepared
    followed: Followed
    gone: Gone
    guard: Guard
    teller: Teller
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
            follows=self.followed.last.run.run_id if self.followed.last else None,
        )

    def evaluate(self, folder: Path | None) -> Manifest:
        """Evaluate all segments, record the results, and compute the checksums of the snapshot files in parallel.

        Args:
            folder: The folder to write to; None to count only.

        Returns:
            The manifest of the run.

        Raises:
            UsageError: The ids are of another kind than in the previous run.
            SnapshotError: The snapshot cannot be read completely, or most of its contacts are gone.
        """
        stop = Event()
        with ThreadPoolExecutor(1, "digest") as pool:
            digests = pool.submit(_digest, self.prepared.snapshot, stop)
            try:
                last = self._last_night()
                self.teller.end_phase("match")
                manifest = self._manifest(self._outcome(last, folder), digests.result())
                self.teller.end_phase("evaluate")
                return manifest
            finally:
                stop.set()

    def _last_night(self) -> LastNight | None:
        state, last = self.followed.state, self.followed.last
        if state is None or last is None:
            return None
        snapshot = self.prepared.snapshot
        night = LastNight.of(state, snapshot.ids(), self._id_types())
        if not self.question.allow_empty:
            seen = last.run.contacts  # rows after these: contacts already gone then, kept by failed segments
            gone = int((night.mapping.gone < seen).sum())
            ensure_most_are_there(str(self.question.contacts), seen, gone, self.guard)
        return night

    def _id_types(self) -> IdTypes:
        state, snapshot = self.followed.state, self.prepared.snapshot
        return IdTypes.of(str(self.question.contacts), snapshot.id_type, state.id_type if state else None)

    def _outcome(self, last: LastNight | None, folder: Path | None) -> Outcome:
        """Evaluate all segments.

        If segments are held back, evaluate again without them, so that they keep their members.
        """
        plan, definitions, before = self.prepared.plan, self.prepared.definitions, self.followed.segments
        broken = [entry.segment_id for entry in definitions.broken]
        kept = keeping([*plan.failed, *broken, *self.gone.lost], before)
        recorded = self._record(plan, kept, last, folder)
        held = held_back(plan, before, recorded, self._guard)
        if held:
            self.teller.tell(*(SegmentHeld(Problem(reason, segment_id=name)) for name, reason in held.items()))
            recorded = self._record(plan.without(held), sorted([*kept, *keeping(held, before)]), last, folder)
        return Outcome(self.run_id, definitions, self.root, plan, recorded, before, held, self.gone.lost)

    @property
    def _guard(self) -> Guard:
        """The guard of this run. An empty snapshot, if allowed, may leave all segments empty."""
        return self.guard if self.prepared.snapshot.rows else replace(self.guard, allow_collapse=True)

    def _record(self, plan: Plan, kept: Sequence[str], last: LastNight | None, folder: Path | None) -> Recorded:
        """Evaluate and record the segments of a plan, and check the contact ids at the same time."""
        snapshot, clock, id_types = self.prepared.snapshot, self.prepared.clock, self._id_types()
        writers = None
        if folder is not None:
            writers = Writers(emptied(folder), self.run_id, clock.as_of, id_types)
        segment_ids = [segment.definition.segment_id for segment in plan.segments]
        ids, done = IdCheck(snapshot.id_column), 0
        with Recorder(segment_ids, kept, last, id_types, writers) as recorder:
            for members in evaluate(plan, snapshot):
                recorder.record(members.ids, members.frame)
                ids.add(ids_as_series(members.ids))
                done += len(members.ids)
                self.teller.tell(ContactsDone(done, snapshot.rows))
            ids.finish(snapshot.ids, snapshot.file_rows)
            return recorder.finish()

    def _manifest(self, outcome: Outcome, read: tuple[SnapshotRecord, ...]) -> Manifest:
        segments = segment_records(outcome)
        return Manifest(
            run=run_record(self.run_id, self.prepared.clock, self.started, self.question.project, segments, read),
            segments=segments,
            deleted=self.gone.deleted,
            snapshot=read,
            id_column=self.prepared.snapshot.id_column,
            custom_fields=self.prepared.snapshot.schema.alias,
            files=outcome.recorded.files,
            warnings=tuple(map(str, self.prepared.warnings)),
            notes=tuple(map(str, self.prepared.notes)),
            versions=versions(),
            fields=tuple(self.fields.values()),
            kept_fields=kept_fields(segments, self.followed),
        )


def _digest(snapshot: Snapshot, stop: Event) -> tuple[SnapshotRecord, ...]:
    return tuple(
        SnapshotRecord(path=str(file.place), rows=file.rows, size=file.size, sha256=file.digest(stop))
        for file in snapshot.files
    )
