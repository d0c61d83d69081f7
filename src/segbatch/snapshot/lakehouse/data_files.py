"""Opening of the data files of a table: the table's schema decides which columns a file has."""

from dataclasses import replace

import pyarrow as pa

from segbatch.snapshot.lakehouse.table import DataFile, TableVersion
from segbatch.snapshot.parquet.field_names import known_type
from segbatch.snapshot.parquet.files import SnapshotFile, open_file


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
