"""What a transaction asks of a driver, and the meaning of its errors, without a server."""

from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa
import pytest
from adbc_driver_manager import AdbcStatusCode, Error, IntegrityError, OperationalError, ProgrammingError

from segbatch.errors import DatabaseError
from segbatch.exports.database.dialects import DIALECTS
from segbatch.exports.database.session import Session, TablesChangedError
from segbatch.exports.database.tables import make_tables
from segbatch.exports.database.target import create_tables
from segbatch.platform.database_url import read_database_url
from segbatch.storage.output_lock import LockedError


@dataclass
class Driver:
    """A connection and cursor that record statements, and return rows or raise an error."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    error: Error | None = None
    statements: list[str] = field(default_factory=list)
    rowcount: int = 0

    def cursor(self) -> "Driver":
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, sql: str) -> None:
        self.statements.append(sql)
        if self.error:
            raise self.error

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.rows

    def adbc_get_objects(self, **_: object) -> pa.RecordBatchReader:
        return pa.table({"catalog_db_schemas": [None]}).to_reader()


def session(driver: Driver) -> Session:
    address = read_database_url("postgresql://ann:canary@host/db", "DATABASE")
    return Session(driver, DIALECTS["postgres"], 'the "o\'clock" schema', address)


def test_postgres_locks_the_schema_and_prefers_indexes() -> None:
    driver = Driver([(True,)])
    made = session(driver)
    assert made.dialect.try_lock(made)
    made.dialect.prepare(made)
    made.dialect.prepare_commit(made)
    assert "client_connection_check_interval" in driver.statements.pop()
    key = "'segbatch sync ' || 'the \"o''clock\" schema'"
    assert driver.statements == [
        f"SELECT pg_try_advisory_xact_lock(hashtextextended({key}, 0))",
        "SET LOCAL random_page_cost = 1.1",
        "SET LOCAL enable_hashagg = off",
        "SET LOCAL work_mem = '64MB'",
        "SET LOCAL temp_buffers = '64MB'",
    ]


@pytest.mark.parametrize("exists", [False, True])
def test_postgres_creates_a_schema_that_is_missing(exists: bool) -> None:  # noqa: FBT001
    driver = Driver([(1,)] if exists else [])
    create_tables(session(driver), make_tables("DECIMAL(38, 0)"))
    assert ('CREATE SCHEMA "the ""o\'clock"" schema"' in driver.statements) is not exists
    membership = 'CREATE TABLE "the ""o\'clock"" schema"."membership" (segment_id TEXT, contact_id NUMERIC(38, 0))'
    assert membership in driver.statements
    assert DIALECTS["postgres"].arrow_type("DECIMAL(38, 0)") == pa.decimal128(38, 0)
    made = session(driver)
    made.dialect.analyze(made, "runs")
    assert driver.statements[-1] == "ANALYZE runs"


PLACE = "postgresql://host/db"
UNCHANGED = "the tables are unchanged"
STATUS = AdbcStatusCode.INTERNAL
ERRORS: list[tuple[Error, type[Exception], str]] = [
    (IntegrityError("duplicate", status_code=STATUS), TablesChangedError, ""),
    (
        OperationalError("IO: database is locked", status_code=STATUS),
        LockedError,
        f"{PLACE}: another program is using the database file; run it again, or wait for it (--wait); {UNCHANGED}",
    ),
    (
        Error("COPY: canary", status_code=STATUS, sqlstate="22021"),
        DatabaseError,
        f"{PLACE}: PostgreSQL cannot store a text with a NUL character; {UNCHANGED}",
    ),
    (
        ProgrammingError(
            "canary", status_code=STATUS, sqlstate="42501", details=[("PG_DIAG_MESSAGE_PRIMARY", b"denied\n")]
        ),
        DatabaseError,
        f"{PLACE}: PostgreSQL reports: denied\\n; {UNCHANGED}",
    ),
    (
        OperationalError("canary", status_code=STATUS, sqlstate="57P01"),
        DatabaseError,
        f"{PLACE}: the server ended the connection; try again (SQLSTATE 57P01); {UNCHANGED}",
    ),
]


@pytest.mark.parametrize(("error", "kind", "message"), ERRORS)
def test_errors_have_one_line_without_credentials(error: Error, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        session(Driver(error=error)).execute("SELECT 1")
    assert str(caught.value) == message
