"""Connections by ADBC: drivers, options, and errors in one line."""

import builtins
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pytest

from segbatch.errors import DatabaseError, UsageError
from segbatch.platform.adbc import open_connection, translate_errors
from segbatch.platform.database_url import read_database_url

Call = tuple[tuple[str, ...], dict[str, str]]


def rows_of(address: str, sql: str, *, read_only: bool = True) -> list[tuple[object, ...]]:
    database = read_database_url(address, "--contacts")
    with (
        open_connection(database, read_only=read_only) as connection,
        translate_errors(database),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        rows: list[tuple[object, ...]] = cursor.fetchall()
        connection.commit()
        return rows


def message_of(address: str, sql: str) -> str:
    with pytest.raises(DatabaseError) as caught:
        rows_of(address, sql)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The address of a SQLite file with one table."""
    with closing(sqlite3.connect(tmp_path / "a b#1.db")) as connection, connection:
        connection.execute("CREATE TABLE contacts (id INTEGER, name TEXT)")
        connection.execute("INSERT INTO contacts VALUES (1, 'Ada')")
    return f"sqlite:///{tmp_path}/a%20b%231.db"


def test_a_sqlite_file_is_read_and_written(file: str) -> None:
    assert rows_of(file, "SELECT * FROM contacts") == [(1, "Ada")]
    rows_of(file, "INSERT INTO contacts VALUES (2, 'Bo')", read_only=False)
    assert rows_of(file, "SELECT count(*) FROM contacts") == [(2,)]
    assert "the query changes the database" in message_of(file, "DELETE FROM contacts")


def test_a_query_that_is_not_valid_is_one_line(file: str) -> None:
    assert message_of(file, "SELECT * FROM nope") == f"{file}: the query is not valid: no such table: nope"
    assert message_of(file, "SELEC").endswith(': the query is not valid: near "SELEC": syntax error')


def test_a_missing_file_is_not_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert message_of(f"sqlite:///{tmp_path}/no.db", "SELECT 1").endswith("/no.db: no such file; check the path")
    assert not [*tmp_path.iterdir()]
    (tmp_path / "x.db").touch()
    monkeypatch.chdir(tmp_path)
    hint = f"; an absolute path has four slashes: sqlite:///{tmp_path}/x.db"
    assert message_of(f"sqlite://{tmp_path}/x.db", "SELECT 1").endswith(f"no such file{hint}")


def test_a_missing_driver_is_named_with_its_extra(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("adbc_driver_sqlite")]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without_driver(name: str, *rest: Any) -> ModuleType:
        if name.startswith("adbc_driver_sqlite"):
            raise ModuleNotFoundError(name=name)
        return real(name, *rest)

    monkeypatch.setattr("importlib.import_module", without_driver)
    with pytest.raises(UsageError, match=r"needs adbc-driver-sqlite, .*; run: pip install 'segbatch\[sqlite\]'"):
        rows_of(file, "SELECT 1")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Call]:
    """A function that returns the address and the options that a driver would be called with."""
    calls: list[Call] = []

    class Driver:
        def connect(self, *address: str, db_kwargs: dict[str, str] | None = None) -> object:
            calls.append((address, db_kwargs or {}))
            return object()

    monkeypatch.setattr("importlib.import_module", lambda _name: Driver())

    def connect(address: str) -> Call:
        with open_connection(read_database_url(address, "--contacts")):
            return calls.pop()

    return connect


def test_snowflake_gets_its_own_form_of_address(
    connected: Callable[[str], Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "acme-eu/CRM/PUBLIC?warehouse=W"
    assert connected(f"snowflake://ada@{address}#contacts") == ((f"ada@{address}",), {})
    monkeypatch.setenv("SNOWFLAKE_USER", "ada")
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "canary")
    assert connected(f"snowflake://{address}") == ((address,), {"username": "ada", "password": "canary"})


def test_bigquery_gets_project_and_dataset(connected: Callable[[str], Call]) -> None:
    options = {"adbc.bigquery.sql.project_id": "acme", "adbc.bigquery.sql.dataset_id": "crm"}
    assert connected("bigquery://acme/crm#contacts") == ((), options)


def test_flight_sql_gets_a_login_or_a_token(connected: Callable[[str], Call], monkeypatch: pytest.MonkeyPatch) -> None:
    login = {"username": "ada", "password": "p@ss"}
    assert connected("grpc+tls://ada:p%40ss@db.example.com:443") == (("grpc+tls://db.example.com:443",), login)
    monkeypatch.setenv("FLIGHTSQL_TOKEN", "canary")
    header = {"adbc.flight.sql.authorization_header": "Bearer canary"}
    assert connected("grpc://db:32010") == (("grpc://db:32010",), header)


@pytest.mark.parametrize(
    ("text", "state", "expected"),
    [
        ("password authentication failed for user canary", None, "access is denied; set PGUSER"),
        ('FATAL:  database "canary" does not exist', None, "the database does not exist"),
        ('FATAL:  role "canary" does not exist', None, "access is denied"),
        ("could not translate host name canary", None, "the host is not known"),
        ("Connection refused canary", None, "the server cannot be reached"),
        ("server closed the connection unexpectedly canary", None, "the connection was lost"),
        ("SSL error: certificate verify failed canary", None, "a secure connection cannot be made"),
        ('invalid percent-encoded token: "canary"', None, "the driver reports an error (IO)"),
        ("ERROR:  canceling statement due to user request canary", None, "the query was cancelled"),
        ('ERROR:  invalid input syntax for type integer: "canary"', None, "a value that is not valid"),
        ("attempt to write a readonly database canary", None, "the query changes the database"),
        ("canary", "53300", "too many connections"),
        ("canary", "08006", "the connection was lost (SQLSTATE 08006)"),
        ("canary", "XX000", "the driver reports an error (SQLSTATE XX000)"),
        ("canary", "42501", "the query is not valid"),
    ],
)
def test_the_text_of_a_driver_is_not_passed_on(text: str, state: str | None, expected: str) -> None:
    address = read_database_url("postgresql://db/crm", "--contacts")
    error = adbc_driver_manager.OperationalError(
        text, status_code=adbc_driver_manager.AdbcStatusCode.IO, sqlstate=state
    )
    with pytest.raises(DatabaseError) as caught, translate_errors(address):
        raise error
    assert expected in str(caught.value)
    assert "canary" not in str(caught.value)


def test_ctrl_c_in_a_call_of_a_driver_stays_ctrl_c() -> None:
    error = adbc_driver_manager.OperationalError("cancelled", status_code=adbc_driver_manager.AdbcStatusCode.CANCELLED)
    with pytest.raises(KeyboardInterrupt), translate_errors(read_database_url("postgresql://db/crm", "--contacts")):
        raise error from KeyboardInterrupt()


def test_other_errors_are_not_translated() -> None:
    with pytest.raises(ZeroDivisionError), translate_errors(read_database_url("postgresql://db/crm", "--contacts")):
        raise ZeroDivisionError


def test_a_type_that_arrow_does_not_have_is_one_message() -> None:
    address = read_database_url("postgresql://db/crm", "--contacts")
    with (
        pytest.raises(DatabaseError, match="cast columns of unusual types, such as rows, to text"),
        translate_errors(address),
    ):
        raise pa.ArrowInvalid("canary")
