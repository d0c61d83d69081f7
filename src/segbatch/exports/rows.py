"""The rows to export: read from the files of runs in batches, and joined with the columns of their contacts by id."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import Problem, PublishError, UsageError
from segbatch.exports.columns import ContactColumns
from segbatch.exports.selection import RowSelection
from segbatch.platform.iterators import gather
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.storage.id_types import stored_type
from segbatch.storage.manifest_io import ensure_readable
from segbatch.storage.row_alignment import find_rows
from segbatch.text import shown

CONTACT_ID = "contact_id"
CHANGE = "change"
CHANGES = pl.Enum(["exited", "entered"])

_FEWEST = 50_000
"""The minimum number of rows to write at once, except for the last rows."""

_SEGMENT_ID = "segment_id"
_ROW = "row of the snapshot"
"""A column name that cannot collide: it has blanks, and the column is dropped before columns get names from users."""


@dataclass(frozen=True, slots=True)
class ExportRows:
    """The rows to write, with the facts that are known before they are read.

    Attributes:
        selection: The files that contain the rows.
        id_type: The Arrow type of the contact ids.
        join: Adds columns of the snapshot; None if only the rows' own columns are exported.
        warnings: Reasons why the added columns may not be what the user expects.
    """

    selection: RowSelection
    id_type: pa.DataType
    join: "_Join | None" = None
    warnings: tuple[Problem, ...] = ()

    def own(self, names: Sequence[str], snapshot: Snapshot) -> list[str]:
        """Return the columns to read from the snapshot. The id column is left out if it has the name of the rows' own.

        Raises:
            UsageError: A column that is not the id column has the name of one of the rows' own columns.
        """
        for name in self._own.columns:
            if name in names and name != snapshot.id_column:
                raise UsageError(f"the export already has a column {shown(name)}; leave it out (--columns)")
        return [name for name in names if name not in self._own.columns]

    def joined(self, contacts: ContactColumns, warnings: Sequence[Problem]) -> "ExportRows":
        """Return the same rows with columns of their contacts."""
        join = _Join(partial(read_rows, self.selection), contacts, self.id_type)
        return replace(self, join=join, warnings=(*warnings, *contacts.warnings))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Read the rows."""
        return self.join.frames() if self.join else read_rows(self.selection)

    @property
    def empty(self) -> pl.DataFrame:
        """Return the columns without rows."""
        return pl.concat([self._own, *([self.join.contacts.empty_frame] if self.join else [])], how="horizontal")

    @property
    def json_columns(self) -> frozenset[str]:
        """Return the columns with JSON texts."""
        return self.join.contacts.json_columns if self.join else frozenset()

    @property
    def _own(self) -> pl.DataFrame:
        ids = ids_as_series(pa.array([], self.id_type)).alias(CONTACT_ID)
        change = [] if self.selection.content == "members" else [pl.Series(CHANGE, [], CHANGES)]
        return pl.DataFrame([ids, *change])


def read_id_type(selection: RowSelection) -> pa.DataType:
    """Return the Arrow type of the contact ids.

    Raises:
        PublishError: A file of the run is missing or damaged.
    """
    first = selection.files[0]
    ensure_readable(first.path, first.size)
    with _translate_errors(selection):
        return stored_type(pq.read_schema(first.path).field(CONTACT_ID).type)


def read_rows(selection: RowSelection) -> Iterator[pl.DataFrame]:
    """Read the rows in the order they were written, which is the order of the run's snapshot.

    Yields:
        Frames of `contact_id`, for changes also `change`. Frames are never empty.

    Raises:
        PublishError: A file of a run is missing or damaged.
    """
    for file in selection.files:
        ensure_readable(file.path, file.size)
    if selection.expected == 0:
        return
    rows = 0
    with _translate_errors(selection):
        for frame in _read_net_changes(selection) if selection.content == "net" else _read_run(selection):
            if len(frame):
                rows += len(frame)
                yield frame
    if selection.expected is not None and rows != selection.expected:
        raise _damage_error(selection)


def combine_frames(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Concatenate small frames, as those of a small segment, to frames that are large enough to write."""
    return map(pl.concat, gather(frames, _FEWEST, len))


def _read_run(selection: RowSelection) -> Iterator[pl.DataFrame]:
    """Return the rows of one run in batches."""
    columns = [pl.col(CONTACT_ID), *([] if selection.content == "members" else [pl.col(CHANGE).cast(CHANGES)])]
    files = pl.scan_parquet([file.path for file in selection.files], glob=False)
    rows = files.filter(pl.col(_SEGMENT_ID) == selection.files[0].segment_id).select(columns)
    return rows.collect_batches(maintain_order=True)


def _read_net_changes(selection: RowSelection) -> Iterator[pl.DataFrame]:
    """Return the net changes of several runs. A contact that entered and left again, or the reverse, is left out."""
    step = pl.when(pl.col(CHANGE) == "entered").then(pl.lit(1, pl.Int8)).otherwise(pl.lit(-1, pl.Int8))
    steps = [
        pl.scan_parquet(file.path, glob=False)
        .filter(pl.col(_SEGMENT_ID) == file.segment_id)
        .select(CONTACT_ID, step.alias("step"))
        .collect()
        for file in selection.files
    ]
    found = pl.concat(steps, how="vertical_relaxed").group_by(CONTACT_ID, maintain_order=True).agg(pl.col("step").sum())
    change = pl.when(pl.col("step") > 0).then(pl.lit("entered")).otherwise(pl.lit("exited"))
    remains = found.filter(pl.col("step") != 0).select(CONTACT_ID, change.cast(CHANGES).alias(CHANGE))
    return remains.iter_slices(100_000)


@contextmanager
def _translate_errors(selection: RowSelection) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError):
        raise _damage_error(selection) from None


def _damage_error(selection: RowSelection) -> PublishError:
    message = "are damaged, or were deleted in the meantime; check them with segbatch verify --all"
    return PublishError(f"{selection.files[0].path.parent}: the files of run {selection.run_id} {message}")


@dataclass(slots=True)
class _Join:
    """Adds columns of the snapshot to rows.

    Memory: 16 bytes of hash for each contact and each row, as in a run.

    Attributes:
        read_rows: Reads the rows from the start each time it is called.
        contacts: The snapshot with the columns to add.
        id_type: The type of the ids in the rows.
        missing: The number of rows whose contacts are not in the snapshot. Known after all rows are read.
    """

    read_rows: Callable[[], Iterator[pl.DataFrame]]
    contacts: ContactColumns
    id_type: pa.DataType
    missing: int = 0

    def __post_init__(self) -> None:
        """Check that the ids of the snapshot can be compared with those of the rows.

        Raises:
            UsageError: The ids have different types.
        """
        own, other = self.id_type, stored_type(self.contacts.id_type)
        if own != other and not (_is_whole(own) and _is_whole(other)):
            message = f"its ids are {describe_arrow_type(other)}, and those of the run are {describe_arrow_type(own)}"
            column = f"'{self.contacts.snapshot.id_column}'"
            raise UsageError(f"the snapshot: {message}; name the id column (--id-column), now {column}")

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows with the columns, in the order of the snapshot, then the rows that are not in the snapshot.

        Raises:
            SnapshotError: Ids of the snapshot are null or duplicate, or the snapshot cannot be read.
            PublishError: The rows cannot be read.
        """
        where = self._find_rows()
        known = where.drop_nulls(_ROW).sort(_ROW, maintain_order=True)
        self.missing = len(where) - len(known)
        begun = done = 0
        for batch in self.contacts.batches():
            end = int(known.get_column(_ROW).search_sorted(begun + len(batch.ids)))
            found = known.slice(done, end - done)
            rows = found.get_column(_ROW) - begun
            if len(found):
                ids = self._cast_ids(batch.ids.gather(rows)).alias(CONTACT_ID)
                yield pl.concat([ids.to_frame(), found.drop(_ROW), batch.frame[rows]], how="horizontal")
            begun, done = begun + len(batch.ids), end
        if self.missing:
            yield from self._read_missing(where.get_column(_ROW))

    def _find_rows(self) -> pl.DataFrame:
        """Return the columns of each row other than the id, and its row number in the snapshot (null if missing)."""
        more = list[pl.DataFrame]()

        def row_ids() -> Iterator[pl.Series]:
            for frame in self.read_rows():
                more.append(frame.drop(CONTACT_ID))
                yield frame.get_column(CONTACT_ID)

        check = IdCheck(self.contacts.snapshot.id_column)

        def contact_ids() -> Iterator[pl.Series]:
            for ids in self.contacts.ids():
                check.add(ids)
                yield self._cast_ids(ids)

        rows = find_rows(row_ids(), contact_ids()).alias(_ROW)
        check.finish(self.contacts.ids, self.contacts.snapshot.file_rows)
        return pl.concat([rows.to_frame(), *([pl.concat(more)] if more and more[0].width else [])], how="horizontal")

    def _read_missing(self, rows: pl.Series) -> Iterator[pl.DataFrame]:
        """Yield the rows whose contacts are not in the snapshot."""
        empty, done = self.contacts.empty_frame, 0
        for frame in self.read_rows():
            others = frame.filter(rows.slice(done, len(frame)).is_null())
            done += len(frame)
            if len(others):
                yield pl.concat([others, empty.clear(len(others))], how="horizontal")

    def _cast_ids(self, ids: pl.Series) -> pl.Series:
        """Convert ids of the snapshot to the type of the rows' ids.

        An id that does not fit becomes null: no row can have it.
        """
        dtype = pl.Series(pa.array([], self.id_type)).dtype if _is_whole(self.id_type) else ids.dtype
        return ids if ids.dtype == dtype else ids.cast(dtype, strict=False)


def _is_whole(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(arrow_type) or pa.types.is_decimal(arrow_type))
