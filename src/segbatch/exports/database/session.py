"""A transaction of a database, through ADBC."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from segbatch.errors import DatabaseError, UsageError
from segbatch.exports.database.dialects import DIALECTS, Dialect, identifier
from segbatch.exports.database.rows import Rows
from segbatch.exports.database.tables import Table
from segbatch.platform.adbc import open_connection, translate_errors
from segbatch.platform.database_url import DatabaseAddress, is_database_url, read_database_url
from segbatch.storage.output_lock import LockedError
from segbatch.text import cut, one_of, printable

_UNCHANGED = "the tables are unchanged"
_SQLITE_LOCKED = "database is locked"
_SQLITE_NOT_UNIQUE = "UNIQUE constraint failed"
_LONGEST = 300
_PRIMARY = (b"PG_DIAG_MESSAGE_PRIMARY", "PG_DIAG_MESSAGE_PRIMARY")
"""The detail of an error with its message alone; the driver passes names as bytes, against its type hints."""
_OF_A_STATEMENT = ("42", "2B")
"""The classes of SQLSTATE for errors in a statement, such as a missing permission, and for tables that other objects
depend on. Messages quote only names."""

_NO_NUL = "22021"


class TablesChangedError(Exception):
    """Another program changed rows of the tables, so that changes alone do not lead to the published run."""


@dataclass(frozen=True, slots=True)
class Session:
    """A connection with one transaction, which is rolled back unless it is committed.

    Attributes:
        connection: A connection of ADBC's DB-API.
        schema: The schema of the tables; empty if the database has none.
        address: The address of the database.
    """

    connection: Any
    dialect: Dialect
    schema: str
    address: DatabaseAddress

    @property
    def place(self) -> str:
        """The address of the database for messages, without credentials."""
        return str(self.address)

    def name(self, table: Table) -> str:
        """Return the name of a table in SQL."""
        return self._qualified(table.name)

    def _qualified(self, name: str) -> str:
        return f"{identifier(self.schema)}.{identifier(name)}" if self.schema else identifier(name)

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._run(sql)

    def write(self, sql: str) -> int:
        """Run an INSERT or DELETE and return the number of its rows."""
        written = self._run(sql)
        return self.dialect.count_rows(self) if written < 0 else written

    def _run(self, sql: str) -> int:
        with self._translate_errors(), self.connection.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._translate_errors(), self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def tables(self) -> frozenset[str]:
        """Return the names of the tables and views in the schema."""
        with self._translate_errors():
            found = self.connection.adbc_get_objects(depth="tables", db_schema_filter=self.schema or None)
            catalogs = found.read_all().to_pylist()
        schemas = [schema for catalog in catalogs for schema in catalog["catalog_db_schemas"] or ()]
        same = (schema for schema in schemas if (schema["db_schema_name"] or "") == self.schema)
        return frozenset(table["table_name"] for schema in same for table in schema["db_schema_tables"] or ())

    def create_table(self, table: Table, *, if_missing: bool = False) -> None:
        """Create a table without its indexes."""
        self.execute(
            f"CREATE TABLE {'IF NOT EXISTS ' if if_missing else ''}{self.name(table)} ({self._columns(table)})"
        )

    @contextmanager
    def temporary(self, table: Table, rows: Rows | None = None) -> Iterator[None]:
        """Have a temporary table during the block, with the given rows."""
        self.execute(f"CREATE TEMPORARY TABLE {table.name} ({self._columns(table)})")
        if rows is not None:
            self.send(table, rows, temporary=True)
        yield
        self.execute(f"DROP TABLE {table.name}")  # after an error, all is rolled back

    def create_indexes(self, table: Table, existing: Collection[Sequence[str]] = ()) -> None:
        """Create the indexes of a table.

        Args:
            existing: The columns of each index that the table has already.
        """
        for number, columns in enumerate(table.indexes):
            if columns not in existing:
                kind = "UNIQUE INDEX" if table.has_key and not number else "INDEX"
                name = identifier(_index_name(table, columns))
                self.execute(f"CREATE {kind} {name} ON {self.name(table)} ({', '.join(columns)})")

    def drop_indexes(self, table: Table, kept: Collection[Sequence[str]] = ()) -> None:
        """Drop the indexes of a table, as far as it has them.

        Args:
            kept: The columns of each index that stays.
        """
        for columns in table.indexes:
            if columns not in kept:
                self.execute(f"DROP INDEX IF EXISTS {self._qualified(_index_name(table, columns))}")

    def send(self, table: Table, rows: Rows, *, temporary: bool = False) -> int:
        """Append rows to a table, and return their number."""
        schema = {} if temporary or not self.schema else {"db_schema_name": self.schema}
        try:
            with self._translate_errors(), self.connection.cursor() as cursor:
                cursor.adbc_ingest(table.name, rows.reader(), mode="append", temporary=temporary, **schema)
        finally:
            rows.raise_failure()
        return rows.done

    def commit(self) -> None:
        """End the transaction: readers see all of its rows from now on."""
        self.dialect.prepare_commit(self)
        with self._translate_errors("; run it again to see which run the tables have"):
            self.connection.commit()

    def rollback(self) -> None:
        """Undo everything since the last commit."""
        with self._translate_errors():
            self.connection.rollback()

    def _columns(self, table: Table) -> str:
        return ", ".join(f"{name} {self.dialect.sql_type(kind)}" for name, kind in table.columns.items())

    @contextmanager
    def _translate_errors(self, outcome: str = _UNCHANGED) -> Iterator[None]:
        """Convert errors of the driver to messages without credentials and values."""
        from adbc_driver_manager import Error, IntegrityError  # noqa: PLC0415 - of an extra

        try:
            with translate_errors(self.address):
                try:
                    yield
                except IntegrityError:
                    raise TablesChangedError from None
                except Error as error:
                    self._raise_known(error)
                    raise
        except DatabaseError as error:
            raise DatabaseError(f"{error}; {outcome}") from None

    def _raise_known(self, error: BaseException) -> None:
        """Raise an error of our own, if the error of a driver has a meaning here.

        SQLite's driver reports rows that it is sent and that are not unique as an internal error.
        """
        state = getattr(error, "sqlstate", None) or ""
        if _SQLITE_NOT_UNIQUE in str(error):
            raise TablesChangedError
        if _SQLITE_LOCKED in str(error):
            message = "another program is using the database file; run it again, or wait for it (--wait)"
            raise LockedError(f"{self.place}: {message}; {_UNCHANGED}")
        if state == _NO_NUL:
            raise DatabaseError(f"{self.place}: {self.dialect.name} cannot store a text with a NUL character")
        if state.startswith(_OF_A_STATEMENT):
            raise DatabaseError(f"{self.place}: {self.dialect.name} reports: {_primary_message(error)}")


@contextmanager
def open_session(database: str, schema: str | None) -> Iterator[Session]:
    """Connect to a database. Whatever is not committed in the block is undone.

    Args:
        schema: The schema of the tables; None for the usual one.

    Raises:
        UsageError: The address is not of a database that can be written, or the driver is not installed.
        DatabaseError: The database cannot be reached.
    """
    if not is_database_url(database):
        raise UsageError("the address of the database is not valid; write it like postgresql://HOST/DATABASE")
    address = read_database_url(database, "DATABASE")
    dialect = DIALECTS.get(address.driver)
    if dialect is None:
        known = one_of(sorted(found.name for found in DIALECTS.values()))
        raise UsageError(f"{address}: sync writes to {known} only; for others, load the published Parquet files")
    if address.table is not None:
        raise UsageError(f"{address}: sync has the names of its tables; leave out '#' and what follows, see --schema")
    if schema and not dialect.schema:
        raise UsageError(f"{address}: {dialect.name} has no schemas; leave out --schema")
    with open_connection(address) as connection:
        yield Session(connection, dialect, schema or dialect.schema, address)


def _index_name(table: Table, columns: Sequence[str]) -> str:
    return f"{table.name}_{'_'.join(columns)}"


def _primary_message(error: BaseException) -> str:
    details: Iterable[tuple[object, bytes]] = getattr(error, "details", ())
    text = next((value for name, value in details if name in _PRIMARY), b"a statement is not valid")
    return cut(printable(text.decode(errors="replace")), _LONGEST)
