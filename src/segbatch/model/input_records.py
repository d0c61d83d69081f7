"""Records of what a run read, in its manifest: the files of the snapshot, related tables and lists."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from segbatch.model.database_source import DatabaseSource
from segbatch.model.record import Record
from segbatch.text import printable


class SnapshotRecord(Record):
    """A file of the snapshot that a run read.

    Attributes:
        path: The path of the file; bytes that are not UTF-8 are escaped.
        rows: The number of contacts in the file.
        size: The size in bytes.
        sha256: The SHA-256 of the file, in hexadecimal; None for a data file of a Delta or Iceberg table.
        database: The query whose rows the file has, if they were read from a database.
    """

    path: Annotated[str, BeforeValidator(printable)]
    rows: int
    size: int
    sha256: str | None = None
    database: DatabaseSource | None = None


class SourceRecord(Record):
    """The version of a table that a snapshot or a related table was read from.

    Attributes:
        format: The format of the table.
        table: The path or URL of a Delta table; the catalog, namespace and name of an Iceberg table.
        version: The version of a Delta table; the snapshot id of an Iceberg table, None if it had no snapshot.
    """

    format: Literal["delta", "iceberg"]
    table: str
    version: int | None = None


class TableRecord(Record):
    """A related table that rules of a run read.

    Attributes:
        name: The name of the table in rules.
        contact: The column with the contact of a row.
        time: The column with the time of a row, if there is one.
        rows: The number of rows.
        orphans: The number of rows whose contact is null or not in the snapshot.
        later: The number of rows later than the run's `as_of`, which do not count.
        aggregates: The number of distinct aggregates that rules compare.
        files: The files of the table.
        source: The version of a Delta or Iceberg table that the files belong to; None for files on their own.
    """

    name: str
    contact: str
    time: str | None = None
    rows: int
    orphans: int
    later: int
    aggregates: int
    files: tuple[SnapshotRecord, ...]
    source: SourceRecord | None = None


class ListRecord(Record):
    """A list that rules name, as it was in a run.

    Attributes:
        name: The name of the list in rules.
        path: The file.
        values: The number of values.
        sha256: The SHA-256 of the file, in hexadecimal.
    """

    name: str
    path: str
    values: int
    sha256: str
