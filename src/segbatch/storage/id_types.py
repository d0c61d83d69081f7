"""In which types the contacts' ids are written, where the snapshot's own may be another from night to night.

The membership has the ids as the snapshot has them. What is compared from run to run, and read over many runs at once,
has whole numbers in one type for the life of an output: an export that goes from 32 bits to 64 has the same contacts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.errors import UsageError
from segbatch.snapshot.arrow.arrays import converted
from segbatch.snapshot.arrow.polars_types import is_text, kind_words
from segbatch.snapshot.id_format import is_uuid

__all__ = ["TEXTS", "IdTypes", "picked", "stored", "stored_type", "written_type"]

TEXTS = pa.dictionary(pa.int32(), pa.string())
"""Texts that repeat; in a Parquet file they are texts, coded by a dictionary."""


def stored_type(id_type: pa.DataType) -> pa.DataType:
    """Return the type in which ids of a snapshot are kept."""
    kind = id_type.value_type if pa.types.is_dictionary(id_type) else id_type
    return pa.string() if is_text(kind) else kind


def written_type(id_type: pa.DataType) -> pa.DataType:
    """Return the type in which ids that may repeat go to a Parquet writer: texts by dictionary."""
    kind = stored_type(id_type)
    return TEXTS if kind == pa.string() else kind


def stored(ids: pa.Array) -> pa.Array:
    """Return ids in the type in which they are kept."""
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    return ids.cast(pa.string()) if is_text(ids.type) else ids


def picked(ids: pa.Array, rows: pa.Array) -> pa.Array:
    """Return the ids of some rows for a Parquet writer, without copying a text for each.

    Args:
        ids: Ids as they are kept.
        rows: Row numbers, 32-bit.
    """
    if ids.type == pa.string():
        return pa.DictionaryArray.from_arrays(rows, ids, safe=False)
    return ids.take(rows)


_WIDEST = {pa.int64(): pl.Int64(), pa.uint64(): pl.UInt64()}
_AS_BEFORE = "export them as before, or publish elsewhere (--output)"


@dataclass(frozen=True, slots=True)
class IdTypes:
    """The types of the ids of a run.

    Attributes:
        own: That of the membership: the snapshot's, apart from the layout of texts.
        kept: That of the bits and the changes.
        contacts: The snapshot, for messages.
    """

    own: pa.DataType
    kept: pa.DataType
    contacts: str

    @classmethod
    def of(cls, contacts: str, id_type: pa.DataType, before: pa.DataType | None) -> "IdTypes":
        """Find the types for a snapshot.

        Args:
            contacts: The snapshot.
            id_type: The Arrow type of its ids.
            before: The type of the ids of the last run, if there is one.

        Raises:
            UsageError: The ids are of another kind than those of the last run; they would never be found again.
        """
        own = stored_type(id_type)
        if before is None or before == own:
            return cls(own, _widest(own), contacts)
        if pa.types.is_integer(own) and pa.types.is_integer(before):
            return cls(own, _widest(before), contacts)
        if is_uuid(own) and is_uuid(before):
            return cls(own, before, contacts)
        was, now = kind_words(before), kind_words(own)
        raise UsageError(f"{contacts}: its ids are {now}, and those of the last run were {was}; {_AS_BEFORE}")

    def as_kept(self, ids: pa.Array) -> pa.Array:
        """Return ids in the type of the bits and the changes; that they fit is known from `comparable`."""
        ids = stored(ids)
        return converted(ids, self.kept)

    def as_own(self, ids: pa.Array) -> pa.Array:
        """Return kept ids in the type of the membership.

        Raises:
            UsageError: One of them does not fit: that of a contact that is gone, and stays in a segment that failed.
        """
        if ids.type == self.own:
            return ids
        try:
            return converted(ids, self.own)
        except pa.ArrowInvalid as error:
            what = f"its ids are {kind_words(self.own)}, in which one does not fit that a failed segment keeps"
            mend = f"mend the segment, or {_AS_BEFORE}"
            hidden = f"{self.contacts}: {what}; {mend}"
            raise UsageError(f"{self.contacts}: {what} ({error}); {mend}", without_ids=hidden) from None

    def comparable(self, batches: Iterable[pl.Series]) -> Iterator[pl.Series]:
        """Return ids of whichever run in the type in which they are compared.

        Raises:
            UsageError: One of them does not fit.
        """
        kind = _WIDEST.get(self.kept)
        for ids in batches:
            yield ids if kind is None or ids.dtype == kind else self._cast(ids, kind)

    def _cast(self, ids: pl.Series, kind: pl.DataType) -> pl.Series:
        found = ids.cast(kind, strict=False)
        misfits = ids.filter(found.is_null() & ids.is_not_null())
        if len(misfits):
            where = f"does not fit among those of the runs before, which are {kind_words(self.kept)}; {_AS_BEFORE}"
            hidden = f"{self.contacts}: an id {where}"
            raise UsageError(f"{self.contacts}: the id {misfits[0]} {where}", without_ids=hidden)
        return found


def _widest(kind: pa.DataType) -> pa.DataType:
    if not pa.types.is_integer(kind):
        return kind
    return pa.uint64() if kind == pa.uint64() else pa.int64()
