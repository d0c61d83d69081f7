"""Rows and what is known of their contacts, found by id."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.errors import UsageError
from segbatch.exports.columns import Contacts
from segbatch.exports.reader import CONTACT_ID
from segbatch.snapshot.arrow.polars_types import kind_words
from segbatch.snapshot.id_checks import IdCheck
from segbatch.storage.id_types import stored_type
from segbatch.storage.row_mapping import map_contacts

__all__ = ["Join"]

_ROW = "row of the snapshot"
"""A column's name that nothing else has: it has blanks, and is dropped before anything is named by users."""


@dataclass(slots=True)
class Join:
    """Adds columns of the snapshot to rows.

    What it holds in memory are 16 bytes of hash for each contact and each row, as a run does.

    Attributes:
        read_rows: Reads the rows, from the first, each time it is called.
        contacts: The snapshot with the columns.
        id_type: The type of the rows' ids.
        missing: After all is read, how many rows' contacts are not in the snapshot.
    """

    read_rows: Callable[[], Iterator[pl.DataFrame]]
    contacts: Contacts
    id_type: pa.DataType
    missing: int = 0

    def __post_init__(self) -> None:
        """Refuse a snapshot whose ids are of another kind.

        Raises:
            UsageError: They are.
        """
        own, other = self.id_type, stored_type(self.contacts.id_type)
        if own != other and not (_is_whole(own) and _is_whole(other)):
            message = f"its ids are {kind_words(other)}, and those of the run {kind_words(own)}"
            column = f"'{self.contacts.snapshot.id_column}'"
            raise UsageError(f"the snapshot: {message}; name the column of the ids (--id-column), now {column}")

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows with the columns: in the order of the snapshot, and behind them those that are not in it.

        Raises:
            SnapshotError: Ids of the snapshot are null or come twice, or it cannot be read.
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
        """Find each row in the snapshot: its number there, or null, and all that the row has beside its id."""
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

        rows = map_contacts(contact_ids(), row_ids()).rows.alias(_ROW)
        check.finish(self.contacts.ids, self.contacts.snapshot.file_rows)
        return pl.concat([rows.to_frame(), *([pl.concat(more)] if more and more[0].width else [])], how="horizontal")

    def _others(self, rows: pl.Series) -> Iterator[pl.DataFrame]:
        """Yield the rows whose contacts are not in the snapshot."""
        empty, done = self.contacts.nobody, 0
        for frame in self.read_rows():
            others = frame.filter(rows.slice(done, len(frame)).is_null())
            done += len(frame)
            if len(others):
                yield pl.concat([others, empty.clear(len(others))], how="horizontal")

    def _alike(self, ids: pl.Series) -> pl.Series:
        """Return ids of the snapshot in the type of the rows' ids; null where one does not fit, and so is not there."""
        kind = pl.Series(pa.array([], self.id_type)).dtype if _is_whole(self.id_type) else ids.dtype
        return ids if ids.dtype == kind else ids.cast(kind, strict=False)


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))
