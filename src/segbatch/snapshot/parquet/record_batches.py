"""The batches of rows of a snapshot's Parquet files, read with errors that name the column and the problem.

A text column that has few distinct values is read as a dictionary: its distinct values, and a number per row.
Dictionaries differ between row groups, so each row group is read separately, and only files whose row groups are large
are read so.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError
from segbatch.snapshot.arrow.types import is_list, is_text
from segbatch.snapshot.locations import Location, translate_errors
from segbatch.snapshot.parquet.files import ENCRYPTED, SnapshotFile, open_parquet, open_source
from segbatch.text import clipped

_NOT_UNICODE = "has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"

_SMALLEST_GROUP = 16_384
"""Minimum of the average rows per row group, if there are several. Batches end with their row group."""

_MOST_BYTES = 3
"""Maximum of bytes per value for a column with few distinct values: its pages have numbers, and a small dictionary.
A page of texts has five bytes or more per value."""

_SMALL_CHUNK = 4_096
"""A column of a row group below this number of bytes is always quick to read."""


def read_batches(
    file: SnapshotFile, columns: list[str], rows: int, texts: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Read some columns of a file in batches, without deleted rows.

    Args:
        columns: Dotted paths of the columns, or of parts of columns.
        rows: The maximum length of a batch.
        texts: The columns of texts that are read as dictionaries if they have few distinct values.

    Raises:
        SnapshotError: The file cannot be read, or is damaged.
    """
    location, columns = file.location, [*columns]
    constants = {name: file.constants[name] for name in columns if name in file.constants}
    columns = [column for column in columns if column not in constants]
    with (
        translate_errors(location),
        location.open() as source,
        open_parquet(location, source, file.names) as (parquet, _),
    ):
        try:
            groups = file.row_groups or range(parquet.num_row_groups)
            batches = _sound_batches(location, source, parquet, _Selection(columns, rows, texts, groups))
            for batch in _remaining(batches, file.deleted):
                yield _with_constants(batch, constants)
        except (pa.ArrowException, OSError) as error:
            if (problem := _problem_of(error)) is None:
                raise
            raise SnapshotError(
                f"{location}: the column '{clipped(_unreadable(parquet, columns))}' {problem}"
            ) from None


@dataclass(frozen=True, slots=True)
class _Selection:
    """The columns to read from a file, and from which row groups.

    Attributes:
        rows: The maximum length of a batch.
        texts: The columns that may be dictionaries.
    """

    columns: list[str]
    rows: int
    texts: Collection[str]
    groups: Sequence[int]

    def read(self, parquet: pq.ParquetFile, group: int | None = None) -> Iterator[pa.RecordBatch]:
        """Read a file, or a row group, in one thread: the other processors evaluate and write at the same time."""
        groups = self.groups if group is None else [group]
        rows = self.rows if group is None else batch_length(parquet.metadata.row_group(group).num_rows, self.rows)
        batches = parquet.iter_batches(batch_size=rows, row_groups=groups, columns=self.columns, use_threads=False)
        return cast("Iterator[pa.RecordBatch]", batches)


def _sound_batches(
    location: Location, source: pa.NativeFile, parquet: pq.ParquetFile, selection: _Selection
) -> Iterator[pa.RecordBatch]:
    """Read batches and check their values. If a dictionary causes an error, the row group is read without."""
    texts = find_few_texts(parquet.metadata, selection.texts)
    if not texts:
        yield from _checked(location, selection.read(parquet))
        return
    with open_source(source, parquet.metadata, texts) as encoded:
        for group in selection.groups:
            done = 0
            try:
                for batch in _checked(location, selection.read(encoded, group)):
                    yield batch
                    done += 1
            except (pa.ArrowException, OSError, SnapshotError):
                yield from islice(_checked(location, selection.read(parquet, group)), done, None)


def find_few_texts(metadata: pq.FileMetaData, leaves: Collection[str]) -> list[str]:
    """Return the text columns with few distinct values, according to the file's footer.

    Args:
        leaves: The dotted paths of the columns to consider.
    """
    groups = metadata.num_row_groups
    if not groups or (groups > 1 and metadata.num_rows < groups * _SMALLEST_GROUP):
        return []
    columns = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    found = [
        index
        for index, column in enumerate(columns)
        if column.path in leaves and column.logical_type.type == "STRING" and not column.max_repetition_level
    ]
    for number in range(groups):
        group = metadata.row_group(number)
        found = [index for index in found if _has_few(group.column(index))]
    return [columns[index].path for index in found]


def batch_length(group_rows: int, most: int) -> int:
    """Return the length of batches that divide a row group evenly; a multiple of 64 if there are several."""
    batches = -(-group_rows // most)
    return most if batches <= 1 else min(most, -(-group_rows // (64 * batches)) * 64)


def _has_few(chunk: pq.ColumnChunkMetaData) -> bool:
    most = max(_SMALL_CHUNK, _MOST_BYTES * chunk.num_values)
    return bool(chunk.has_dictionary_page and chunk.total_uncompressed_size <= most)


def _checked(location: Location, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        _ensure_sound(location, batch)
        yield batch


def _remaining(batches: Iterator[pa.RecordBatch], deleted: pa.Int64Array | None) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file without the rows at some positions. Batches without other rows are left out."""
    if deleted is None:
        yield from batches
        return
    positions, first = deleted.to_numpy(), 0
    for batch in batches:
        begin, end = np.searchsorted(positions, (first, first + batch.num_rows))
        keep = np.ones(batch.num_rows, dtype=bool)
        keep[positions[begin:end] - first] = False
        first += batch.num_rows
        if begin == end:
            yield batch
        elif keep.any():  # a filtered batch without columns has no rows
            yield batch.filter(pa.array(keep)) if batch.num_columns else batch.slice(0, int(keep.sum()))


def _with_constants(batch: pa.RecordBatch, constants: Mapping[str, pa.Scalar]) -> pa.RecordBatch:
    for name, value in constants.items():
        batch = batch.append_column(name, pa.repeat(value, batch.num_rows))
    return batch


def _problem_of(error: Exception) -> str | None:
    """Return the problem with a column by the error that PyArrow raised; None if the problem is unknown."""
    text = str(error)
    if "UTF8" in text:
        return _NOT_UNICODE
    if "CRC checksum" in text:
        return "is damaged: a page does not match its checksum; export the file again"
    return ENCRYPTED if "crypt" in text else None


def _unreadable(parquet: pq.ParquetFile, columns: list[str]) -> str:
    """Return the column that cannot be read. PyArrow's error does not name it."""
    for column in columns[:-1]:
        try:
            for _ in parquet.iter_batches(columns=[column]):
                pass
        except (pa.ArrowException, OSError):
            return column
    return columns[-1]


def _ensure_sound(location: Location, batch: pa.RecordBatch) -> None:
    """Raise an error if text is not UTF-8 or a value is not valid for its type.

    Raises:
        SnapshotError: A value is not valid. Times outside of the day are accepted, because no rule can compare them.
    """
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            if (problem := _problem(column)) is not None:
                raise SnapshotError(f"{location}: the column '{clipped(name)}' {problem}") from None


def _problem(column: pa.Array) -> str | None:
    """Return the problem with the first invalid part of a column; None if all parts are accepted."""
    for part in _parts(column):
        try:
            part.validate(full=True)
        except pa.ArrowInvalid:
            if is_text(part.type):
                return _NOT_UNICODE
            if not pa.types.is_time(part.type) and not pa.types.is_date64(part.type):
                return f"has values that are not valid for {part.type}, or is damaged; export the file again"
    return None


def _parts(array: pa.Array) -> list[pa.Array]:
    """Return the innermost arrays of a nested array."""
    arrow_type = array.type
    if isinstance(array, pa.ExtensionArray):
        return _parts(array.storage)
    if pa.types.is_dictionary(arrow_type):
        return [*_parts(array.dictionary), array]
    if pa.types.is_struct(arrow_type):
        return [part for index in range(arrow_type.num_fields) for part in _parts(array.field(index))]
    if pa.types.is_map(arrow_type):
        return [*_parts(array.keys), *_parts(array.items)]
    return _parts(array.values) if is_list(arrow_type) else [array]
