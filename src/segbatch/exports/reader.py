"""The rows to export, read from the files of runs in batches."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import PublishError
from segbatch.exports.selection import Picked
from segbatch.storage.id_types import stored_type
from segbatch.storage.manifest_io import ensure_readable

CONTACT_ID = "contact_id"
CHANGE = "change"
CHANGES = pl.Enum(["exited", "entered"])

_SEGMENT_ID = "segment_id"


def id_type_of(picked: Picked) -> pa.DataType:
    """Return the Arrow type of the contact ids.

    Raises:
        PublishError: A file of the run is missing or damaged.
    """
    first = picked.files[0]
    ensure_readable(first.path, first.size)
    with _reading(picked):
        return stored_type(pq.read_schema(first.path).field(CONTACT_ID).type)


def read_rows(picked: Picked) -> Iterator[pl.DataFrame]:
    """Read the rows in the order they were written, which is the order of the run's snapshot.

    Yields:
        Frames of `contact_id`, for changes also `change`. Frames are never empty.

    Raises:
        PublishError: A file of a run is missing or damaged.
    """
    for file in picked.files:
        ensure_readable(file.path, file.size)
    if picked.expected == 0:
        return
    rows = 0
    with _reading(picked):
        for frame in _net(picked) if picked.what == "net" else _all(picked):
            if len(frame):
                rows += len(frame)
                yield frame
    if picked.expected is not None and rows != picked.expected:
        raise _damaged(picked)


def _all(picked: Picked) -> Iterator[pl.DataFrame]:
    """Return the rows of one run in batches."""
    columns = [pl.col(CONTACT_ID), *([] if picked.what == "members" else [pl.col(CHANGE).cast(CHANGES)])]
    files = pl.scan_parquet([file.path for file in picked.files], glob=False)
    rows = files.filter(pl.col(_SEGMENT_ID) == picked.segment_id).select(columns)
    return rows.collect_batches(maintain_order=True)


def _net(picked: Picked) -> Iterator[pl.DataFrame]:
    """Return the net changes of several runs. A contact that entered and left again, or the reverse, is left out."""
    step = pl.when(pl.col(CHANGE) == "entered").then(pl.lit(1, pl.Int8)).otherwise(pl.lit(-1, pl.Int8))
    steps = [
        pl.scan_parquet(file.path, glob=False)
        .filter(pl.col(_SEGMENT_ID) == picked.segment_id)
        .select(CONTACT_ID, step.alias("step"))
        .collect()
        for file in picked.files
    ]
    found = pl.concat(steps, how="vertical_relaxed").group_by(CONTACT_ID, maintain_order=True).agg(pl.col("step").sum())
    change = pl.when(pl.col("step") > 0).then(pl.lit("entered")).otherwise(pl.lit("exited"))
    remains = found.filter(pl.col("step") != 0).select(CONTACT_ID, change.cast(CHANGES).alias(CHANGE))
    return remains.iter_slices(100_000)


@contextmanager
def _reading(picked: Picked) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError):
        raise _damaged(picked) from None


def _damaged(picked: Picked) -> PublishError:
    message = "is damaged, or was cleared away meanwhile; find out with segbatch verify --all"
    return PublishError(f"{picked.files[0].path.parent}: what run {picked.run_id} wrote {message}")
