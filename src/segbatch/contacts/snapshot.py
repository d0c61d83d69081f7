"""A snapshot of contacts: one or more Parquet files that are read once, in batches."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.contacts.columns import polars_schema, shared_schema, to_frame
from segbatch.contacts.files import SnapshotFile, find_files, open_file, read_batches
from segbatch.contacts.ids import find_id_column, ids_as_series

__all__ = ["Batch", "Snapshot", "open_snapshot"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some contacts of a snapshot.

    Attributes:
        ids: The ids, in the type in which the snapshot has them.
        frame: The columns that were asked for, a row a contact in the order of `ids`.
    """

    ids: pa.Array
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Contacts at one moment.

    Attributes:
        files: Its Parquet files, in the order in which they are read.
        schema: Its columns with their Polars types.
        id_column: The column that has the contacts' ids.
        id_type: The Arrow type of the ids.
    """

    files: tuple[SnapshotFile, ...]
    schema: Mapping[str, pl.DataType]
    id_column: str
    id_type: pa.DataType

    @property
    def rows(self) -> int:
        """The number of contacts."""
        return sum(file.rows for file in self.files)

    def batches(self, leaves: Iterable[str], rows: int) -> Iterator[Batch]:
        """Read the snapshot from beginning to end.

        Args:
            leaves: Dotted paths of the columns to read; of a struct only these parts are.
            rows: The largest number of contacts in a batch.

        Yields:
            The contacts, batch by batch; the frame of a batch has at least the columns asked for.

        Raises:
            SnapshotError: A file cannot be read, is damaged, or was written meanwhile.
        """
        columns = sorted({*leaves, self.id_column})
        for file in self.files:
            for batch in read_batches(file, columns, rows):
                frame = to_frame(pa.Table.from_batches([batch]))
                yield Batch(batch.column(self.id_column), self._with_types(frame))
            file.ensure_unchanged()

    def _with_types(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give the columns that have no type in this file, being all null, the type they have in another."""
        untyped = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Null)]
        return frame.with_columns(pl.lit(None, dtype=self.schema[name]).alias(name) for name in untyped)

    def ids(self, rows: int) -> Iterator[pl.Series]:
        """Read the ids alone, in batches of at most so many rows."""
        return (ids_as_series(batch.ids) for batch in self.batches([], rows))


def open_snapshot(path: str, id_column: str = "id") -> Snapshot:
    """Open a snapshot and look at its columns, without reading any contact.

    Args:
        path: A Parquet file, a folder of them, or a glob.
        id_column: The name of the column with the contacts' ids.

    Raises:
        SnapshotError: There is no such file, one is no Parquet or cut short, files do not fit each other, or there
            is no such id column.
    """
    files = tuple(open_file(file) for file in find_files(path))
    schema = shared_schema({str(file.path): file.schema for file in files})
    return Snapshot(files, polars_schema(schema), id_column, find_id_column(schema, id_column))
