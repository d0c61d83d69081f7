"""Related tables of a run: their records in the manifest, and the rows that belong to no contact."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import repeat

from segbatch.errors import Problem
from segbatch.model.input_records import SnapshotRecord, SourceRecord, TableRecord
from segbatch.model.manifest import SegmentStatus
from segbatch.observability.events import PlannedTable
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.snapshot.related.query import TableCounts, TableQuery
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import counted


def planned_tables(queries: Iterable[TableQuery]) -> tuple[PlannedTable, ...]:
    """Return the tables that rules read, for the event."""
    return tuple(PlannedTable(query.name, table.rows, len(query.aggregates)) for query, table in tables_of(queries))


def tables_of(queries: Iterable[TableQuery]) -> Iterator[tuple[TableQuery, Snapshot]]:
    """Yield the queries of tables in files of their own, each with its table; lists in contacts are left out."""
    return ((query, query.table) for query in queries if isinstance(query.table, Snapshot))


def file_records(
    snapshot: Snapshot, digest: Callable[[Sequence[SnapshotFile]], Sequence[str]]
) -> tuple[SnapshotRecord, ...]:
    """Return the records of the files of a snapshot or a table.

    Data files of a Delta or Iceberg table are not hashed: they are never written again under their name.

    Args:
        digest: Computes the checksums of files.
    """
    digests = repeat(None) if snapshot.source is not None else digest(snapshot.files)
    return tuple(
        SnapshotRecord(path=str(file.location), rows=file.rows, size=file.size, sha256=sha256, database=file.database)
        for file, sha256 in zip(snapshot.files, digests, strict=False)
    )


def source_record(snapshot: Snapshot) -> SourceRecord | None:
    """Return the record of the version of a table that a snapshot is; None for files on their own."""
    source = snapshot.source
    if source is None:
        return None
    return SourceRecord(format=source.format, table=source.table, version=source.version)


def table_records(
    queries: Sequence[TableQuery],
    files: Mapping[str, tuple[SnapshotRecord, ...]],
    counts: Mapping[str, TableCounts],
) -> tuple[TableRecord, ...]:
    """Return the records of tables.

    Args:
        queries: The aggregates of the tables.
        files: The files of each table.
        counts: The rows of each table; a table is missing if all segments that read it were held back.
    """
    return tuple(
        TableRecord(
            name=query.name,
            contact=table.id_column,
            time=query.time_column,
            rows=table.rows,
            orphans=counts.get(query.name, TableCounts()).orphans,
            later=counts.get(query.name, TableCounts()).later,
            aggregates=len(query.aggregates),
            files=files[query.name],
            source=source_record(table),
        )
        for query, table in tables_of(queries)
    )


@dataclass(frozen=True, slots=True)
class EmptyTables:
    """Related tables without rows, such as after a failed export. Rows of no contact and later rows do not count.

    Attributes:
        now: The tables that have no rows now.
        had_rows: The tables that had rows in the previous run.
    """

    now: AbstractSet[str]
    had_rows: AbstractSet[str]

    def unexpected(self, names: AbstractSet[str], status: SegmentStatus) -> AbstractSet[str]:
        """Return the tables that had rows when the members of a segment were evaluated.

        Args:
            names: The tables that the segment reads.
            status: The status of the segment in the previous run. If it is not ok, its members are from an earlier run,
                and it is not known whether the tables had rows then.
        """
        return names & self.now & (self.had_rows if status == "ok" else self.now)


def find_empty(
    queries: Iterable[TableQuery], counts: Mapping[str, TableCounts], before: Iterable[TableRecord]
) -> EmptyTables:
    """Find the tables without rows in this run and in the previous one.

    Args:
        queries: The aggregates of the tables.
        counts: The rows of each table that was read.
        before: The tables of the previous run.
    """
    names = {query.name for query, _ in tables_of(queries)}
    return EmptyTables(
        {name for name in names if not counts.get(name, TableCounts()).has_rows},
        {table.name for table in before if max(table.orphans, table.later) < table.rows},
    )


def orphan_notices(tables: Iterable[TableRecord]) -> Iterator[Problem]:
    """Yield a note for each table with rows of no contact; a warning if no row counts."""
    for table in tables:
        if table.later == table.rows:
            reason = "all rows are later than the run (--as-of)" if table.rows else "it has no rows"
            yield Problem(f"the table '{table.name}': {reason}", severity="warning")
        if not table.orphans:
            continue
        are_all = table.orphans == table.rows
        verb = "belongs" if table.orphans == 1 else "belong"
        found = f"{table.orphans:,} of {counted(table.rows, 'row')} {verb} to no contact of the snapshot"
        advice = f"; check the column '{table.contact}' (--table-contact {table.name}=COLUMN)" if are_all else ""
        message = f"the table '{table.name}': {found}{advice}"
        yield Problem(message, severity="warning" if are_all else "note")
