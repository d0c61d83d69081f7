"""Opening of a snapshot: its files are found, their columns are merged, and the id column is checked."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from segbatch.snapshot.arrow.binary_text import has_bytes
from segbatch.snapshot.arrow.common_schema import merge_schemas
from segbatch.snapshot.arrow.polars_types import polars_schema
from segbatch.snapshot.database.database_copy import DatabaseReader, read_database
from segbatch.snapshot.discovery import Found, find_snapshot
from segbatch.snapshot.fields.keys import Columns, exact_name, find_custom_fields, name_note
from segbatch.snapshot.fields.resolution import FieldColumns
from segbatch.snapshot.hive_partitions import ensure_stored, with_path_columns
from segbatch.snapshot.id_checks import ensure_one_id_column, find_id_column, with_small_ids
from segbatch.snapshot.locations import Location
from segbatch.snapshot.parquet.files import SnapshotFile, open_file
from segbatch.snapshot.scan import LOCAL, Scanner
from segbatch.snapshot.snapshot import Snapshot, with_types
from segbatch.snapshot.source_words import OF_CONTACTS, SourceWords

if TYPE_CHECKING:
    from segbatch.snapshot.lakehouse.table import TableVersion


def open_snapshot(
    path: str,
    id_column: str = "id",
    custom_fields: str | None = None,
    words: SourceWords = OF_CONTACTS,
    databases: DatabaseReader | None = None,
    scanner: Scanner = LOCAL,
) -> Snapshot:
    """Open a snapshot and examine its columns. Contacts are not read, except ids that are stored as bytes.

    Args:
        path: A Parquet file, a folder, a glob, the address of one of these in object storage, or the address of a Delta
            or Iceberg table, or of a database.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        words: The words for the snapshot and its id column in messages.
        databases: Reads a database, whose rows are copied; None to refuse it.
        scanner: Reads columns whose values must be known before the contacts are read.

    Raises:
        DatabaseError: The database cannot be read.
        SnapshotError: A file or column is missing, a file cannot be read, or files have different schemas.
        UsageError: The path is the address of a database that must not be read, or is not valid.
    """
    copy = read_database(path, databases)
    found = find_snapshot(path, words) if copy is None else Found((copy,))
    if found.table is not None:
        snapshot = _open_table(found.table, id_column, custom_fields, words)
    else:
        snapshot = replace(_open_files(found.locations, id_column, custom_fields, words), findings=found.problems)
    return _with_text_ids(replace(snapshot, scanner=scanner))


def open_files(
    locations: Iterable[Location],
    id_column: str = "id",
    custom_fields: str | None = None,
    words: SourceWords = OF_CONTACTS,
) -> Snapshot:
    """Open a snapshot whose files are known. The errors are those of `open_snapshot`.

    Args:
        locations: The Parquet files, at least one.
        words: The words for the snapshot and its id column in messages.
    """
    return _with_text_ids(_open_files(locations, id_column, custom_fields, words))


def _open_files(
    locations: Iterable[Location], id_column: str, custom_fields: str | None, words: SourceWords
) -> Snapshot:
    files = with_path_columns([*map(open_file, locations)])
    arrow = merge_schemas({str(file.location): file.schema for file in files})
    return _examined(files, arrow, id_column, custom_fields, words)


def _open_table(table: "TableVersion", id_column: str, custom_fields: str | None, words: SourceWords) -> Snapshot:
    """Open a version of a table, whose columns are those of the table's schema."""
    from segbatch.snapshot.lakehouse.table import open_data_file  # noqa: PLC0415 - only if needed

    files = tuple(open_data_file(file, table) for file in table.files)
    schemas = {str(table.address): table.schema, **{str(file.location): file.schema for file in files}}
    snapshot = _examined(files, merge_schemas(schemas), id_column, custom_fields, words)
    return replace(snapshot, source=table.address)


def _examined(
    files: tuple[SnapshotFile, ...], arrow: pa.Schema, id_column: str, custom_fields: str | None, words: SourceWords
) -> Snapshot:
    """Return a snapshot whose id column is found and checked."""
    columns = Columns(polars_schema(arrow))
    named = exact_name(id_column, columns)
    alias = None if custom_fields is None else find_custom_fields(custom_fields, columns)
    ensure_stored(files, named, words)
    for file in files:
        ensure_one_id_column(str(file.location), file.schema, named, arrow, words)
    arrow = with_small_ids(arrow, named)
    id_type = find_id_column(arrow, named, words)
    meant = ((id_column, named), (custom_fields, alias))
    notes = tuple(name_note(name, found) for name, found in meant if found not in {name, None})
    snapshot = Snapshot(files, arrow, FieldColumns(columns, alias, words=words), named, id_type, notes=notes)
    return with_types(snapshot, arrow)


def _with_text_ids(snapshot: Snapshot) -> Snapshot:
    return snapshot.with_text_ids() if has_bytes(snapshot.id_type) else snapshot
