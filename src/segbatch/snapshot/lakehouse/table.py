"""One version of a table: its columns and its data files. The table decides which columns a file has."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from threading import Event

import pyarrow as pa

from segbatch.errors import SnapshotError
from segbatch.snapshot.lakehouse.address import TableAddress
from segbatch.snapshot.locations import Location, MissingFileError
from segbatch.snapshot.parquet.field_names import FieldNames, known_type
from segbatch.snapshot.parquet.files import SnapshotFile, open_file


@dataclass(frozen=True, slots=True)
class TableFile:
    """A data file of a table. It is missing if the version of the table has expired."""

    location: Location
    address: TableAddress

    def __str__(self) -> str:
        """Return the path or the address of the file."""
        return str(self.location)

    @property
    def version(self) -> tuple[int, object]:
        """The size in bytes, and a value that changes when the file is written."""
        with translate_missing(self.address, str(self.location)):
            return self.location.version

    def open_footer(self) -> AbstractContextManager[pa.NativeFile]:
        """Open the file to read a small part of it."""
        return self._opened(self.location.open_footer())

    def open(self) -> AbstractContextManager[pa.NativeFile]:
        """Open the file to read all of it."""
        return self._opened(self.location.open())

    def digest(self, stop: Event) -> str:
        """Return the SHA-256 of the file in hexadecimal."""
        with translate_missing(self.address, str(self.location)):
            return self.location.digest(stop)

    @contextmanager
    def _opened(self, opening: AbstractContextManager[pa.NativeFile]) -> Iterator[pa.NativeFile]:
        with translate_missing(self.address, str(self.location)), opening as source:
            yield source


@contextmanager
def translate_missing(address: TableAddress, name: str) -> Iterator[None]:
    """Translate the error of a missing file into an error that names the version and the fix.

    Raises:
        SnapshotError: A file does not exist.
    """
    try:
        yield
    except (FileNotFoundError, MissingFileError):
        raise missing_error(address, name) from None


def missing_error(address: TableAddress, name: str) -> SnapshotError:
    """Return the error for a file of a version that does not exist."""
    cause = "VACUUM removes" if address.format == "delta" else "expiring snapshots removes"
    reason = f"no longer exists, although it belongs to {address.words}; {cause} files of old versions"
    return SnapshotError(f"{address}: {name} {reason}; read a newer version, and keep files for longer than runs need")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a version, and what only the table knows about it.

    Attributes:
        constants: The columns whose value is in the table's metadata, such as partition columns of Delta.
        defaults: The value of columns that count only if the file does not have them.
        deleted: The positions of the rows that are deleted, ascending; None if no row is.
    """

    location: TableFile
    constants: Mapping[str, pa.Scalar] = field(default_factory=dict)
    defaults: Mapping[str, pa.Scalar] = field(default_factory=dict)
    deleted: pa.Int64Array | None = None


@dataclass(frozen=True, slots=True)
class TableVersion:
    """One version of a table.

    Attributes:
        address: The address of the version.
        schema: The columns of the table.
        files: The data files, sorted by name.
        names: How to find the columns in the files.
    """

    address: TableAddress
    schema: pa.Schema
    files: tuple[DataFile, ...]
    names: FieldNames


def open_data_file(file: DataFile, table: TableVersion) -> SnapshotFile:
    """Open a data file of a table and read its footer. Columns that the table does not have are left out.

    Raises:
        SnapshotError: The file no longer exists, is not Parquet, or cannot be read.
    """
    opened = _opened(file, table)
    names = {*table.schema.names} - file.constants.keys()
    stored = [field.with_type(known_type(field.type)) for field in opened.schema if field.name in names]
    missing = names.difference(field.name for field in stored)
    constants = {**file.constants, **{name: file.defaults[name] for name in file.defaults if name in missing}}
    rows = opened.rows - (0 if file.deleted is None else len(file.deleted))
    schema = pa.schema([*stored, *((name, value.type) for name, value in constants.items())])
    return replace(opened, rows=rows, schema=schema, constants=constants, deleted=file.deleted)


def _opened(file: DataFile, table: TableVersion) -> SnapshotFile:
    """Open a file with the names of the table."""
    if not table.names.are_same:
        return open_file(file.location, table.names)
    opened = open_file(file.location)
    others = {name.casefold() for name in {*opened.schema.names}.difference(table.schema.names)}
    missing = {*table.schema.names}.difference(opened.schema.names)
    has_other_case = any(name.casefold() in others for name in missing)
    return open_file(file.location, table.names) if has_other_case else opened
