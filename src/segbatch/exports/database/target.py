"""The tables in the database before a synchronisation: their lock, their record, and whether they can be used."""

import time

from segbatch.errors import DatabaseError, UsageError
from segbatch.exports.database.record import SyncRecord, from_row
from segbatch.exports.database.session import Session
from segbatch.exports.database.tables import SYNC_TABLE, Tables
from segbatch.storage.output_lock import LockedError, LockPolicy
from segbatch.text import some_of

_PAUSE = 0.2
_BUSY = "another synchronisation is writing the tables"


def own_tables(session: Session, policy: LockPolicy) -> None:
    """Own the tables until the transaction ends.

    Raises:
        LockedError: Another synchronisation owns them.
    """
    is_reported = False
    while not session.dialect.try_lock(session):
        session.rollback()
        if not policy.wait:
            raise LockedError(f"{session.place}: {_BUSY}; run it again later, or wait for it (--wait)")
        if policy.on_wait and not is_reported:
            policy.on_wait(f"{session.place}: {_BUSY}; waiting for it")
        is_reported = True
        time.sleep(_PAUSE)
    session.dialect.prepare(session)


def find_record(session: Session, tables: Tables) -> SyncRecord | None:
    """Return the record of the tables; None if none of them exists.

    Raises:
        UsageError: The schema has tables with these names that no synchronisation has created.
        DatabaseError: The record was changed by another program.
    """
    existing = session.tables()
    if SYNC_TABLE.name in existing and (record := _read_record(session)):
        return record
    others = sorted({table.name for table in tables.published} & existing)
    if others:
        message = f"has tables that segbatch sync did not create: {some_of(others)}"
        remedy = "name another schema (--schema)" if session.schema else "name another file"
        raise UsageError(f"{session.place}: {message}; {remedy}")
    return None


def _read_record(session: Session) -> SyncRecord | None:
    rows = session.query(f"SELECT {', '.join(SYNC_TABLE.columns)} FROM {session.name(SYNC_TABLE)}")
    try:
        return from_row(dict(zip(SYNC_TABLE.columns, rows[0], strict=True))) if rows else None
    except ValueError:
        message = f"the table {SYNC_TABLE.name} was changed by another program"
        raise DatabaseError(f"{session.place}: {message}; drop it and the tables that it describes") from None


def find_tables(session: Session, tables: Tables, record: SyncRecord) -> Tables | None:
    """Return the tables of a record with the indexes of their version; None if one is missing or has other columns."""
    if not {table.name for table in tables.published} <= session.tables():
        return None
    return next((found for found in tables.versions if found.layout == record.layout), None)


def add_indexes(session: Session, stored: Tables, tables: Tables) -> None:
    """Create the indexes that the tables of an earlier version do not have. Readers are not held up."""
    for before, table in zip(stored.published, tables.published, strict=True):
        session.create_indexes(table, before.indexes)


def drop_indexes(session: Session, stored: Tables, tables: Tables) -> None:
    """Drop the indexes that only an earlier version has. From then on, readers wait for the end of the transaction."""
    for before, table in zip(stored.published, tables.published, strict=True):
        session.drop_indexes(before, table.indexes)


def create_tables(session: Session, tables: Tables) -> None:
    """Create the tables without indexes. Tables with other columns are replaced."""
    session.dialect.create_schema(session)
    session.create_table(SYNC_TABLE, if_missing=True)
    existing = session.tables()
    for table in tables.published:
        if table.name in existing:
            session.execute(f"DROP TABLE {session.name(table)}")
        session.create_table(table)
