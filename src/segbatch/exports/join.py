"""A join of rows with the columns of their contacts, by id."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.errors import UsageError
from segbatch.exports.columns import Contacts
from segbatch.exports.reader import CONTACT_ID
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.snapshot.id_checks import IdCheck
from segbatch.storage.id_types import stored_type
from segbatch.storage.row_alignment import align_contacts

_ROW = "row of the snapshot"
"""A column name that cannot collide: it has blanks, and the column is dropped before columns get names from users."""


@dataclass(slots=True)
class Join:
    """Adds columns of the snapshot to rows.

    Memory: 16 bytes of hash for each contact and each row, as in a run.

    Attributes:
        read_rows: Reads the rows from the start each time it is called.
        contacts: The snapshot with the columns to add.
        id_type: The type of the ids in the rows.
        missing: The number of rows whose contacts are not in the snapshot. Known after all rows are read.
    """

    read_rows: Callable[[], Iterator[pl.DataFrame]]
    contacts: Contacts
    id_type: pa.DataType
    missing: int = 0

    def __post_init__(self) -> None:
        """Check that the ids of the snapshot can be compared with those of the rows.

        Raises:
            UsageError: The ids have different types.
        """
        own, other = self.id_type, stored_type(self.contacts.id_type)
        if own != other and not (_is_whole(own) and _is_whole(other)):
            message = f"its ids are {describe_arrow_type(other)}, and those of the run {describe_arrow_type(own)}"
            column = f"'{self.contacts.snapshot.id_column}'"
            raise UsageError(f"the snapshot: {message}; name the column of the ids (--id-column), now {column}")

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows with the columns, in the order of the snapshot, then the rows that are not in the snapshot.

        Raises:
            SnapshotError: Ids of the snapshot are null or duplicate, or the snapshot cannot be read.
            PublishError: The rows cannot be read.
        """
        where = self._find()
        known = where.drop_nulls(_ROW).sort(_ROW, maintain_order=True)
        self.missing = len(where) - len(known)
        begun = done = 0
        for batch in self.contacts.batches():
            end = int(known.get_column(_ROW).search_sorted(begun + len(batch.ids)))
            found = known.slice(done, end - done)
            rows = found.get_column(_ROW) - begun
            if len(found):
                ids = self._alike(batch.ids.gather(rows)).alias(CONTACT_ID)
                yield pl.concat([ids.to_frame(), found.drop(_ROW), batch.frame[rows]], how="horizontal")
            begun, done = begun + len(batch.ids), end
        if self.missing:
            yield from self._others(where.get_column(_ROW))

    def _find(self) -> pl.DataFrame:
        """Return the columns of each row other than the id, and its row number in the snapshot (null if missing)."""
        more = list[pl.DataFrame]()

        def row_ids() -> Iterator[pl.Series]:
            for frame in self.read_rows():
                more.append(frame.drop(CONTACT_ID))
                yield frame.get_column(CONTACT_ID)

        check = IdCheck(self.contacts.snapshot.id_column)

        def contact_ids() -> Iterator[pl.Series]:
            for ids in self.contacts.ids():
                check.add(ids)
                yield self._alike(ids)

        rows = align_contacts(contact_ids(), row_ids()).rows.alias(_ROW)
        check.finish(self.contacts.ids, self.contacts.snapshot.file_rows)
        return pl.concat([rows.to_frame(), *([pl.concat(more)] if more and more[0].width else [])], how="horizontal")

    def _others(self, rows: pl.Series) -> Iterator[pl.DataFrame]:
        """Yield the rows whose contacts are not in the snapshot."""
        empty, done = self.contacts.empty_frame, 0
        for frame in self.read_rows():
            others = frame.filter(rows.slice(done, len(frame)).is_null())
            done += len(frame)
            if len(others):
                yield pl.concat([others, empty.clear(len(others))], how="horizontal")

    def _alike(self, ids: pl.Series) -> pl.Series:
        """Convert ids of the snapshot to the type of the rows' ids.

        An id that does not fit becomes null: no row can have it.
        """
        kind = pl.Series(pa.array([], self.id_type)).dtype if _is_whole(self.id_type) else ids.dtype
        return ids if ids.dtype == kind else ids.cast(kind, strict=False)


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))
