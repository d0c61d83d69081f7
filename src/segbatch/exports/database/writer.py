"""Writing the tables of a database, within a transaction.

The SQL for `membership` and `membership_changes` is plain: `INSERT ... SELECT`, `DELETE ... IN`, and temporary tables.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from segbatch.exports.database.plan import Step, SyncPlan
from segbatch.exports.database.published import PublishedRun
from segbatch.exports.database.record import make_record, to_row
from segbatch.exports.database.rows import RECORDED_ID, Rows, change_rows, member_rows, record_rows, value_rows
from segbatch.exports.database.session import Session, TablesChangedError
from segbatch.exports.database.tables import SYNC_TABLE, Table, Tables
from segbatch.exports.database.target import create_tables
from segbatch.model.manifest import PastRun
from segbatch.storage.segment_history import present_ids

_MEMBERS, _NET = "segbatch_members", "segbatch_net"
_RUN_IDS, _UNDONE_IDS = (Table(name, {"run_id": "VARCHAR"}) for name in ("segbatch_run_ids", "segbatch_undone"))
_RENAMES = Table("segbatch_renames", {"old_id": "VARCHAR", "new_id": "VARCHAR"})

_STEPS = """
SELECT COALESCE(recorded_id, segment_id) AS segment_id, contact_id,
    CASE change WHEN 'entered' THEN 1 ELSE -1 END AS step
FROM segbatch_staged WHERE run_id IN (SELECT run_id FROM segbatch_run_ids)
"""
_UNDONE_STEPS = """
UNION ALL
SELECT segment_id, contact_id, CASE change WHEN 'entered' THEN -1 ELSE 1 END AS step
FROM {changes} WHERE run_id IN (SELECT run_id FROM segbatch_undone)
"""
_SUM = """
INSERT INTO segbatch_net
SELECT segment_id, contact_id, SUM(step) FROM ({steps}) AS steps GROUP BY segment_id, contact_id HAVING SUM(step) <> 0
ORDER BY segment_id, contact_id
"""
_INDEX = "CREATE UNIQUE INDEX {table}_key ON {table} (segment_id, contact_id)"
"""Rows in the order of the index of `membership` are found and added faster: neighbours are in the same pages."""

_LEAVE = """
DELETE FROM {membership}
WHERE (segment_id, contact_id) IN (SELECT segment_id, contact_id FROM segbatch_net WHERE step < 0)
"""
_ENTER = """
INSERT INTO {membership} (segment_id, contact_id)
SELECT segment_id, contact_id FROM segbatch_net WHERE step > 0 ORDER BY segment_id, contact_id
"""

_LEAVE_ALL_OTHERS = """
DELETE FROM {membership} AS m WHERE NOT EXISTS (
    SELECT 1 FROM segbatch_members AS s WHERE s.segment_id = m.segment_id AND s.contact_id = m.contact_id
)
"""
_ENTER_IF_MISSING = """
INSERT INTO {membership} (segment_id, contact_id)
SELECT segment_id, contact_id FROM segbatch_members AS s WHERE NOT EXISTS (
    SELECT 1 FROM {membership} AS m WHERE m.segment_id = s.segment_id AND m.contact_id = s.contact_id
)
"""
_RENAME = """
UPDATE {table} SET segment_id = (SELECT new_id FROM segbatch_renames WHERE old_id = segment_id)
WHERE segment_id IN (SELECT old_id FROM segbatch_renames)
"""
_FORGET = "DELETE FROM {changes} WHERE run_id IN (SELECT run_id FROM segbatch_run_ids)"
_ADD = """
INSERT INTO {changes} (run_id, as_of, segment_id, contact_id, change)
SELECT run_id, as_of, segment_id, contact_id, change FROM segbatch_staged
"""


@dataclass(slots=True)
class Written:
    """The numbers of rows that were added to a table and removed from it."""

    added: int = 0
    removed: int = 0


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
        self._total = members + sum(past.changes for past in plan.sent)

    def write(self, *, is_new: bool) -> None:
        """Write all tables.

        Args:
            is_new: Whether the tables do not exist, or have other columns.

        Raises:
            TablesChangedError: The tables do not have the rows of the run that their record names.
        """
        if is_new:
            create_tables(self._session, self._tables)
            self._fill_tables()
        else:
            self._update_tables()
        self._replace_small_tables()
        if is_new:
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
            members = _members_table(tables)
            with session.temporary(members, self._members(members)):
                self.written.membership = _compare_members(session, tables)
        staged = _staged_table(tables)
        with session.temporary(staged, self._changes(staged)):
            if plan.extent == "changes":
                self.written.membership = _apply_changes(session, tables, plan.steps, plan.undone)
            changes = self.written.membership_changes
            changes.removed = _remove_changes(session, tables.changes, plan.removed)
            _rename_segments(session, tables.changes, plan.present)
            changes.added = _add_changes(session, tables.changes)

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

    def _runs_sent(self) -> Sequence[tuple[PastRun, Mapping[str, str]]]:
        """Return the runs whose changes are sent, each with the present ids of segments that had other ids then."""
        runs = self._published.history.runs
        return [(past, names) for past, names in zip(runs, present_ids(runs), strict=True) if past in self._plan.sent]

    def _on_rows(self, rows: int) -> None:
        self._sent += rows
        if self._progress:
            self._progress(self._sent, self._total)


def _staged_table(tables: Tables) -> Table:
    """Return the temporary table for rows of `membership_changes`, with the ids that segments had then."""
    return Table("segbatch_staged", {**tables.changes.columns, RECORDED_ID: "VARCHAR"})


def _members_table(tables: Tables) -> Table:
    """Return the temporary table for all members."""
    return Table(_MEMBERS, tables.membership.columns)


def _apply_changes(session: Session, tables: Tables, steps: Sequence[Step], undone: Sequence[str]) -> Written:
    """Bring `membership` to the published run by the staged changes.

    Args:
        undone: The runs to undo before, by the rows of `membership_changes`.

    Raises:
        TablesChangedError: The members in the table are not those of the run that the record names.
    """
    written = Written()
    for number, step in enumerate(steps):
        _rename_segments(session, tables.membership, step.renamed)
        _apply_step(session, tables, step.run_ids, () if number else undone, written)
    return written


def _apply_step(
    session: Session, tables: Tables, run_ids: Sequence[str], undone: Sequence[str], written: Written
) -> None:
    net = Table(_NET, {**tables.membership.columns, "step": "BIGINT"})
    undone_steps = _UNDONE_STEPS.format(changes=session.name(tables.changes)) if undone else ""
    with (
        session.temporary(_RUN_IDS, _texts(session, _RUN_IDS, run_ids)),
        session.temporary(_UNDONE_IDS, _texts(session, _UNDONE_IDS, undone)),
        session.temporary(net),
    ):
        session.execute(_SUM.format(steps=_STEPS + undone_steps))
        _apply_net(session, session.name(tables.membership), written)


def _apply_net(session: Session, membership: str, written: Written) -> None:
    """Remove and add the members of `segbatch_net`."""
    session.execute(_INDEX.format(table=_NET))
    [(leaving,)] = session.query(f"SELECT COUNT(*) FROM {_NET} WHERE step < 0")
    removed = session.write(_LEAVE.format(membership=membership))
    if removed != leaving:
        raise TablesChangedError
    written.removed += removed
    written.added += session.write(_ENTER.format(membership=membership))


def _compare_members(session: Session, tables: Tables) -> Written:
    """Bring `membership` to the members in the temporary table. Rows that are right stay as they are."""
    membership = session.name(tables.membership)
    session.execute(_INDEX.format(table=_MEMBERS))
    removed = session.write(_LEAVE_ALL_OTHERS.format(membership=membership))
    return Written(session.write(_ENTER_IF_MISSING.format(membership=membership)), removed)


def _remove_changes(session: Session, table: Table, run_ids: Sequence[str] | None) -> int:
    """Remove the rows of runs from `membership_changes`; all rows if `run_ids` is None."""
    changes = session.name(table)
    if run_ids is None:
        return session.write(f"DELETE FROM {changes}")
    if not run_ids:
        return 0
    with session.temporary(_RUN_IDS, _texts(session, _RUN_IDS, run_ids)):
        return session.write(_FORGET.format(changes=changes))


def _add_changes(session: Session, table: Table) -> int:
    """Add the staged rows to `membership_changes`."""
    return session.write(_ADD.format(changes=session.name(table)))


def _rename_segments(session: Session, table: Table, renamed: Mapping[str, str]) -> None:
    """Give segments their new ids in a table."""
    if renamed:
        values = {"old_id": [*renamed], "new_id": [*renamed.values()]}
        with session.temporary(_RENAMES, value_rows(session.dialect, _RENAMES, values)):
            session.execute(_RENAME.format(table=session.name(table)))


def _texts(session: Session, table: Table, texts: Sequence[str]) -> Rows:
    return value_rows(session.dialect, table, {"run_id": texts})
