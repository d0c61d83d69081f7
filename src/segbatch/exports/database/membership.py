"""The changes of the table `membership`, and the temporary tables that they are made from.

The SQL is plain: `INSERT ... SELECT`, `DELETE ... IN`, and temporary tables and views.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from segbatch.exports.database.plan import Step
from segbatch.exports.database.rows import ChangesPart, Rows, value_rows
from segbatch.exports.database.session import Session, TablesChangedError
from segbatch.exports.database.tables import Table, Tables

_MEMBERS, _NET, _STAGED, _LEAVING = "segbatch_members", "segbatch_net", "segbatch_staged", "segbatch_leaving"
RUN_IDS, _UNDONE_IDS = (Table(name, {"run_id": "VARCHAR"}) for name in ("segbatch_run_ids", "segbatch_undone"))
_RENAMES = Table("segbatch_renames", {"old_id": "VARCHAR", "new_id": "VARCHAR"})

_STEPS = """
SELECT segment_id, contact_id, CASE change WHEN 'entered' THEN 1 ELSE -1 END AS step FROM segbatch_staged
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
DELETE FROM {membership} WHERE (contact_id, segment_id) IN (SELECT contact_id, segment_id FROM {leaving})
"""
_NET_LEAVING = "(SELECT contact_id, segment_id FROM segbatch_net WHERE step < 0) AS leaving"
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


ChangesOf = Callable[[Table, Sequence[str]], Rows]
"""A function that returns the changes of runs for a table, with the ids that segments had in these runs."""


def apply_changes(
    session: Session, tables: Tables, steps: Sequence[Step], undone: Sequence[str], changes_of: ChangesOf
) -> Written:
    """Bring `membership` to the published run by the changes of runs.

    Args:
        undone: The runs to undo before, by the rows of `membership_changes`.

    Raises:
        TablesChangedError: The members in the table are not those of the run that the record names.
    """
    written = Written()
    for number, step in enumerate(steps):
        rename_segments(session, tables.membership, step.renamed)
        if undone and not number:
            with session.temporary(_UNDONE_IDS, id_rows(session, _UNDONE_IDS, undone)):
                steps_undone = _UNDONE_STEPS.format(changes=session.name(tables.changes))
                _apply_sum(session, tables, changes_of(_staged_table(tables), step.run_ids), written, steps_undone)
        elif step.run_ids:
            _apply_sum(session, tables, changes_of(_staged_table(tables), step.run_ids), written)
    return written


def apply_run(session: Session, tables: Tables, parts: Iterable[ChangesPart]) -> tuple[Written, Written]:
    """Write the changes of one run, in which a member changes once. So new members go straight to the table.

    Returns:
        The rows written to `membership` and to `membership_changes`.

    Raises:
        TablesChangedError: The members in the table are not those of the run that the record names.
    """
    leaving = Table(_LEAVING, tables.membership.columns)
    members, changes = Written(), Written()
    for part in parts:
        with session.temporary(leaving, part.exited):
            _remove(session, tables, _LEAVING, part.exited.done, members)
        members.added += session.send(tables.membership, part.entered)
        changes.added += session.send(tables.changes, part.changes)
    return members, changes


def _staged_table(tables: Tables) -> Table:
    return Table(_STAGED, {**tables.membership.columns, "change": "VARCHAR"})


def _apply_sum(session: Session, tables: Tables, staged: Rows, written: Written, more: str = "") -> None:
    """Apply the changes of runs, in which a member may enter and leave again.

    Args:
        more: More changes, as SQL.
    """
    with (
        session.temporary(_staged_table(tables), staged),
        session.temporary(Table(_NET, {**tables.membership.columns, "step": "BIGINT"})),
    ):
        session.execute(_SUM.format(steps=_STEPS + more))
        session.execute(_INDEX.format(table=_NET))
        [(leaving,)] = session.query(f"SELECT COUNT(*) FROM {_NET_LEAVING}")
        _remove(session, tables, _NET_LEAVING, leaving, written)
        written.added += session.write(_ENTER.format(membership=session.name(tables.membership)))


def _remove(session: Session, tables: Tables, leaving: str, number: int, written: Written) -> None:
    """Remove members.

    Args:
        leaving: The members, as SQL.
        number: Their number.
    """
    removed = session.write(_LEAVE.format(membership=session.name(tables.membership), leaving=leaving))
    if removed != number:
        raise TablesChangedError
    written.removed += removed


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
