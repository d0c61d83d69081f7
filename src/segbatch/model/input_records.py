"""Records of what a run read, in its manifest: the files of the snapshot, related tables, lists, and fields."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator

from segbatch.model.record import Record
from segbatch.text import printable


class DatabaseSource(Record):
    """The query that a file of a snapshot has the rows of. It is in the file's metadata, and in the manifest of runs.

    Attributes:
        address: The address of the database, without user, password and parameters.
        table: The table, if it was read by name.
        query: The query as it was sent.
        driver: The name and the version of the driver.
        read_at: The time when the query was sent.
        rows: The number of rows.
        data_sha256: The SHA-256 of the file up to its footer, in hexadecimal. It is the same for the same rows in the
            same order.
    """

    address: str
    table: str | None = None
    query: str
    driver: str
    read_at: AwareDatetime
    rows: int
    data_sha256: str


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


class ReadingRecord(Record):
    """A type that rules read a field as, instead of the type of the column.

    Attributes:
        read_as: The type, as in the key `as` of a rule.
        is_inferred: Whether the type follows from the values, because all texts are dates, and not from a rule.
        values: The number of contacts with a value.
        unreadable: The number of values that cannot be read; they count as missing.
    """

    read_as: str
    is_inferred: bool
    values: int
    unreadable: int


class FieldRecord(Record):
    """A field that rules read, as it was in a run.

    Attributes:
        field: The name of the field in rules.
        kind: The field type, such as `number` or `list of text`. If no contact has a value, the last known field type.
        type: The type of the column, or of the part of the column that was read.
        is_mixed: Whether values of several types are read as text.
        kinds: The types of the values, or of the elements of lists, in JSON, maps and records.
        is_empty: Whether no contact has a value.
        readings: The types that rules read the field as, if not as the type of the column.
    """

    field: str
    kind: str
    type: str
    is_mixed: bool = False
    kinds: tuple[str, ...] = ()
    is_empty: bool = False
    readings: tuple[ReadingRecord, ...] = ()
