"""Reading of a snapshot's Parquet files, with errors that name the problem."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError
from segbatch.snapshot.arrow.types import is_list, is_text
from segbatch.snapshot.locations import READ_SIZE, Location, translate_errors
from segbatch.snapshot.parquet.footer import Element, is_encrypted, read_tail, repairs
from segbatch.text import clipped

_ENCRYPTED = "is encrypted; export it without encryption"


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A Parquet file of a snapshot, as it was when it was opened.

    Attributes:
        version: The size in bytes, and a value that changes when the file is written.
        rows: The number of contacts.
        schema: The columns of the file, followed by the columns that are only in its path.
        constants: The columns that are only in the path, each with its value.
    """

    location: Location
    version: tuple[int, object]
    rows: int
    schema: pa.Schema
    constants: Mapping[str, pa.Scalar] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.version[0]

    def ensure_unchanged(self) -> None:
        """Raise an error if the file was written since it was opened.

        Raises:
            SnapshotError: The file was written.
        """
        with translate_errors(self.location):
            now = self.location.version
        if now != self.version:
            raise SnapshotError(f"{self.location}: was written while it was read; run again when the export is done")

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the file in hexadecimal. Once `stop` is set, hash only the bytes read so far.

        Raises:
            SnapshotError: The file cannot be read, or was written since it was opened.
        """
        with translate_errors(self.location):
            digest = self.location.digest(stop)
        self.ensure_unchanged()  # otherwise the digest may be of bytes that were not evaluated
        return digest


def open_file(location: Location) -> SnapshotFile:
    """Open a Parquet file and read its footer.

    Raises:
        SnapshotError: The file is not Parquet, is cut short, or cannot be read.
    """
    with translate_errors(location), location.open_footer() as source, _parquet(location, source) as (parquet, schema):
        return SnapshotFile(location, location.version, parquet.metadata.num_rows, schema)


def read_batches(file: SnapshotFile, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Read some columns of a file in batches.

    Args:
        columns: Dotted paths of the columns, or of parts of columns.

    Raises:
        SnapshotError: The file cannot be read, or is damaged.
    """
    location, columns = file.location, [*columns]
    constants = {name: file.constants[name] for name in columns if name in file.constants}
    columns = [column for column in columns if column not in constants]
    with translate_errors(location), location.open() as source, _parquet(location, source) as (parquet, _):
        try:
            for batch in parquet.iter_batches(batch_size=rows, columns=columns):
                ensure_sound(location, batch)
                yield _with_constants(batch, constants)
        except (pa.ArrowException, OSError) as error:
            if (problem := _problem_of(error)) is None:
                raise
            raise SnapshotError(
                f"{location}: the column '{clipped(_unreadable(parquet, columns))}' {problem}"
            ) from None


def _with_constants(batch: pa.RecordBatch, constants: Mapping[str, pa.Scalar]) -> pa.RecordBatch:
    for name, value in constants.items():
        batch = batch.append_column(name, pa.repeat(value, batch.num_rows))
    return batch


def leaves_with_values(file: SnapshotFile, leaves: Collection[str]) -> set[str]:
    """Return the columns that have a value according to the statistics in the file's footer.

    Args:
        leaves: Dotted paths of columns, or of parts of columns.

    Raises:
        SnapshotError: The file cannot be read, or is damaged.
    """
    location = file.location
    with translate_errors(location), location.open_footer() as source, _parquet(location, source) as (parquet, _):
        metadata = parquet.metadata
        paths = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
        indexes = {leaf: own for leaf in leaves if (own := _indexes_of(leaf, paths, file.schema.names))}
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        found = {leaf for leaf in leaves if leaf in file.constants and file.constants[leaf].is_valid}
        for group in groups:
            waiting = indexes.keys() - found
            found |= {leaf for leaf in waiting if any(_has_value(group.column(index)) for index in indexes[leaf])}
            if len(found) == len(indexes):
                break
        return found


def _indexes_of(leaf: str, paths: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the indexes of a leaf's Parquet columns. The list is empty if names with dots make the leaf ambiguous."""
    inside = f"{leaf}."
    exact = [index for index, path in enumerate(paths) if path == leaf]
    if len(exact) > 1 or any(name.startswith(inside) for name in names):
        return []
    return exact or [index for index, path in enumerate(paths) if path.startswith(inside)]


def _has_value(column: pq.ColumnChunkMetaData) -> bool:
    """Return whether a column is known to have a value other than null and NaN. Without statistics it is not known."""
    statistics = column.statistics
    if statistics is None or not statistics.has_null_count or statistics.null_count >= column.num_values:
        return False
    return statistics.has_min_max or column.physical_type not in {"FLOAT", "DOUBLE"}


@contextmanager
def _parquet(location: Location, source: pa.NativeFile) -> Iterator[tuple[pq.ParquetFile, pa.Schema]]:
    """Open a file and yield it with its own schema, even if PyArrow needs a changed schema."""
    if is_encrypted(source):
        raise SnapshotError(f"{location}: {_ENCRYPTED}")
    try:
        parquet, root = _opened(source), None
    except (pa.ArrowException, OSError):
        parquet, root = _opened_after_repair(source)
    with parquet:
        schema = parquet.schema_arrow
        yield parquet, root.declared(pa.struct(list(schema))) if root else schema


def _opened(source: pa.NativeFile, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
    return pq.ParquetFile(
        source,
        metadata=metadata,
        pre_buffer=False,
        buffer_size=READ_SIZE,
        coerce_int96_timestamp_unit="us",  # nanoseconds end in 2262; INT96 dates do not
        page_checksum_verification=True,
    )


def _opened_after_repair(source: pa.NativeFile) -> tuple[pq.ParquetFile, Element | None]:
    """Open a file that PyArrow refuses. If no repair helps, raise PyArrow's error."""
    footer = read_tail(source)
    for changed, root in repairs(footer) if footer else ():
        try:
            return _opened(source, pq.read_metadata(pa.BufferReader(changed))), root
        except (pa.ArrowException, OSError):
            continue
    source.seek(0)
    _opened(source)
    raise AssertionError(source)


def _problem_of(error: Exception) -> str | None:
    """Return the problem with a column by the error that PyArrow raised; None if the problem is unknown."""
    text = str(error)
    if "UTF8" in text:
        return NOT_UNICODE
    if "CRC checksum" in text:
        return "is damaged: a page does not match its checksum; export the file again"
    return _ENCRYPTED if "crypt" in text else None


def _unreadable(parquet: pq.ParquetFile, columns: list[str]) -> str:
    """Return the column that cannot be read. PyArrow's error does not name it."""
    for column in columns[:-1]:
        try:
            for _ in parquet.iter_batches(columns=[column]):
                pass
        except (pa.ArrowException, OSError):
            return column
    return columns[-1]


NOT_UNICODE = "has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"


def ensure_sound(location: Location, batch: pa.RecordBatch) -> None:
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
                return NOT_UNICODE
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
