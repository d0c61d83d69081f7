"""The Parquet files of a snapshot: opening them, and saying clearly what is wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.contacts.places import READ_SIZE, Place, reading
from segbatch.errors import SnapshotError, clipped

__all__ = ["SnapshotFile", "open_file", "read_batches"]


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A Parquet file of a snapshot, as it was when it was opened.

    Attributes:
        place: Where it is.
        stamp: Its size, and what else tells that nobody wrote it since.
        rows: How many contacts it has.
        schema: Its columns.
    """

    place: Place
    stamp: tuple[int, object]
    rows: int
    schema: pa.Schema

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.stamp[0]

    def ensure_unchanged(self) -> None:
        """Check that nobody wrote the file since it was opened.

        Raises:
            SnapshotError: Somebody did.
        """
        with reading(self.place):
            now = self.place.stamp
        if now != self.stamp:
            raise SnapshotError(f"{self.place}: was written while it was read; run again when the export is done")

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the file's bytes, in hexadecimal; or, once `stop` is set, of as many as were read.

        Raises:
            SnapshotError: The file cannot be read, or somebody wrote it since it was opened.
        """
        with reading(self.place):
            digest = self.place.digest(stop)
        self.ensure_unchanged()  # or the digest may be of other bytes than those that were evaluated
        return digest


def open_file(place: Place) -> SnapshotFile:
    """Open a Parquet file and read its footer.

    Raises:
        SnapshotError: It is no Parquet file, or cut short, or cannot be read.
    """
    with reading(place), place.glanced() as source, _parquet(source) as parquet:
        return SnapshotFile(place, place.stamp, parquet.metadata.num_rows, parquet.schema_arrow)


def read_batches(file: SnapshotFile, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Read some columns of a file in batches.

    Args:
        file: The file.
        columns: Dotted paths of what to read.
        rows: The largest number of rows in a batch.

    Raises:
        SnapshotError: The file cannot be read, or is damaged.
    """
    with reading(file.place), file.place.opened() as source, _parquet(source) as parquet:
        try:
            for batch in parquet.iter_batches(batch_size=rows, columns=columns):
                _ensure_unicode(file.place, batch)
                yield batch
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            raise _not_unicode(file.place, _not_readable(parquet, columns)) from None


@contextmanager
def _parquet(source: pa.NativeFile) -> Iterator[pq.ParquetFile]:
    with pq.ParquetFile(source, pre_buffer=False, buffer_size=READ_SIZE) as parquet:
        yield parquet


def _not_readable(parquet: pq.ParquetFile, columns: list[str]) -> str:
    """Return the column that cannot be read, which Arrow does not tell."""
    for column in columns[:-1]:
        try:
            for _ in parquet.iter_batches(columns=[column]):
                pass
        except pa.ArrowInvalid:
            return column
    return columns[-1]


def _ensure_unicode(place: Place, batch: pa.RecordBatch) -> None:
    """Check that texts are texts: Parquet's readers do not, and what comes after relies on it."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise _not_unicode(place, name) from None


def _not_unicode(place: Place, column: str) -> SnapshotError:
    problem = "has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"
    return SnapshotError(f"{place}: the column '{clipped(column)}' {problem}")
