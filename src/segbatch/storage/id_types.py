"""The types of contact ids in the output, when the id type of the snapshot changes between runs.

The membership has the ids in the type of the snapshot. The state and the changes are compared across runs and read over
many runs at once. They keep integers in one type for the whole life of an output: an export that changes from 32 to 64
bits has the same contacts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.errors import UsageError
from segbatch.platform.arrow import as_series
from segbatch.platform.bitmaps import to_array, to_mask
from segbatch.snapshot.arrow.arrays import convert
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.snapshot.arrow.types import is_text
from segbatch.snapshot.id_format import is_uuid


def stored_type(id_type: pa.DataType) -> pa.DataType:
    """Return the Arrow type that ids of a snapshot type are stored as."""
    value_type = id_type.value_type if pa.types.is_dictionary(id_type) else id_type
    return pa.string() if is_text(value_type) else value_type


def to_stored(ids: pa.Array) -> pa.Array:
    """Convert ids to their stored type."""
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_large_string(ids.type) and not ids.null_count:
        return _as_string(ids)
    return ids.cast(pa.string()) if is_text(ids.type) and ids.type != pa.string() else ids


def _as_string(texts: pa.LargeStringArray) -> pa.StringArray:
    """Return texts without nulls in the type that has 32 bits for the ends of texts."""
    if not len(texts):
        return pa.array([], pa.string())
    _, ends, characters = texts.buffers()
    found = np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if found[-1] > np.iinfo(np.int32).max:
        return texts.cast(pa.string())
    return pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(found.astype(np.int32)), characters])


def select_ids(ids: pa.Array, is_wanted: npt.NDArray[np.bool_]) -> pa.Array:
    """Return some ids. The commonest types do without `pyarrow.compute`, see `as_series`.

    Args:
        ids: Ids in the stored type, none of them null.
        is_wanted: Whether each is wanted.
    """
    if pa.types.is_string(ids.type):
        return _as_string(as_series("ids", ids).filter(as_series("is_wanted", to_mask(is_wanted))).to_arrow())
    if pa.types.is_integer(ids.type):
        return to_array(ids.to_numpy()[is_wanted])
    return ids.filter(to_mask(is_wanted))


_WIDEST = {pa.int64(): pl.Int64(), pa.uint64(): pl.UInt64()}
_AS_BEFORE = "export them as before, or publish elsewhere (--output)"


@dataclass(frozen=True, slots=True)
class IdTypes:
    """The id types of a run.

    Attributes:
        own: The type in the membership: that of the snapshot, apart from the physical layout of strings. For tables,
            whose types never change, it is `kept`.
        kept: The type in the state and the changes.
    """

    own: pa.DataType
    kept: pa.DataType
    contacts: str

    @classmethod
    def of(cls, contacts: str, id_type: pa.DataType, before: pa.DataType | None) -> "IdTypes":
        """Determine the id types of a run.

        Args:
            before: The stored id type of the previous run; None for a first run.

        Raises:
            UsageError: The ids have another type than in the previous run, so no contact would be found again.
        """
        own = stored_type(id_type)
        if before is None or before == own:
            return cls(own, _widest(own), contacts)
        if pa.types.is_integer(own) and pa.types.is_integer(before):
            return cls(own, _widest(before), contacts)
        if is_uuid(own) and is_uuid(before):
            return cls(own, before, contacts)
        was, now = describe_arrow_type(before), describe_arrow_type(own)
        raise UsageError(f"{contacts}: its ids are {now}, and those of the last run were {was}; {_AS_BEFORE}")

    def for_tables(self) -> "IdTypes":
        """Return the types for a run whose membership becomes a part of a table."""
        return replace(self, own=self.kept)

    def as_kept(self, ids: pa.Array) -> pa.Array:
        """Return ids in the type of the state and the changes. `comparable` has checked that they fit."""
        ids = to_stored(ids)
        return convert(ids, self.kept)

    def as_own(self, ids: pa.Array) -> pa.Array:
        """Return stored ids in the type of the membership.

        Raises:
            UsageError: An id does not fit. It belongs to a contact that is gone but stays in a failed segment.
        """
        if ids.type == self.own:
            return ids
        try:
            return convert(ids, self.own)
        except pa.ArrowInvalid as error:
            what = f"its ids are {describe_arrow_type(self.own)}, and an id that a failed segment keeps does not fit"
            remedy = f"fix the segment, or {_AS_BEFORE}"
            hidden = f"{self.contacts}: {what}; {remedy}"
            raise UsageError(f"{self.contacts}: {what} ({error}); {remedy}", without_ids=hidden) from None

    def comparable(self, batches: Iterable[pl.Series]) -> Iterator[pl.Series]:
        """Convert ids of this or the previous run to the type that they are compared in.

        Raises:
            UsageError: An id does not fit.
        """
        widest = _WIDEST.get(self.kept)
        for ids in batches:
            yield ids if widest is None or ids.dtype == widest else self._cast(ids, widest)

    def _cast(self, ids: pl.Series, data_type: pl.DataType) -> pl.Series:
        found = ids.cast(data_type, strict=False)
        misfits = ids.filter(found.is_null() & ids.is_not_null())
        if len(misfits):
            where = f"does not fit the ids of earlier runs, which are {describe_arrow_type(self.kept)}; {_AS_BEFORE}"
            hidden = f"{self.contacts}: an id {where}"
            raise UsageError(f"{self.contacts}: the id {misfits[0]} {where}", without_ids=hidden)
        return found


def _widest(id_type: pa.DataType) -> pa.DataType:
    if not pa.types.is_integer(id_type):
        return id_type
    return pa.uint64() if id_type == pa.uint64() else pa.int64()
