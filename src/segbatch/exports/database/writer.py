"""Writing the tables of a database, within a transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from segbatch.exports.database.membership import (
    RUN_IDS,
    Written,
    apply_changes,
    apply_run,
    compare_members,
    id_rows,
    members_table,
    rename_segments,
)
from segbatch.exports.database.plan import SyncPlan
from segbatch.exports.database.published import PublishedRun
from segbatch.exports.database.record import make_record, to_row
from segbatch.exports.database.rows import Rows, change_parts, change_rows, member_rows, record_rows, value_rows
from segbatch.exports.database.session import Session
from segbatch.exports.database.tables import SYNC_TABLE, Table, Tables
from segbatch.exports.database.target import add_indexes, create_tables, drop_indexes
from segbatch.model.manifest import PastRun
from segbatch.storage.present_ids import present_ids

_FORGET = "DELETE FROM {changes} WHERE run_id IN (SELECT run_id FROM segbatch_run_ids)"


@dataclass(slots=True)
class RowsWritten:
    """The rows that a synchronisation wrote.

    Attributes:
        membership: The rows of `membership` that were added and removed.
        membership_changes: The rows of `membership_changes` that were added and removed.
        segments: The number of rows of `segments`; 0 if nothing was written.
        runs: The number of rows of `runs`; 0 if nothing was written.
    """

    membership: Written = field(default_factory=Written)
    membership_changes: Written = field(default_factory=Written)
    segments: int = 0
    runs: int = 0


class TableWriter:
    """A writer for the tables of a session.

    Attributes:
        written: The rows that were written so far.
    """

    def __init__(
        self,
        session: Session,
        published: PublishedRun,
        plan: SyncPlan,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Create a writer.

        Args:
            published: The run to write.
            progress: Called with the number of rows sent and in total.
        """
        self.written = RowsWritten()
        self._session, self._published, self._plan, self._progress = session, published, plan, progress
        self._tables = published.tables
        self._sent = 0
        members = published.manifest.run.memberships if plan.extent == "full" else 0
        applied = self._runs(run_id for step in plan.steps for run_id in step.run_ids)
        self._total = members + sum(past.changes for past in (*plan.sent, *applied))

    def write(self, stored: Tables | None) -> None:
        """Write all tables.

        Args:
            stored: The tables with their indexes in the database; None if they do not exist, or have other columns.

        Raises:
            TablesChangedError: The tables do not have the rows of the run that their record names.
        """
        if stored is None:
            create_tables(self._session, self._tables)
            self._fill_tables()
            self._replace_small_tables()
            self._index_tables()
        else:
            add_indexes(self._session, stored, self._tables)
            self._update_tables()
            self._replace_small_tables()
            drop_indexes(self._session, stored, self._tables)

    def _index_tables(self) -> None:
        """Create the indexes of new tables."""
        for table in self._tables.published:
            self._session.create_indexes(table)
            self._session.dialect.analyze(self._session, self._session.name(table))

    def _fill_tables(self) -> None:
        """Send all members and changes to new tables."""
        self.written.membership.added = self._session.send(
            self._tables.membership, self._members(self._tables.membership)
        )
        self.written.membership_changes.added = self._session.send(
            self._tables.changes, self._changes(self._tables.changes)
        )

    def _update_tables(self) -> None:
        """Send changes, and all members if these are to be compared."""
        session, tables, plan = self._session, self._tables, self._plan
        if plan.extent == "full":
            members = members_table(tables)
            with session.temporary(members, self._members(members)):
                self.written.membership = compare_members(session, tables)
        only_run = plan.only_run if plan.extent == "changes" else None
        if plan.extent == "changes" and not only_run:
            self.written.membership = apply_changes(session, tables, plan.steps, plan.undone, self._changes_of)
        removed = _remove_changes(session, tables.changes, plan.removed)
        rename_segments(session, tables.changes, plan.present)
        if only_run:
            parts = change_parts(session.dialect, tables, self._published.output, only_run, self._on_rows)
            self.written.membership, self.written.membership_changes = apply_run(session, tables, parts)
        else:
            self.written.membership_changes.added = session.send(tables.changes, self._changes(tables.changes))
        self.written.membership_changes.removed = removed

    def _replace_small_tables(self) -> None:
        """Replace the rows of `segments`, `runs` and the record."""
        published, dialect = self._published, self._session.dialect
        runs = [past.run for past in published.history.runs]
        record = make_record(published.output, published.history, self._tables.layout, self._plan.without_changes)
        row = {name: [value] for name, value in to_row(record).items()}
        numbers = range(1, len(runs) + 1)
        self.written.segments = self._replace(
            self._tables.segments, record_rows(dialect, self._tables.segments, published.manifest.segments)
        )
        self.written.runs = self._replace(
            self._tables.runs, record_rows(dialect, self._tables.runs, runs, run_number=numbers)
        )
        self._replace(SYNC_TABLE, value_rows(dialect, SYNC_TABLE, row))

    def _replace(self, table: Table, rows: Rows) -> int:
        self._session.execute(f"DELETE FROM {self._session.name(table)}")
        return self._session.send(table, rows)

    def _members(self, table: Table) -> Rows:
        published = self._published
        return member_rows(self._session.dialect, table, published.folder, published.manifest, self._on_rows)

    def _changes(self, table: Table) -> Rows:
        return change_rows(self._session.dialect, table, self._published.output, self._runs_sent(), self._on_rows)

    def _changes_of(self, table: Table, run_ids: Sequence[str]) -> Rows:
        runs = [(past, dict[str, str]()) for past in self._runs(run_ids)]
        return change_rows(self._session.dialect, table, self._published.output, runs, self._on_rows)

    def _runs(self, run_ids: Iterable[str]) -> Sequence[PastRun]:
        """Return runs that have changes, by their ids."""
        found = frozenset(run_ids)
        return [past for past in self._published.history.runs if past.changes and past.run.run_id in found]

    def _runs_sent(self) -> Sequence[tuple[PastRun, Mapping[str, str]]]:
        """Return the runs whose changes are sent, each with the present ids of segments that had other ids then."""
        runs = self._published.history.runs
        return [(past, names) for past, names in zip(runs, present_ids(runs), strict=True) if past in self._plan.sent]

    def _on_rows(self, rows: int) -> None:
        self._sent += rows
        if self._progress:
            self._progress(self._sent, self._total)


def _remove_changes(session: Session, table: Table, run_ids: Sequence[str] | None) -> int:
    """Remove the rows of runs from `membership_changes`; all rows if `run_ids` is None."""
    changes = session.name(table)
    if run_ids is None:
        return session.write(f"DELETE FROM {changes}")
    if not run_ids:
        return 0
    with session.temporary(RUN_IDS, id_rows(session, RUN_IDS, run_ids)):
        return session.write(_FORGET.format(changes=changes))
