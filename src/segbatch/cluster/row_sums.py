"""Sums over the rows of a related table that belong to contacts, on a cluster.

Ids of contacts and rows meet in the bucket of the id, as those of a run do.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from segbatch.cluster.payloads import Kind, Payload, decode_payloads, encode_frame, frame_of
from segbatch.cluster.table_split import CONTACT_ID, frames_by_bucket, in_type_of_contacts
from segbatch.cluster.task_result import encode_result
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.row_numbers import ContactRows
from segbatch.snapshot.scan import ReadRows, add_rows
from segbatch.snapshot.snapshot import Snapshot


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

    def cut(self, kind: Kind, frame: pl.DataFrame) -> Iterator[tuple[int, bytes]]:
        """Yield the rows of each bucket as a payload."""
        return ((bucket, encode_frame(kind, rows)) for bucket, rows in frames_by_bucket(frame, self.buckets))


@dataclass(frozen=True, slots=True)
class ContactIds:
    """The ids in a part of the contacts."""

    file: SnapshotFile

    def payloads(self, sums: RowSums) -> Iterator[tuple[int, bytes]]:
        """Yield the ids by bucket."""
        for ids in replace(sums.contacts, files=(self.file,)).ids():
            yield from sums.cut("ids", ids.alias(CONTACT_ID).to_frame())


@dataclass(frozen=True, slots=True)
class TableNumbers:
    """The numbers of the rows in a part of the table, added up for each contact."""

    file: SnapshotFile

    def payloads(self, sums: RowSums) -> Iterator[tuple[int, bytes]]:
        """Yield the sums by bucket."""
        for ids, numbers in sums.read(replace(sums.table, files=(self.file,))):
            contacts = in_type_of_contacts(ids, sums.contacts.id_type).alias(CONTACT_ID)
            rows = pl.DataFrame([contacts, *numbers.iter_columns()])
            yield from sums.cut("rows", rows.group_by(CONTACT_ID).agg(pl.all().sum()))


def reduce_rows(_bucket: int, payloads: Sequence[bytes]) -> bytes:
    """Return the sums of the rows of known contacts in a bucket, as `encode_result` does."""
    return encode_result(lambda: _sums(decode_payloads(payloads)))


def _sums(payloads: Iterable[Payload]) -> list[int]:
    frames = [(payload.kind, frame_of(payload)) for payload in payloads]
    known = ContactRows(comparable_ids(frame.get_column(CONTACT_ID)) for kind, frame in frames if kind == "ids")
    rows = (
        (comparable_ids(frame.get_column(CONTACT_ID)), frame.drop(CONTACT_ID))
        for kind, frame in frames
        if kind == "rows"
    )
    return add_rows(known, rows)
