"""Checks that each contact of a snapshot has an id and that ids are unique."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.platform.arrow import as_series
from segbatch.platform.bitmaps import to_array
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.snapshot.arrow.types import is_text
from segbatch.snapshot.duplicate_ids import refuse_duplicates
from segbatch.snapshot.source_words import OF_CONTACTS, SourceWords
from segbatch.text import clipped, counted, did_you_mean, some_of


def find_id_column(schema: pa.Schema, name: str, words: SourceWords) -> pa.DataType:
    """Return the type of the id column. That of a related table may be null: its rows belong to no contact.

    Raises:
        SnapshotError: The snapshot has no such column, or the column's type is not valid for ids.
    """
    if name not in schema.names:
        near = did_you_mean(name, schema.names) or f"; it has {some_of(schema.names) or 'no columns at all'}"
        raise SnapshotError(f"{words.owner} has no {words.column} '{clipped(name)}'{near} ({words.option})")
    arrow_type = schema.field(name).type
    if pa.types.is_null(arrow_type):
        if words != OF_CONTACTS:
            return arrow_type
        raise SnapshotError(f"the {_column(name, words)} contains only nulls; give each contact an id ({words.option})")
    if not _can_be_id(arrow_type):
        message = f"is {describe_arrow_type(arrow_type)}; ids are text, whole numbers, UUIDs or bytes ({words.option})"
        raise SnapshotError(f"the {_column(name, words)} {message}")
    return arrow_type


def _column(name: str, words: SourceWords) -> str:
    of = "" if words == OF_CONTACTS else f" of {words.owner}"
    return f"{words.column} '{clipped(name)}'{of}"


def _can_be_id(arrow_type: pa.DataType) -> bool:
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    tests = (
        is_text,
        pa.types.is_integer,
        pa.types.is_fixed_size_binary,
        pa.types.is_binary,
    )
    is_whole_decimal = pa.types.is_decimal128(arrow_type) and arrow_type.scale == 0
    is_uuid = isinstance(arrow_type, pa.BaseExtensionType) and arrow_type.extension_name == "arrow.uuid"
    return is_whole_decimal or is_uuid or any(test(arrow_type) for test in tests)


def with_small_ids(arrow: pa.Schema, name: str) -> pa.Schema:
    """Return the schema with ids of bytes in the layout of the membership."""
    index = arrow.get_field_index(name)
    is_other_layout = index >= 0 and arrow.field(index).type in {pa.large_binary(), pa.binary_view()}
    return arrow.set(index, pa.field(name, pa.binary())) if is_other_layout else arrow


def ensure_one_id_column(file: str, schema: pa.Schema, name: str, arrow: pa.Schema, words: SourceWords) -> None:
    """Raise an error if a file has no id column, or several.

    Args:
        file: The name of the file.
        schema: The schema of the file.
        name: The name of the id column.
        arrow: The common schema of all files.
    """
    found = schema.names.count(name)
    if found > 1:
        raise SnapshotError(f"{file}: the column '{clipped(name)}' occurs twice; rename one of them in the export")
    if not found and name in arrow.names:
        problem = f"has no {words.column} '{clipped(name)}', which other files of {words.owner} have"
        raise SnapshotError(f"{file}: {problem}; export all files with the same schema")


def ids_as_series(ids: pa.Array) -> pl.Series:
    """Return ids of any Arrow type as a Polars series."""
    if isinstance(ids, pa.ExtensionArray):
        ids = ids.storage
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    return as_series("id", ids)


class _MissingIds:
    """A counter of contacts without a valid id, for one reason: the id is null, or it is empty."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._number = 0
        self._first = 0

    def add(self, are: pl.Series, rows_before: int) -> None:
        """Count the contacts of the next batch whose value in `are` is true."""
        found = int(are.sum())
        if found and not self._number:
            self._first = rows_before + int(are.arg_max() or 0) + 1
        self._number += found

    def refuse(self, column: str) -> None:
        """Raise an error if any contact was counted."""
        if self._number:
            have = f"{'has' if self._number == 1 else 'have'} {self._what.format(clipped(column))}"
            where = f"the first in row {self._first:,}; give each an id in the export"
            raise SnapshotError(f"{counted(self._number, 'contact')} {have}, {where}")


class IdCheck:
    """A check of all ids of a snapshot, batch by batch.

    The check keeps a 64-bit hash of each id, which takes 8 bytes per contact, and as much again while the hashes are
    sorted at the end. Ids with equal hashes are looked up in the snapshot, so that only equal ids count as duplicates.
    """

    def __init__(self, column: str) -> None:
        self._column = column
        self._hashes: list[pl.Series] = []
        self._rows = 0
        self._null = _MissingIds("no id (the column '{}' is null)")
        self._empty = _MissingIds("an empty id (an empty text in '{}')")

    def add(self, ids: pl.Series) -> pl.Series:
        """Add the ids of the next batch, and return their hashes."""
        if ids.null_count():
            self._null.add(ids.is_null(), self._rows)
        if ids.dtype == pl.String:
            self._empty.add(ids == "", self._rows)
        self._rows += len(ids)
        self._hashes.append(ids.hash())
        return self._hashes[-1]

    def finish(self, read_again: Callable[[], Iterable[pl.Series]], files: Sequence[tuple[str, int]] = ()) -> None:
        """Raise an error if ids are missing or not unique.

        Args:
            read_again: Reads the ids of the snapshot again, in batches. It is called only if hashes occur twice.
            files: The files of the snapshot in reading order, each with its number of rows.

        Raises:
            SnapshotError: Ids are null or empty, or occur more than once.
        """
        for without in (self._null, self._empty):
            without.refuse(self._column)
        twice = _repeated(self._hashes)
        if len(twice):
            hashes = pl.Series(to_array(twice)).unique(maintain_order=True)
            refuse_duplicates(self._column, hashes, read_again(), files)


def _repeated(hashes: Sequence[pl.Series]) -> npt.NDArray[np.uint64]:
    """Return the copies of hashes that occur before, sorted. NumPy sorts in half the time that Polars takes."""
    own = np.concatenate([np.empty(0, dtype=np.uint64), *(part.to_numpy() for part in hashes)])
    own.sort()
    copies: npt.NDArray[np.uint64] = own[1:][own[1:] == own[:-1]]
    return copies
