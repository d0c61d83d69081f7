"""Opening of a snapshot's Parquet files, with errors that name the problem."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError
from segbatch.model.input_records import DatabaseSource
from segbatch.snapshot.database.metadata import source_in
from segbatch.snapshot.locations import READ_SIZE, Location, translate_errors
from segbatch.snapshot.parquet.field_names import FieldNames, MissingFieldIdsError
from segbatch.snapshot.parquet.footer import Element, file_of, is_encrypted, read_tail, repairs

ENCRYPTED = "is encrypted; export it without encryption"


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A Parquet file of a snapshot, as it was when it was opened.

    Attributes:
        version: The size in bytes, and a value that changes when the file is written.
        rows: The number of contacts, without deleted rows.
        schema: The columns of the file, followed by those that have one value for the whole file.
        constants: The columns that are not in the file, but in its path or in the metadata of its table, each with its
            value.
        deleted: The positions of rows that the table has deleted, ascending; None if no row is.
        names: How to find the columns of the table, if they have other names in the file.
        database: The query that the file has the rows of, if they were read from a database.
        row_groups: The row groups that are read, if this is a part of a file; None for the whole file. The other
            attributes are then those of the part.
    """

    location: Location
    version: tuple[int, object]
    rows: int
    schema: pa.Schema
    constants: Mapping[str, pa.Scalar] = field(default_factory=dict)
    deleted: pa.Int64Array | None = None
    names: FieldNames | None = None
    database: DatabaseSource | None = None
    row_groups: tuple[int, ...] | None = None

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
            raise self.changed()

    def changed(self) -> SnapshotError:
        """Return the error that the file was written since it was opened."""
        return SnapshotError(f"{self.location}: was written while it was read; run again when the export is done")

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the file in hexadecimal. Once `stop` is set, hash only the bytes read so far.

        Raises:
            SnapshotError: The file cannot be read, or was written since it was opened.
        """
        with translate_errors(self.location):
            digest = self.location.digest(stop)
        self.ensure_unchanged()  # otherwise the digest may be of bytes that were not evaluated
        return digest


def open_file(location: Location, names: FieldNames | None = None) -> SnapshotFile:
    """Open a Parquet file and read its footer.

    Args:
        names: How to find the columns of a table; None to read the file under its own names.

    Raises:
        SnapshotError: The file is not Parquet, is cut short, or cannot be read.
    """
    with translate_errors(location), location.open_footer() as source:
        has_others = names is not None and _renamed(location, source, names) is not None
        kept = names if has_others else None
        with open_parquet(location, source, kept) as (parquet, schema):
            rows = parquet.metadata.num_rows
            database = source_in(parquet.metadata.metadata, rows)
            return SnapshotFile(location, location.version, rows, schema, names=kept, database=database)


def leaves_with_values(file: SnapshotFile, leaves: AbstractSet[str]) -> set[str]:
    """Return the columns that have a value according to the statistics in the file's footer.

    If rows are deleted, statistics say nothing about the others, and only constants are known.

    Args:
        leaves: Dotted paths of columns, or of parts of columns.

    Raises:
        SnapshotError: The file cannot be read, or is damaged.
    """
    location = file.location
    constants = {leaf for leaf in leaves if leaf in file.constants and file.constants[leaf].is_valid}
    if file.deleted is not None:
        return constants if file.rows else set()
    with (
        translate_errors(location),
        location.open_footer() as source,
        open_parquet(location, source, file.names) as (parquet, _),
    ):
        metadata = parquet.metadata
        paths = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
        stored = leaves - file.constants.keys()
        indexes = {leaf: own for leaf in stored if (own := _indexes_of(leaf, paths, file.schema.names))}
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        found = constants
        for group in groups:
            waiting = indexes.keys() - found
            found |= {leaf for leaf in waiting if any(_has_value(group.column(index)) for index in indexes[leaf])}
            if not indexes.keys() - found:
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
def open_parquet(
    location: Location, source: pa.NativeFile, names: FieldNames | None = None
) -> Iterator[tuple[pq.ParquetFile, pa.Schema]]:
    """Open a file and yield it with its own schema, even if PyArrow needs a changed schema.

    Args:
        names: How to find the columns of a table, whose names the file then has.
    """
    if is_encrypted(source):
        raise SnapshotError(f"{location}: {ENCRYPTED}")
    footer = None if names is None else _renamed(location, source, names)
    try:
        metadata = None if footer is None else pq.read_metadata(pa.BufferReader(file_of(footer)))
        parquet, root = open_source(source, metadata), None
    except (pa.ArrowException, OSError):
        parquet, root = _open_after_repair(source, footer)
    with parquet:
        schema = parquet.schema_arrow
        yield parquet, root.declared(pa.struct(list(schema))) if root else schema


def _renamed(location: Location, source: pa.NativeFile, names: FieldNames) -> bytes | None:
    """Return the footer with the names of the table; None if the file's own footer has them."""
    footer = read_tail(source)
    source.seek(0)
    try:
        return names.change(footer) if footer else None
    except MissingFieldIdsError:
        reason = "has no field ids, and the table does not map names to ids"
        raise SnapshotError(f"{location}: {reason}; rewrite the data files of the table") from None


def open_source(
    source: pa.NativeFile, metadata: pq.FileMetaData | None = None, dictionaries: list[str] | None = None
) -> pq.ParquetFile:
    """Open a file for PyArrow.

    Args:
        source: The open file.
        metadata: The footer; None to read it.
        dictionaries: The columns to read as dictionaries.
    """
    return pq.ParquetFile(
        source,
        metadata=metadata,
        read_dictionary=dictionaries,
        pre_buffer=False,
        buffer_size=READ_SIZE,
        coerce_int96_timestamp_unit="us",  # nanoseconds end in 2262; INT96 dates do not
        page_checksum_verification=True,
    )


def _open_after_repair(source: pa.NativeFile, footer: bytes | None = None) -> tuple[pq.ParquetFile, Element | None]:
    """Open a file that PyArrow refuses. If no repair helps, raise PyArrow's error.

    Args:
        footer: The footer to repair, if it is not that of the file.
    """
    footer = footer or read_tail(source)
    for changed, root in repairs(footer) if footer else ():
        try:
            return open_source(source, pq.read_metadata(pa.BufferReader(changed))), root
        except (pa.ArrowException, OSError):
            continue
    source.seek(0)
    open_source(source)
    raise AssertionError(source)
