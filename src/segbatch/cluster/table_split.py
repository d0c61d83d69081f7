"""The rows of a part of a related table, cut into payloads by the bucket of their contacts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.cluster.contact_hash import sort_by_bucket
from segbatch.cluster.job import Job
from segbatch.cluster.payloads import encode_frame
from segbatch.cluster.splits import split_files
from segbatch.cluster.table_plan import divide
from segbatch.compiler.plan import Plan
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.table_rows import TableRows, read_rows, select_rows

CONTACT_ID = "contact id"
"""The column with the contact of a row, next to the columns of `TableRows`."""

ROWS = "rows"
"""The number of rows with this id. A payload with this column has the ids of rows that no aggregate needs."""

_BATCH = 500_000


@dataclass(frozen=True, slots=True)
class TableSplit:
    """A part of a related table.

    Attributes:
        name: The name of the table in rules.
        file: A file of the table, or some row groups of it.
    """

    name: str
    file: SnapshotFile

    def payloads(self, job: Job) -> Iterator[tuple[int, bytes]]:
        """Yield the rows that an aggregate needs, in the order of the table, and the ids of the others.

        Raises:
            SnapshotError: The file cannot be read to its end.
        """
        divided = divide(job.plan)
        [query] = [query for query in divided.queries if query.name == self.name]
        table = replace(divided.tables[self.name], files=(self.file,))
        for batch in table.batches(query.leaves, _BATCH):
            rows = read_rows(query, batch)
            facts = {"table": self.name, "rows": str(len(rows.contacts)), "later": str(rows.later)}
            for bucket, frame in _cut(rows, job):
                yield bucket, encode_frame("rows", frame, facts)
                facts = {"table": self.name, "rows": "0", "later": "0"}  # the batch is counted once


def table_items(plan: Plan) -> list[TableSplit]:
    """Return the parts of the related tables of a plan, in the order of the tables.

    Raises:
        SnapshotError: A file cannot be read.
    """
    tables = divide(plan).tables
    return [TableSplit(name, file) for name, table in tables.items() for file in split_files(table)]


def _cut(rows: TableRows, job: Job) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the rows of each bucket: those that an aggregate needs, then the ids of the others."""
    contacts = in_type_of_contacts(rows.contacts, job.snapshot.id_type).alias(CONTACT_ID)
    needed = np.flatnonzero(rows.is_needed)
    columns = select_rows(rows.columns, needed)
    yield from frames_by_bucket(pl.DataFrame([contacts.gather(needed), *columns.iter_columns()]), job.buckets)
    others = contacts.gather(np.flatnonzero(~rows.is_needed))
    yield from frames_by_bucket(others.value_counts(name=ROWS), job.buckets)


def in_type_of_contacts(ids: pl.Series, id_type: pa.DataType) -> pl.Series:
    """Return ids in the type of those of the contacts; null if that type does not contain them."""
    dtype = ids_as_series(pa.array([], id_type)).dtype
    return ids if ids.dtype == dtype else ids.cast(dtype, strict=False)


def frames_by_bucket(rows: pl.DataFrame, buckets: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the rows of each bucket that has any, in their order.

    Args:
        rows: Rows with a column `CONTACT_ID`.
    """
    order, parts = sort_by_bucket(rows.get_column(CONTACT_ID).to_arrow(), buckets)
    rows = select_rows(rows, order)
    return ((bucket, rows.slice(start, length)) for bucket, start, length in parts)
