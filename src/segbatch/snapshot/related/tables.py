"""Related tables of a run, when they are opened."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from segbatch.errors import DatabaseError, SnapshotError, UsageError
from segbatch.snapshot.database.database_copy import DatabaseReader
from segbatch.snapshot.fields.keys import UnknownColumnError
from segbatch.snapshot.fields.resolution import Field, resolve
from segbatch.snapshot.fields.types import Kind, in_words
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.related.ids import family_of
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.related.sources import TableSource
from segbatch.snapshot.scan import LOCAL, Scanner
from segbatch.snapshot.snapshot import Snapshot
from segbatch.snapshot.source_words import table_words
from segbatch.text import clipped


@dataclass(frozen=True, slots=True)
class RelatedTable:
    """A related table that is open.

    Attributes:
        name: The name of the table in rules.
        snapshot: The table, whose ids are the contacts of its rows; or a list in the contacts.
        time: The column with the time of a row, if there is one. Its kind is `NOTHING` if it has only nulls.
    """

    name: str
    snapshot: Snapshot | ListTable
    time: Field | None = None


def open_table(
    name: str,
    source: TableSource,
    fields: Iterable[str],
    contacts: Snapshot,
    databases: DatabaseReader | None = None,
) -> RelatedTable:
    """Open a related table and look up the fields that rules read.

    Args:
        name: The name of the table in rules.
        source: The path and the columns of the table.
        fields: The columns of the table, or paths into them, that rules name.
        contacts: The snapshot of the contacts.
        databases: Reads a table of a database; None to refuse it.

    Raises:
        DatabaseError: The table is in a database that cannot be read.
        SnapshotError: The table cannot be used.
        UsageError: The path is empty, or is an address that cannot be used.
    """
    snapshot = open_rows(name, source, databases, contacts.scanner)
    _ensure_fits(name, source, snapshot.id_type, contacts)
    times = {source.time} if source.time is not None else set()
    snapshot = snapshot.with_fields({*fields, *times})
    return RelatedTable(name, snapshot, _time_of(name, source, snapshot))


def open_rows(
    name: str, source: TableSource, databases: DatabaseReader | None = None, scanner: Scanner = LOCAL
) -> Snapshot:
    """Open the files of a related table. Errors name the table.

    Args:
        name: The name of the table in rules.
        source: The path and the columns of the table.
        databases: Reads a table of a database; None to refuse it.
        scanner: Reads columns whose values must be known before the rows are read.

    Raises:
        DatabaseError: The table is in a database that cannot be read.
        SnapshotError: The files cannot be used.
        UsageError: The path is empty, or is an address that cannot be used.
    """
    try:
        reader = databases and databases.for_table(name)
        return open_snapshot(
            str(source.path), source.contact, words=table_words(name), databases=reader, scanner=scanner
        )
    except (DatabaseError, SnapshotError, UsageError) as error:
        if "(--table" in str(error):
            raise
        raise type(error)(f"{error} (--table {name}=PATH)") from None


def _ensure_fits(name: str, source: TableSource, id_type: pa.DataType, contacts: Snapshot) -> None:
    if pa.types.is_null(id_type):
        return
    mine, theirs = family_of(id_type), family_of(contacts.id_type)
    if mine != theirs:
        column = f"the column '{clipped(source.contact)}' of the table '{name}' has {mine}"
        raise SnapshotError(f"{column}, and the ids of contacts are {theirs}; export both in one type")


def _time_of(name: str, source: TableSource, snapshot: Snapshot) -> Field | None:
    if source.time is None:
        return None
    option = f"(--table-time {name}=COLUMN)"
    try:
        field = resolve(source.time, snapshot.schema)
    except UnknownColumnError as error:
        raise SnapshotError(f"{error} {option}") from None
    is_null = source.time in snapshot.schema and field.kind is Kind.NOTHING
    if field.kind not in {Kind.DATE, Kind.DATETIME} and not is_null:
        column = f"the column '{clipped(source.time)}' of the table '{name}'"
        raise SnapshotError(f"{column} is {in_words(field.dtype)}, not a date or a date-time {option}")
    return field
