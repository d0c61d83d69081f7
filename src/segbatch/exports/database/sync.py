"""Synchronising tables in a database with the published run of an output."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segbatch.errors import DatabaseError, Problem
from segbatch.exports.database.plan import Extent, SyncPlan, make_plan
from segbatch.exports.database.published import PublishedRun, read_published
from segbatch.exports.database.record import SyncRecord
from segbatch.exports.database.session import Session, TablesChangedError, open_session
from segbatch.exports.database.target import find_record, find_tables, own_tables
from segbatch.exports.database.writer import RowsWritten, TableWriter
from segbatch.platform.shutdown import shutdown
from segbatch.storage.manifest_io import ensure_published
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.remote.open_output import open_output
from segbatch.text import printable

Progress = Callable[[int, int], None]
"""Called from time to time with the number of rows that are sent and the total number of rows."""

_IN_DOUBT = "it is not known whether the tables have the new run; run it again"
_OLD_LAYOUT = "the tables were of an earlier version or had other contact ids"
_REPAIR = "another program changed the tables"


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The result of a synchronisation.

    Attributes:
        database: The address of the database, without credentials.
        schema: The schema of the tables; None if the database has none.
        run_id: The run that the tables have now.
        previous_run_id: The run that they had before; None for new tables.
        extent: `none` if the tables had the run already, `changes` if only changes were applied, `full` if all
            members were compared.
        reason: The reason for comparing all members; empty if only changes were applied.
        undone: The runs that the tables had and the output does not have any more.
        rows: The rows that were written.
        warnings: Reasons why the tables may not be what the user expects.
    """

    database: str
    schema: str | None
    run_id: str
    run_number: int
    previous_run_id: str | None
    extent: Extent
    reason: str
    undone: tuple[str, ...]
    rows: RowsWritten
    warnings: tuple[Problem, ...] = ()


def sync(
    database: str,
    output: str | Path = "output",
    *,
    schema: str | None = None,
    full: bool = False,
    lock_policy: LockPolicy = FAIL_IF_LOCKED,
    progress: Progress | None = None,
) -> SyncReport:
    """Bring tables in a database to the published run of an output, in one transaction.

    Args:
        database: The address of the database, such as `postgresql://user@host/database`.
        output: The folder that runs publish in, or its address in object storage.
        schema: The schema of the tables; by default `audiences`. SQLite has no schemas.
        full: Compare all rows, even if the changes since the last synchronisation are known.
        lock_policy: The behaviour when another synchronisation writes the tables.
        progress: Called with the number of rows sent and in total.

    Returns:
        The numbers of rows written, with warnings.

    Raises:
        UsageError: Nothing is published, the address is not valid, a driver is not installed, or the schema has tables
            of another program.
        LockedError: Another synchronisation writes the tables.
        PublishError: The published data cannot be read.
        DatabaseError: The database cannot be reached or refused to write. The tables are unchanged.
    """
    with open_output(output) as folder:
        ensure_published(folder)
        with open_session(database, schema) as session:
            return _Sync(session, folder, lock_policy, progress).bring(full=full)


@dataclass(frozen=True, slots=True)
class _Sync:
    """A synchronisation of the tables of a session with an output."""

    session: Session
    output: Path
    policy: LockPolicy
    progress: Progress | None

    def bring(self, *, full: bool) -> SyncReport:
        """Bring the tables to the published run. If changes alone do not lead to it, compare all rows.

        Args:
            full: Compare all rows at once.

        Raises:
            DatabaseError: Another program changes the tables at the same time.
        """
        try:
            return self.write(full=full)
        except TablesChangedError:
            self.session.rollback()
        try:
            return self.write(full=True, is_repair=True)
        except TablesChangedError:
            message = "another program changes the tables at the same time; they are unchanged"
            raise DatabaseError(f"{self.session.place}: {message}; run it again") from None

    def write(self, *, full: bool, is_repair: bool = False) -> SyncReport:
        """Bring the tables to the published run, and end the transaction.

        Args:
            full: Compare all rows.
            is_repair: Whether changes alone did not lead to the published run.

        Raises:
            TablesChangedError: The tables do not have the rows of the run that their record names.
        """
        own_tables(self.session, self.policy)
        published = read_published(self.output)
        record = find_record(self.session, published.tables)
        stored = find_tables(self.session, published.tables, record) if record else None
        plan = make_plan(record if stored else None, published.history, published.lost, full=full)
        reason = _OLD_LAYOUT if record and not stored else _REPAIR if is_repair else plan.reason
        writer = TableWriter(self.session, published, plan, self.progress)
        if plan.extent == "none":
            self.session.rollback()
        else:
            writer.write(stored)
            with shutdown.uninterruptible(_IN_DOUBT):
                self.session.commit()
        warnings = (*_warnings(published, record, is_repair=is_repair), *published.warnings)
        return self._report(published, record, plan, reason, writer.written, warnings)

    def _report(
        self,
        published: PublishedRun,
        record: SyncRecord | None,
        plan: SyncPlan,
        reason: str,
        written: RowsWritten,
        warnings: tuple[Problem, ...],
    ) -> SyncReport:
        return SyncReport(
            database=self.session.place,
            schema=self.session.schema or None,
            run_id=published.run_id,
            run_number=len(published.history.runs),
            previous_run_id=record.last.run_id if record else None,
            extent=plan.extent,
            reason=reason,
            undone=plan.undone,
            rows=written,
            warnings=warnings,
        )


def _warnings(published: PublishedRun, record: SyncRecord | None, *, is_repair: bool) -> list[Problem]:
    warnings = list[Problem]()
    if record and not record.is_from(published.output, published.history):
        what = f"the tables had run {record.last.run_id} of {printable(record.output)}"
        warnings.append(Problem(f"{what}, and have the runs of {published.output} now", severity="warning"))
    if is_repair:
        what = "the tables did not have the rows of the last synchronisation, so all rows were compared"
        warnings.append(Problem(f"{what}; let no other program write them", severity="warning"))
    return warnings
