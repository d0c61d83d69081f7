"""The second stage of a run on a cluster: a bucket of contacts is compared with the previous run, and recorded.

Equal ids are in one bucket, in this and in the previous run. So a bucket is recorded as a run on one machine is.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from segbatch.cluster.bucket_state import open_previous
from segbatch.cluster.job import Job, StagedFolder, decode_versioned
from segbatch.cluster.payloads import Payload, decode_payloads, words_of
from segbatch.cluster.report import BucketReport
from segbatch.cluster.table_reduction import complete_contacts
from segbatch.cluster.task_result import encode_result
from segbatch.engine.local import batch_rows
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.storage.comparison import PreviousRun
from segbatch.storage.complete_changes import record_completely
from segbatch.storage.id_types import stored_type
from segbatch.storage.recorder import Recorder
from segbatch.storage.run_writers import Writers
from segbatch.storage.state import State
from segbatch.storage.write_errors import translate_write_errors


def reduce_bucket(job: bytes, bucket: int, payloads: Sequence[bytes]) -> bytes:
    """Record the contacts of a bucket.

    Returns:
        The report, or an error that users can meet, as `encode_result` returns it.
    """
    return encode_result(lambda: _reduce(decode_versioned(job), bucket, decode_payloads(payloads)))


def _reduce(job: Job, bucket: int, payloads: Sequence[Payload]) -> BucketReport:
    contacts = [payload.rows for payload in payloads if payload.kind == "contacts"]
    ids = pa.chunked_array([rows.column(0) for rows in contacts], stored_type(job.snapshot.id_type))
    invalid = count_invalid(ids)
    if invalid:
        return BucketReport(bucket, len(ids), invalid)
    completed = complete_contacts(job, contacts, payloads)
    state = open_previous(job, bucket, payloads)
    with nullcontext() if job.staged is None else translate_write_errors(Path(job.staged.path).parent):
        return replace(_record(job, bucket, completed.contacts, state), tables=completed.tables)


def count_invalid(ids: pa.ChunkedArray) -> int:
    """Count the ids that are null or empty, or that occurred before."""
    parts = [*map(ids_as_series, ids.chunks)]
    invalid = sum(part.null_count() + int((part == "").sum() if part.dtype == pl.String else 0) for part in parts)
    hashes = pl.concat([part.hash() for part in parts]).sort() if parts else pl.Series(dtype=pl.UInt64)
    if not (hashes == hashes.shift()).any():
        return invalid
    return invalid + len(ids) - pl.concat(parts).n_unique()  # equal hashes can be of different ids


def _record(job: Job, bucket: int, contacts: Sequence[pa.RecordBatch], state: State | None) -> BucketReport:
    last = None if state is None else PreviousRun.of(state, job.id_types)
    return record_completely(lambda previous: _record_once(job, bucket, contacts, previous), last)


def _record_once(
    job: Job, bucket: int, contacts: Sequence[pa.RecordBatch], previous: PreviousRun | None
) -> BucketReport:
    folder = None if job.staged is None else _new_attempt(job.staged, bucket)
    with Recorder(job.segment_ids, job.kept, previous, job.id_types, _writers(job, folder), job.bits) as recorder:
        for batch in _batches(job, contacts):
            recorder.record_words(batch.column(0), words_of(batch))
        gone = recorder.find_gone()
        recorded = recorder.finish()
    number = sum(rows.num_rows for rows in contacts)
    state = None if previous is None else previous.state
    listed = 0 if state is None or job.previous is None else int(state.were_present(gone, state.rows).sum())
    attempt = None if folder is None else folder.name
    return BucketReport(bucket, number, gone=listed, recorded=recorded, attempt=attempt)


def _new_attempt(staged: StagedFolder, bucket: int) -> Path:
    folder = staged.attempts / f"bucket-{bucket:05}.{secrets.token_hex(4)}"
    folder.mkdir()
    return folder


def _writers(job: Job, folder: Path | None) -> Writers | None:
    if folder is None or job.staged is None:
        return None
    return Writers(folder, job.run_id, job.as_of, job.id_types, job.staged.publication)


def _batches(job: Job, contacts: Sequence[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the contacts in batches of a fixed length, so that the files do not depend on the splits."""
    if contacts:
        table, most = pa.Table.from_batches(contacts), batch_rows(len(job.segment_ids))
        for start in range(0, len(table), most):
            yield _join(table.slice(start, most).to_batches())


def _join(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Return one batch in memory of its own. Buffers of payloads are padded, so files would depend on the splits."""
    if len(batches) > 1:
        return pa.concat_batches(batches)
    return batches[0].take(pl.int_range(batches[0].num_rows, eager=True).to_arrow())
