"""The work of a run on a cluster. Only such runs import this module, and with it the stages of the work."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segbatch.cluster.attempts import prepare_attempts
from segbatch.cluster.base import Cluster
from segbatch.cluster.contact_hash import HASH
from segbatch.cluster.driver import ClusterResult, choose_buckets, digest_on, run_job
from segbatch.cluster.job import Job, PreviousState
from segbatch.cluster.table_plan import without_files
from segbatch.compiler.plan import Plan
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.pipeline.predecessor import Predecessor
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.storage.id_types import IdTypes
from segbatch.storage.publish import empty_folder
from segbatch.storage.segment_bits import SegmentBits


@dataclass(frozen=True, slots=True)
class ClusterWork:
    """A prepared run on a cluster.

    Attributes:
        prepared: The snapshot and the time of the run.
        publication: The name of the run's folder, for each row of the files of tables; None if they become no tables.
        buckets: The number of buckets of contacts; None to choose one.
        folder: The folder to write to; None to count only.
    """

    cluster: Cluster
    run_id: str
    prepared: PreparedEvaluation
    previous: Predecessor
    id_types: IdTypes
    publication: str | None
    buckets: int | None
    folder: Path | None

    def with_buckets(self) -> "ClusterWork":
        """Return the work with a number of buckets. Of those that are asked for, no more than contacts are of use."""
        rows = self.prepared.snapshot.rows
        if self.buckets is not None:
            return replace(self, buckets=max(1, min(self.buckets, rows)))
        return replace(self, buckets=choose_buckets(rows, self.cluster.count_slots(), self.previous.buckets))

    def record(self, plan: Plan, kept: Sequence[str]) -> ClusterResult:
        """Evaluate and record the segments of a plan.

        Args:
            kept: The segments that keep the members of the previous run.

        Raises:
            SegbatchError: The input, the output or the cluster cannot be used, as `run_job` describes.
        """
        snapshot, buckets, previous = self.prepared.snapshot, self.buckets or 1, self._previous_state()
        before = SegmentBits() if previous is None else previous.bits
        job = Job(
            run_id=self.run_id,
            as_of=self.prepared.clock.as_of,
            plan=without_files(plan),
            snapshot=replace(snapshot, files=(), queries=()),
            id_types=self.id_types,
            kept=tuple(kept),
            bits=before.next(sorted([*(segment.definition.segment_id for segment in plan.segments), *kept])),
            buckets=buckets,
            previous=previous,
            staged=None if self.folder is None else prepare_attempts(empty_folder(self.folder), self.publication),
        )
        return run_job(self.cluster, job, snapshot, plan)

    def digest(self, files: Sequence[SnapshotFile]) -> Sequence[str]:
        """Return the checksums of files.

        Raises:
            SnapshotError: A file cannot be read, or was written since it was opened.
        """
        return digest_on(self.cluster, files)

    def _previous_state(self) -> PreviousState | None:
        """Return the state of the previous run."""
        state, run, of_run = self.previous.state, self.previous.run, self.previous.buckets
        if state is None or run is None:
            return None
        contacts = (run.run.contacts,) if of_run is None else of_run.contacts
        is_bucketed = of_run is not None and (of_run.hash, of_run.number) == (HASH, self.buckets)
        files = tuple(str(file.absolute()) for file in state.paths)
        return PreviousState(files, contacts, state.bitmap, is_bucketed=is_bucketed)
