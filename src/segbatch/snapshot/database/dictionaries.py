"""The encoding of a snapshot's columns in Parquet.

A dictionary makes columns with few distinct values smaller. With a dictionary, columns of ids take longer to write, and
the file becomes larger.
"""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_REPETITIONS = 8
"""The average number of times, at least, that a value occurs in a column with a dictionary."""


def dictionary_columns(rows: pa.Table) -> list[str]:
    """Return the Parquet columns to write with a dictionary, given the first rows of a table.

    A list or a struct has a Parquet column for each field inside, and all of them get a dictionary.
    """
    plain = {name for name, column in zip(rows.column_names, rows.columns, strict=True) if not _is_repetitive(column)}
    return [path for path in _column_paths(rows.schema) if path not in plain]


def _is_repetitive(column: pa.ChunkedArray) -> bool:
    """Return whether values occur often. It is assumed if the values of a type cannot be counted."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    try:
        distinct = pc.count_distinct(column).as_py()
    except pa.ArrowNotImplementedError:
        return True
    return bool(distinct * _REPETITIONS <= len(column))


def _column_paths(schema: pa.Schema) -> list[str]:
    file = io.BytesIO()
    pq.ParquetWriter(file, schema).close()
    columns = pq.read_metadata(file).schema
    return [columns.column(index).path for index in range(len(columns))]
