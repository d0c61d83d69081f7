"""Sums over the rows of a related table that belong to contacts, on a cluster.

Ids of contacts and rows meet in the bucket of the id, as those of a run do.
"""

import io
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa

from segbatch.cluster.base import PAYLOADS
from segbatch.cluster.job import decode_versioned
from segbatch.cluster.table_split import CONTACT_ID, frames_by_bucket, in_type_of_contacts
from segbatch.cluster.task_result import encode_result
from segbatch.errors import SegbatchError
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.row_numbers import ContactRows
from segbatch.snapshot.scan import ReadRows, add_rows
from segbatch.snapshot.snapshot import Snapshot

_NUMBER_BITS = 40
_IDS, _ROWS, _ERROR = b"I", b"R", b"E"


@dataclass(frozen=True, slots=True)
class RowSums:
    """The work of adding up numbers.

    Attributes:
        contacts: The contacts, without files.
        table: The table, without files.
        read: Reads the rows of a part of the table.
        buckets: The number of buckets.
    """

    contacts: Snapshot
    table: Snapshot
    read: ReadRows
    buckets: int

    def frames(self, file: SnapshotFile, *, is_table: bool) -> Iterator[pl.DataFrame]:
        """Yield the ids in a part of the contacts or of the table, with the numbers of rows."""
        if is_table:
            for ids, numbers in self.read(replace(self.table, files=(file,))):
                contacts = in_type_of_contacts(ids, self.contacts.id_type).alias(CONTACT_ID)
                rows = pl.DataFrame([contacts, *numbers.iter_columns()])
                yield rows.group_by(CONTACT_ID).agg(pl.all().sum())
        else:
            for ids in replace(self.contacts, files=(file,)).ids():
                yield ids.alias(CONTACT_ID).to_frame()


def map_rows(work: bytes, item: bytes) -> Iterator[pa.RecordBatch]:
    """Return the ids in a part of the contacts or of the table, in record batches as `Cluster.exchange` describes.

    Args:
        work: The `RowSums`, as `encode_versioned` returns it.
        item: The number of the item, whether it is a part of the table, and the file.
    """
    number, is_table, file = pickle.loads(item)  # noqa: S301 - the driver of this run has written it
    kind, index = _ROWS if is_table else _IDS, number << _NUMBER_BITS
    try:
        sums: RowSums = decode_versioned(work)
        for frame in sums.frames(file, is_table=is_table):
            parts = [(bucket, kind + _encode(part)) for bucket, part in frames_by_bucket(frame, sums.buckets)]
            yield _batch(parts, index)
            index += len(parts)
    except SegbatchError as error:
        yield _batch([(0, _ERROR + pickle.dumps(error))], index)


def _batch(parts: Sequence[tuple[int, bytes]], first: int) -> pa.RecordBatch:
    columns = [
        [bucket for bucket, _ in parts],
        [first + index for index in range(len(parts))],
        [one for _, one in parts],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, PAYLOADS, strict=True)]
    return pa.record_batch(arrays, schema=PAYLOADS)


def _encode(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_ipc_stream(sink, compression="lz4")
    return sink.getvalue()


def reduce_rows(_bucket: int, payloads: Sequence[bytes]) -> bytes:
    """Return the sums of the rows of known contacts in a bucket, as `encode_result` does."""
    return encode_result(lambda: _sums(payloads))


def _sums(payloads: Sequence[bytes]) -> list[int]:
    for payload in payloads:
        if payload[:1] == _ERROR:
            raise pickle.loads(payload[1:])  # noqa: S301 - a task of this run has written it
    known = ContactRows(comparable_ids(frame.get_column(CONTACT_ID)) for frame in _frames(payloads, _IDS))
    rows = (
        (comparable_ids(frame.get_column(CONTACT_ID)), frame.drop(CONTACT_ID)) for frame in _frames(payloads, _ROWS)
    )
    return add_rows(known, rows)


def _frames(payloads: Sequence[bytes], kind: bytes) -> Iterator[pl.DataFrame]:
    return (pl.read_ipc_stream(io.BytesIO(payload[1:])) for payload in payloads if payload[:1] == kind)
