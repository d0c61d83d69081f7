"""What differs between databases: types of columns, the lock, and schemas."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from segbatch.errors import UsageError
from segbatch.exports.database.tables import SYNC_TABLE
from segbatch.platform.database_url import Driver
from segbatch.storage.output_lock import LockedError

if TYPE_CHECKING:
    from segbatch.exports.database.session import Session

_READERS_WAIT = 60_000
"""Milliseconds to wait for readers of an SQLite file."""

_DECIMAL = "DECIMAL("
_UUID_LENGTH = 16


def identifier(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


_SETTINGS = ("random_page_cost = 1.1", "enable_hashagg = off", "work_mem = '64MB'", "temp_buffers = '64MB'")
"""Settings of a transaction. Sorted changes visit the pages of the index in order; hashed ones would do so at random.
The memory is for the changes of a run, which the server would write to temporary files otherwise."""

_NOTICE_END = """
SELECT set_config('client_connection_check_interval', '2s', true)
WHERE current_setting('server_version_num')::integer >= 140000
"""
"""Otherwise, the server would first finish a long statement of a killed process, and keep the lock until then."""


class Dialect(ABC):
    """A kind of database.

    Attributes:
        name: Its name in messages.
        schema: The schema if the user names none; empty if the database has no schemas.
        sql_types: The type of a column for each type of the published tables. Types that are missing are refused.
        arrow_types: The Arrow type that values of a type are sent as.
    """

    name: ClassVar[str]
    schema: ClassVar[str]
    sql_types: ClassVar[Mapping[str, str]]
    arrow_types: ClassVar[Mapping[str, pa.DataType]]

    def sql_type(self, column_type: str) -> str:
        """Return the type of a column in the database.

        Raises:
            UsageError: The database has no such type.
        """
        found = self.sql_types.get(column_type)
        if found is None:
            message = f"contact ids of the type {column_type} cannot be written to {self.name}"
            raise UsageError(f"{message}; export them as text, or use another database")
        return found

    def arrow_type(self, column_type: str) -> pa.DataType:
        """Return the Arrow type that values are sent as."""
        return self.arrow_types[column_type]

    @abstractmethod
    def try_lock(self, session: "Session") -> bool:
        """Own the tables until the transaction ends, or return that another synchronisation owns them."""

    @abstractmethod
    def prepare(self, session: "Session") -> None:
        """Prepare the transaction, after the lock was taken."""

    @abstractmethod
    def create_schema(self, session: "Session") -> None:
        """Create the schema if it does not exist."""

    @abstractmethod
    def count_rows(self, session: "Session") -> int:
        """Return the number of rows that the last statement wrote, if the driver does not."""

    @abstractmethod
    def prepare_commit(self, session: "Session") -> None:
        """Prepare the end of the transaction."""

    @abstractmethod
    def analyze(self, session: "Session", table: str) -> None:
        """Let the planner know the size of a table that was filled in this transaction."""


_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "JSON": pa.string(),
    "BLOB": pa.binary(),
}


class PostgreSQL(Dialect):
    """PostgreSQL 11 or newer."""

    name = "PostgreSQL"
    schema = "audiences"
    sql_types: ClassVar[Mapping[str, str]] = {
        "VARCHAR": "TEXT",
        "BIGINT": "BIGINT",
        "UBIGINT": "NUMERIC(20, 0)",
        "UUID": "UUID",
        "BLOB": "BYTEA",
        "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
        "JSON": "JSON",
        "VARCHAR[]": "TEXT[]",
    }
    arrow_types: ClassVar[Mapping[str, pa.DataType]] = {
        **_ARROW_TYPES,
        "UBIGINT": pa.decimal128(20, 0),
        "UUID": pa.binary(_UUID_LENGTH),
        "TIMESTAMP": pa.timestamp("us", "UTC"),
        "VARCHAR[]": pa.list_(pa.string()),
    }

    def sql_type(self, column_type: str) -> str:
        """Return the type of a column in the database. Decimals have as many digits as those of the contacts."""
        if column_type.startswith(_DECIMAL):
            return column_type.replace("DECIMAL", "NUMERIC")
        return super().sql_type(column_type)

    def arrow_type(self, column_type: str) -> pa.DataType:
        """Return the Arrow type that values are sent as."""
        if column_type.startswith(_DECIMAL):
            return pa.decimal128(int(column_type.removeprefix(_DECIMAL).split(",")[0]), 0)
        return super().arrow_type(column_type)

    def try_lock(self, session: "Session") -> bool:
        """Take an advisory lock of the schema."""
        key = f"'segbatch sync ' || {literal(session.schema)}"
        [(is_owned,)] = session.query(f"SELECT pg_try_advisory_xact_lock(hashtextextended({key}, 0))")
        return bool(is_owned)

    def prepare(self, session: "Session") -> None:
        """Let the planner find rows by an index and in its order, and the server notice that this process died."""
        for setting in _SETTINGS:
            session.execute(f"SET LOCAL {setting}")
        session.query(_NOTICE_END)

    def create_schema(self, session: "Session") -> None:
        """Create the schema. If it exists, the user need not be allowed to create schemas."""
        name = literal(session.schema)
        if not session.query(f"SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {name}"):
            session.execute(f"CREATE SCHEMA {identifier(session.schema)}")

    def count_rows(self, session: "Session") -> int:
        """Refuse: the driver counts rows."""
        raise AssertionError(session.place)

    def prepare_commit(self, session: "Session") -> None:
        """Do nothing: readers do not hold up a commit."""

    def analyze(self, session: "Session", table: str) -> None:
        """Count rows and values of a table."""
        session.execute(f"ANALYZE {table}")


class SQLite(Dialect):
    """SQLite, which has few types: times, JSON, lists and UUIDs are text."""

    name = "SQLite"
    schema = ""
    sql_types: ClassVar[Mapping[str, str]] = {
        "VARCHAR": "TEXT",
        "BIGINT": "INTEGER",
        "UUID": "TEXT",
        "BLOB": "BLOB",
        "TIMESTAMP": "TEXT",
        "JSON": "TEXT",
        "VARCHAR[]": "TEXT",
    }
    arrow_types: ClassVar[Mapping[str, pa.DataType]] = {
        **_ARROW_TYPES,
        "UUID": pa.string(),
        "TIMESTAMP": pa.timestamp("us"),
        "VARCHAR[]": pa.string(),
    }

    def try_lock(self, session: "Session") -> bool:
        """Begin to write: SQLite lets only one connection do so."""
        try:
            session.create_table(SYNC_TABLE, if_missing=True)
            session.execute(f"DELETE FROM {session.name(SYNC_TABLE)} WHERE 1 = 0")
        except LockedError:
            return False
        return True

    def prepare(self, session: "Session") -> None:
        """Do nothing."""

    def create_schema(self, session: "Session") -> None:
        """Do nothing: a file has no schemas."""

    def count_rows(self, session: "Session") -> int:
        """Return the number of rows that the last statement wrote."""
        [(rows,)] = session.query("SELECT changes()")
        return int(rows)

    def prepare_commit(self, session: "Session") -> None:
        """Wait for readers: SQLite commits when none is reading."""
        session.query(f"PRAGMA busy_timeout = {_READERS_WAIT}")

    def analyze(self, session: "Session", table: str) -> None:
        """Do nothing: it would read the whole table."""


DIALECTS: Mapping[Driver, Dialect] = {"postgres": PostgreSQL(), "sqlite": SQLite()}
"""The databases that can be written: those that create tables within a transaction."""
