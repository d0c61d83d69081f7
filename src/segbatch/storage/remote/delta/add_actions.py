"""Entries for the log of a Delta table, which add a Parquet file to the table by its name."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
from deltalake.transaction import AddAction

_WITH_RANGES = {"publication", "run_id", "segment_id"}
"""Columns whose smallest and largest values are in the log, so that readers can skip files of other runs."""


def add_action(file: Path, path: str) -> AddAction:
    """Return the entry for a Parquet file.

    Args:
        file: The file on this machine, with the content of the one in the table.
        path: The path in the table.
    """
    footer = pq.read_metadata(file)
    ranges = {name: found for name, found in _ranges(footer) if found is not None}
    statistics = {
        "numRecords": footer.num_rows,
        "minValues": {name: smallest for name, (smallest, _) in ranges.items()},
        "maxValues": {name: largest for name, (_, largest) in ranges.items()},
        "nullCount": dict.fromkeys(ranges, 0),
    }
    return AddAction(
        path=path,
        size=file.stat().st_size,
        partition_values={},
        modification_time=time.time_ns() // 1_000_000,
        data_change=True,
        stats=json.dumps(statistics),
    )


def _ranges(footer: pq.FileMetaData) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Yield the smallest and largest value of each column with texts that are never null, as far as known."""
    for index in range(footer.num_columns):
        name = footer.schema.column(index).name
        groups = [footer.row_group(number).column(index) for number in range(footer.num_row_groups)]
        if name in _WITH_RANGES and footer.num_rows:
            yield name, _range([group.statistics for group in groups if group.num_values])


def _range(statistics: list[pq.Statistics | None]) -> tuple[str, str] | None:
    if any(one is None or not one.has_min_max or one.null_count for one in statistics):
        return None
    known = [one for one in statistics if one is not None]
    smallest = min((one.min for one in known), key=str.encode)
    return smallest, max((one.max for one in known), key=str.encode)
