"""The work of a run on a cluster, as the driver sees it: the tasks, and their results as one.

The driver reads footers and reports. It reads contacts only to describe ids that are not valid.
"""

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import chain
from threading import Event

from segbatch.cluster.attempts import adopt_files
from segbatch.cluster.base import Cluster
from segbatch.cluster.bucket_state import state_items
from segbatch.cluster.contact_hash import HASH
from segbatch.cluster.contacts_split import ContactsSplit
from segbatch.cluster.job import Job
from segbatch.cluster.map_task import map_split
from segbatch.cluster.reduce_task import reduce_bucket
from segbatch.cluster.report import BucketReport
from segbatch.cluster.splits import Item, encode_item, split_files, with_absolute_path
from segbatch.cluster.table_split import table_items
from segbatch.cluster.task_result import decode_result, encode_result
from segbatch.compiler.plan import Plan
from segbatch.errors import ClusterError
from segbatch.model.manifest import Buckets
from segbatch.snapshot.id_checks import IdCheck
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.query import TableCounts
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.recorder import Recorded

_BUCKET_ROWS = 500_000
"""The number of contacts of a bucket, which a worker has in memory at once."""
_FEWEST, _MOST = 0.5, 4
"""The previous number of buckets is kept between these multiples of the number that would be chosen without it."""


def choose_buckets(contacts: int, slots: int, previous: Buckets | None) -> int:
    """Return the number of buckets for a run.

    The number of the previous run is kept if it suits, because each state can then be read where it is.

    Args:
        contacts: The number of contacts.
        slots: The number of tasks that run at the same time.
    """
    wanted = max(slots, -(-contacts // _BUCKET_ROWS), 1)
    if previous is not None and wanted * _FEWEST <= previous.number <= wanted * _MOST:
        return previous.number
    return wanted


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """The results of all buckets of a job."""

    job: Job
    reports: Sequence[BucketReport]

    @property
    def tables(self) -> Mapping[str, TableCounts]:
        """For each related table, the number of its rows."""
        return reduce(_add_counts, (report.tables for report in self.reports), {})

    @property
    def gone(self) -> int:
        """The number of contacts that were in the previous snapshot and are not in this one."""
        return sum(report.gone for report in self.reports)

    @property
    def buckets(self) -> Buckets:
        """The record of the buckets for the manifest."""
        contacts = tuple(report.contacts for report in self.reports)
        return Buckets(number=self.job.buckets, hash=HASH, contacts=contacts)

    def record(self) -> Recorded:
        """Add up the counts of all buckets, and move the files of the run to their final names."""
        is_repeated = any(report.recorded.is_repeated for report in self.reports)
        total = Recorded(is_compared=self.job.previous is not None, is_repeated=is_repeated)
        for report in self.reports:
            total.members.update(report.recorded.members)
            total.entered.update(report.recorded.entered)
            total.exited.update(report.recorded.exited)
        staged = self.job.staged
        return total if staged is None else replace(total, files=adopt_files(staged, self.reports))


def digest_on(cluster: Cluster, files: Sequence[SnapshotFile]) -> list[str]:
    """Return the SHA-256 of each file of a snapshot in hexadecimal, with one task per file.

    Raises:
        SnapshotError: A file cannot be read, or was written since it was opened.
        ClusterError: The cluster cannot do the work.
    """
    items = [pickle.dumps(with_absolute_path(file)) for file in files]
    results = cluster.call(_digest_file, items) if items else []
    return [*map(decode_result, results)]


def _digest_file(item: bytes) -> bytes:
    """Return the SHA-256 of a file, or the error that prevents it, as `digest_on` reads them."""
    file: SnapshotFile = pickle.loads(item)  # noqa: S301 - the driver of this run has written it
    return encode_result(lambda: file.digest(Event()))


def run_job(cluster: Cluster, job: Job, snapshot: Snapshot, plan: Plan) -> ClusterResult:
    """Do the work of a job.

    Args:
        snapshot: The contacts, with their files.
        plan: The segments to evaluate, with the files of related tables.

    Raises:
        ClusterError: The cluster cannot do the work, or workers differ from this machine.
        SnapshotError: The snapshot cannot be read to its end, or ids are missing or not unique.
        EvaluationError: A rule cannot be evaluated over some contacts.
        UsageError: An id does not fit the type of earlier runs.
        PublishError: A worker cannot write the files of the run.
    """
    encoded = job.encode()
    items = [encode_item(number, item) for number, item in enumerate(_items(job, snapshot, plan))]
    results = cluster.exchange(partial(map_split, encoded), items, partial(reduce_bucket, encoded), job.buckets)
    reports: list[BucketReport] = [*map(decode_result, results)]
    if any(report.invalid_ids for report in reports):
        _refuse_ids(snapshot)
    _ensure_complete(reports, job, snapshot)
    return ClusterResult(job, reports)


def _items(job: Job, snapshot: Snapshot, plan: Plan) -> Iterator[Item[Job]]:
    """Return the parts of the input: contacts, tables, and the previous state if it has other buckets than this run."""
    previous = job.previous
    states: Iterable[Item[Job]] = () if previous is None or previous.is_bucketed else state_items(previous)
    return chain(map(ContactsSplit, split_files(snapshot)), table_items(plan), states)


def _refuse_ids(snapshot: Snapshot) -> None:
    """Read all ids on this machine, and raise the error of a run on one machine."""
    check = IdCheck(snapshot.id_column)
    for ids in snapshot.ids():
        check.add(ids)
    check.finish(snapshot.ids, snapshot.file_rows)


def _ensure_complete(reports: Sequence[BucketReport], job: Job, snapshot: Snapshot) -> None:
    """Raise an error if the cluster lost a bucket or contacts."""
    found = sum(report.contacts for report in reports)
    if [report.bucket for report in reports] != [*range(job.buckets)] or found != snapshot.rows:
        lost = f"{found:,} of {snapshot.rows:,} contacts came back from the workers"
        raise ClusterError(f"{lost}; run again, and report this as a bug if it happens again")


def _add_counts(total: Mapping[str, TableCounts], counts: Mapping[str, TableCounts]) -> Mapping[str, TableCounts]:
    added = {
        name: total.get(name, TableCounts()).plus(one.rows, one.orphans, one.later) for name, one in counts.items()
    }
    return {**total, **added}
