"""The changes of the table `membership`, and the temporary tables that they are made from.

The SQL is plain: `INSERT ... SELECT`, `DELETE ... IN`, and temporary tables and views.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from segbatch.exports.database.plan import Step
from segbatch.exports.database.rows import Rows, value_rows
from segbatch.exports.database.session import Session, TablesChangedError
from segbatch.exports.database.tables import Table, Tables

_MEMBERS, _NET = "segbatch_members", "segbatch_net"
RUN_IDS, _UNDONE_IDS = (Table(name, {"run_id": "VARCHAR"}) for name in ("segbatch_run_ids", "segbatch_undone"))
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
ORDER BY contact_id, segment_id
"""
_INDEX = "CREATE UNIQUE INDEX {table}_key ON {table} (contact_id, segment_id)"
"""Rows in the order of the index of `membership` are found and added faster: neighbours are in the same pages."""

_LEAVE = """
DELETE FROM {membership}
WHERE (contact_id, segment_id) IN (SELECT contact_id, segment_id FROM segbatch_net WHERE step < 0)
"""
_ENTER = """
INSERT INTO {membership} (segment_id, contact_id)
SELECT segment_id, contact_id FROM segbatch_net WHERE step > 0 ORDER BY contact_id, segment_id
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


@dataclass(slots=True)
class Written:
    """The numbers of rows that were added to a table and removed from it."""

    added: int = 0
    removed: int = 0


def members_table(tables: Tables) -> Table:
    """Return the temporary table for all members."""
    return Table(_MEMBERS, tables.membership.columns)


def apply_changes(session: Session, tables: Tables, steps: Sequence[Step], undone: Sequence[str]) -> Written:
    """Bring `membership` to the published run by the staged changes.

    Args:
        undone: The runs to undo before, by the rows of `membership_changes`.

    Raises:
        TablesChangedError: The members in the table are not those of the run that the record names.
    """
    written = Written()
    for number, step in enumerate(steps):
        rename_segments(session, tables.membership, step.renamed)
        _apply_step(session, tables, step.run_ids, () if number else undone, written)
    return written


def _apply_step(
    session: Session, tables: Tables, run_ids: Sequence[str], undone: Sequence[str], written: Written
) -> None:
    with (
        session.temporary(RUN_IDS, id_rows(session, RUN_IDS, run_ids)),
        session.temporary(_UNDONE_IDS, id_rows(session, _UNDONE_IDS, undone)),
        _net_changes(session, tables, run_ids, undone),
    ):
        _apply_net(session, session.name(tables.membership), written)


@contextmanager
def _net_changes(session: Session, tables: Tables, run_ids: Sequence[str], undone: Sequence[str]) -> Iterator[None]:
    """Have the changes of the given runs as `segbatch_net` during the block. In one run, a member changes once."""
    if len(run_ids) == 1 and not undone:
        with session.temporary_view(_NET, _STEPS):
            yield
        return
    undone_steps = _UNDONE_STEPS.format(changes=session.name(tables.changes)) if undone else ""
    with session.temporary(Table(_NET, {**tables.membership.columns, "step": "BIGINT"})):
        session.execute(_SUM.format(steps=_STEPS + undone_steps))
        session.execute(_INDEX.format(table=_NET))
        yield


def _apply_net(session: Session, membership: str, written: Written) -> None:
    """Remove and add the members of `segbatch_net`."""
    [(leaving,)] = session.query(f"SELECT COUNT(*) FROM {_NET} WHERE step < 0")
    removed = session.write(_LEAVE.format(membership=membership))
    if removed != leaving:
        raise TablesChangedError
    written.removed += removed
    written.added += session.write(_ENTER.format(membership=membership))


def compare_members(session: Session, tables: Tables) -> Written:
    """Bring `membership` to the members in the temporary table. Rows that are right stay as they are."""
    membership = session.name(tables.membership)
    session.execute(_INDEX.format(table=_MEMBERS))
    removed = session.write(_LEAVE_ALL_OTHERS.format(membership=membership))
    return Written(session.write(_ENTER_IF_MISSING.format(membership=membership)), removed)


def rename_segments(session: Session, table: Table, renamed: Mapping[str, str]) -> None:
    """Give segments their new ids in a table."""
    if renamed:
        values = {"old_id": [*renamed], "new_id": [*renamed.values()]}
        with session.temporary(_RENAMES, value_rows(session.dialect, _RENAMES, values)):
            session.execute(_RENAME.format(table=session.name(table)))


def id_rows(session: Session, table: Table, run_ids: Sequence[str]) -> Rows:
    """Return the rows of a temporary table with ids of runs."""
    return value_rows(session.dialect, table, {"run_id": run_ids})
