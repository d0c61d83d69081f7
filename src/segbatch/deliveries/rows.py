"""The rows of a delivery: the contacts that differ between what the receiver has and the members after a run.

The members or the changes that a run wrote are read if they are the answer. Otherwise DuckDB compares members, and
spills to disk.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.deliveries.published import PublishedRuns
from segbatch.deliveries.state import RunRef
from segbatch.errors import ExportError, PublishError
from segbatch.exports.rows import CHANGE, CHANGES, CONTACT_ID, read_id_type, read_rows
from segbatch.exports.selection import RowSelection, WrittenFile
from segbatch.model.manifest import Manifest, PastRun
from segbatch.storage.id_types import stored_type
from segbatch.storage.manifest_io import ensure_readable
from segbatch.storage.run_files import IsWanted, is_changes, is_membership, written_files
from segbatch.storage.sql_paths import literal, quoted

_NOBODY = "SELECT contact_id FROM ({members}) WHERE false"
_DIFFERENCE = """
COPY (
    SELECT contact_id, 'exited' AS change FROM (({before}) EXCEPT ({after}))
    UNION ALL
    SELECT contact_id, 'entered' AS change FROM (({after}) EXCEPT ({before}))
    ORDER BY change, contact_id
) TO {file} (FORMAT parquet)
"""
_EARLIER = """
SELECT contact_id FROM (
    SELECT contact_id, 1 AS step FROM ({members})
    UNION ALL
    SELECT contact_id, CASE change WHEN 'entered' THEN -1 ELSE 1 END AS step FROM ({changes})
) GROUP BY contact_id HAVING sum(step) = 1
"""


class LostRunError(ExportError):
    """The run that the receiver has is gone, with its files."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A step from one set of members to another.

    Attributes:
        base: The run whose members the receiver has; None for no members.
        target: The run whose members it gets.
    """

    segment_id: str
    base: RunRef | None
    target: RunRef


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a delivery.

    Attributes:
        id_type: The Arrow type of the contact ids.
        frames: Frames of `contact_id` and `change`.
    """

    id_type: pa.DataType
    frames: Iterator[pl.DataFrame]


@contextmanager
def open_rows(runs: PublishedRuns, hop: Hop) -> Iterator[Rows | None]:
    """Open the rows of a hop, in an order that is always the same; None if the hop has no rows.

    Raises:
        LostRunError: The members that the receiver has cannot be determined any more.
        PublishError: Published files are missing or damaged.
    """
    if hop.base is None and runs.is_readable(hop.target):
        members = _find_members(runs, hop)
        entered = pl.lit("entered", CHANGES).alias(CHANGE)
        yield Rows(read_id_type(members), (frame.with_columns(entered) for frame in read_rows(members)))
        return
    written = _find_written_changes(runs, hop)
    if written is not None:
        yield Rows(read_id_type(written), read_rows(written)) if written.expected else None
        return
    with tempfile.TemporaryDirectory(prefix="segbatch-") as folder:
        file = Path(folder) / "rows.parquet"
        id_type = _Comparison(runs, hop, folder).write(file)
        frames = pl.scan_parquet(file, glob=False).select(CONTACT_ID, pl.col(CHANGE).cast(CHANGES))
        yield Rows(id_type, frames.collect_batches(maintain_order=True))


def _find_members(runs: PublishedRuns, hop: Hop) -> RowSelection:
    """Return all members of the segment after a run, which are none if the run does not have it."""
    manifest = runs.manifest(hop.target)
    number = sum(record.member_count for record in manifest.segments if record.segment_id == hop.segment_id)
    files = _files(runs, hop.target, is_membership, hop.segment_id)
    return RowSelection("members", hop.segment_id, manifest, files, number, ())


def _find_written_changes(runs: PublishedRuns, hop: Hop) -> RowSelection | None:
    """Return the changes that a run wrote, if they are the rows of a hop; otherwise None."""
    if hop.base is None:
        return None
    try:
        history = runs.history_of(hop.target)
    except PublishError:
        raise _lost(hop, hop.target) from None
    past = history[-1]
    is_next = len(history) > 1 and RunRef.of(history[-2]) == hop.base
    if not is_next or hop.segment_id in {*past.renamed, *past.renamed.values()}:
        return None
    manifest = runs.manifest(hop.target)
    number = _count_changes(manifest, hop.segment_id)
    files = _files(runs, hop.target, is_changes, hop.segment_id)
    return RowSelection("changes", hop.segment_id, manifest, files, number, ())


def _count_changes(manifest: Manifest, segment_id: str) -> int:
    """Return the number of changes of a segment that a run recorded."""
    records = [record for record in manifest.segments if record.segment_id == segment_id]
    deleted = [record.exited for record in manifest.deleted if record.segment_id == segment_id]
    return sum((record.entered or 0) + (record.exited or 0) for record in records) + sum(deleted)


def _files(runs: PublishedRuns, run: RunRef, is_wanted: IsWanted, segment_id: str) -> Sequence[WrittenFile]:
    folder, manifest = runs.folder(run), runs.manifest(run)
    found = written_files(manifest, is_wanted)
    return tuple(WrittenFile(folder / file.path, file.size, segment_id) for file in found)


def _lost(hop: Hop, run: RunRef) -> LostRunError:
    what = f"the files of run {run.run_id}, which the receiver has or may have, are gone"
    return LostRunError(f"{what}; send all members again: segbatch deliver --resend --segment {hop.segment_id}")


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A comparison of the members of a segment in two runs.

    Attributes:
        spill: The folder for temporary files of DuckDB.
    """

    runs: PublishedRuns
    hop: Hop
    spill: str

    def write(self, file: Path) -> pa.DataType:
        """Write the differences to a Parquet file, and return the type of the ids."""
        after = self._members(self.hop.target)
        before = _NOBODY.format(members=after) if self.hop.base is None else self._members(self.hop.base)
        sql = _DIFFERENCE.format(before=before, after=after, file=quoted(file))
        try:
            with duckdb.connect(config={"temp_directory": self.spill}) as connection:
                connection.execute(sql)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            message = f"{self.runs.output}: the members cannot be compared: {reason}; check them with segbatch verify"
            raise PublishError(f"{message} --all") from None
        return self._id_type()

    def _id_type(self) -> pa.DataType:
        run = self.hop.target if self.runs.is_readable(self.hop.target) else self.runs.current
        first = _files(self.runs, run, is_membership, self.hop.segment_id)[0]
        return stored_type(pq.read_schema(first.path).field(CONTACT_ID).type)

    def _members(self, run: RunRef) -> str:
        """Return a query of the members of the segment in a run."""
        if self.runs.is_readable(run):
            return _query(_files(self.runs, run, is_membership, self.hop.segment_id), CONTACT_ID)
        index = self.runs.index_of(run)
        if index is None:
            raise _lost(self.hop, run)
        return self._earlier_members(index)

    def _earlier_members(self, index: int) -> str:
        """Return a query of the members in a pruned run: those of the published run, without the changes since."""
        lineage = list(self.runs.lineage(self.hop.segment_id, index))
        is_over = len(lineage) < len(self.runs.history.runs) - index - 1
        now = "" if is_over or not lineage else lineage[-1][1]  # no segment has an empty id
        members = _query(_files(self.runs, self.runs.current, is_membership, now), CONTACT_ID)
        changes = [files for past, name in reversed(lineage) if (files := self._changes_of(past, name))]
        if not changes:
            return members
        queries = " UNION ALL ".join(_query(files, f"{CONTACT_ID}, {CHANGE}") for files in changes)
        return _EARLIER.format(members=members, changes=queries)

    def _changes_of(self, past: PastRun, segment_id: str) -> Sequence[WrittenFile]:
        return _files(self.runs, RunRef.of(past), is_changes, segment_id) if past.changes else ()


def _query(files: Sequence[WrittenFile], columns: str) -> str:
    """Return a query of the rows of a segment in files that were written alike."""
    for file in files:
        ensure_readable(file.path, file.size)
    paths = ", ".join(literal(file.path) for file in files)
    segment_id = files[0].segment_id.replace("'", "''")
    return f"SELECT {columns} FROM read_parquet([{paths}]) WHERE segment_id = '{segment_id}'"  # noqa: S608 - quoted
