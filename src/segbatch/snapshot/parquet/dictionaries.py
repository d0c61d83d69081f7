"""Text columns of a Parquet file that have few distinct values.

Such a column is read as a dictionary: its distinct values, and a number per row. Dictionaries differ between row
groups, so each row group is read separately, and only files whose row groups are large are read so.
"""

from collections.abc import Collection

import pyarrow.parquet as pq

_SMALLEST_GROUP = 16_384
"""Minimum of the average rows per row group, if there are several. Batches end with their row group."""

_MOST_BYTES = 3
"""Maximum of bytes per value for a column with few distinct values: its pages have numbers, and a small dictionary.
A page of texts has five bytes or more per value."""

_SMALL_CHUNK = 4_096
"""A column of a row group below this number of bytes is always quick to read."""


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
