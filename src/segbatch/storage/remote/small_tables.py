"""The rows that a run adds to the small tables of an output in Delta or Iceberg.

Rows are only added, except to `current`, which has one row. So they tell by themselves which runs were published and
not rolled back: `previous_publication` names a run that was published, and of the runs with the same `run_number`, the
one with the largest `publication_number` counts.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.model.manifest import PastRun, RunRecord, SegmentRecord
from segbatch.storage.present_ids import present_ids
from segbatch.storage.record_columns import column_types, column_values
from segbatch.storage.remote.publication import NewRun

SEGMENTS, RENAMES, RUNS, CURRENT = "segments", "segment_renames", "runs", "current"

_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "BIGINT": pa.int64(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR[]": pa.list_(pa.string()),
}
_PUBLICATION = pa.field("publication", pa.string())
_NUMBER = pa.field("publication_number", pa.int64())
_RUN_NUMBER = pa.field("run_number", pa.int64())
_RENAMES = pa.schema(
    [
        _PUBLICATION,
        ("old_id", pa.string()),
        ("new_id", pa.string()),
        ("first_run_number", pa.int64()),
        ("last_run_number", pa.int64()),
    ]
)


def small_tables(new: NewRun, number: int, previous: str | None) -> Mapping[str, pa.Table]:
    """Return the rows of a run for `segments`, `segment_renames`, `runs` and `current`, in the order to write them.

    The row of `current` replaces the one that is there, and publishes the run. The others are added. Times are UTC
    without a zone, as in the local tables.

    Args:
        number: The `publication_number`: one more than that of `current` when the run began; 1 for the first.
        previous: The `publication` of `current` when the run began; None for the first.
    """
    run = _records([new.manifest.run], RunRecord)
    own = {"publication": new.folder, "publication_number": number, "previous_publication": previous}
    own["run_number"] = len(new.history.runs)
    first = [_PUBLICATION, _NUMBER, pa.field("previous_publication", pa.string()), _RUN_NUMBER]
    runs = _prefixed(first, own, run)
    return {
        SEGMENTS: _prefixed([_PUBLICATION], own, _records(new.manifest.segments, SegmentRecord)),
        RENAMES: pa.Table.from_pylist(_renames(new.folder, new.history.runs), schema=_RENAMES),
        RUNS: runs,
        CURRENT: runs.select(["publication", "publication_number", "run_number", "run_id", "as_of"]),
    }


def read_rows(content: bytes, columns: Sequence[str] | None = None) -> Sequence[Mapping[str, Any]]:
    """Return the rows of a small Parquet file.

    PyArrow's threads are not used. A thread that still ends while the process exits makes it abort.

    Args:
        columns: The names of the columns to read; None for all.

    Raises:
        pa.ArrowException, OSError: The file is damaged.
    """
    rows: Sequence[Mapping[str, Any]]
    rows = pq.ParquetFile(pa.BufferReader(content)).read(columns, use_threads=False).to_pylist()
    return rows


def _records(records: Sequence[RunRecord | SegmentRecord], model: type[RunRecord | SegmentRecord]) -> pa.Table:
    """Return records as a table with one column per field."""
    types = column_types(model)
    schema = pa.schema([(name, _ARROW_TYPES[column_type]) for name, column_type in types.items()])
    return pa.table(column_values(records, types), schema=schema)


def _prefixed(fields: Sequence[pa.Field], values: Mapping[str, object], table: pa.Table) -> pa.Table:
    """Return a table with more columns in front, each with one value in all rows."""
    constants = [pa.array([values[field.name]] * table.num_rows, field.type) for field in fields]
    return pa.table([*constants, *table.columns], schema=pa.schema([*fields, *table.schema]))


def _renames(folder: str, runs: Sequence[PastRun]) -> Sequence[Mapping[str, object]]:
    """Return the present ids of renamed segments, one row per old id and consecutive runs that used it."""
    rows = list[dict[str, object]]()
    latest = dict[tuple[str, str], dict[str, object]]()
    names = enumerate(present_ids(runs), start=1)
    for run_number, old, new in chain.from_iterable(((number, *pair) for pair in ids.items()) for number, ids in names):
        row = latest.get((old, new))
        if row is None or row["last_run_number"] != run_number - 1:
            row = {"publication": folder, "old_id": old, "new_id": new, "first_run_number": run_number}
            latest[old, new] = row
            rows.append(row)
        row["last_run_number"] = run_number
    return rows
