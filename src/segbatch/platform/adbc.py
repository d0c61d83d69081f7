"""Connections to databases by ADBC, which passes rows as Arrow data.

The drivers are optional libraries: they are imported here only, and only when a connection is opened. Their messages
may quote values of contacts or parts of an address, so only those are passed on that do not.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa

from segbatch.errors import DatabaseError, UsageError
from segbatch.platform.database_url import DatabaseAddress, Driver
from segbatch.text import cut, printable, shown

Connection = Any
"""A connection of `adbc_driver_manager.dbapi`, which follows PEP 249."""

PACKAGES: dict[Driver, str] = {
    "postgres": "adbc_driver_postgresql",
    "sqlite": "adbc_driver_sqlite",
    "snowflake": "adbc_driver_snowflake",
    "bigquery": "adbc_driver_bigquery",
    "flightsql": "adbc_driver_flightsql",
}
_CREDENTIALS: dict[Driver, str] = {
    "postgres": "set PGUSER and PGPASSWORD, or write them to ~/.pgpass",
    "sqlite": "check the permissions of the file",
    "snowflake": "set SNOWFLAKE_USER and SNOWFLAKE_PASSWORD",
    "bigquery": "set GOOGLE_APPLICATION_CREDENTIALS",
    "flightsql": "set FLIGHTSQL_TOKEN, or FLIGHTSQL_USER and FLIGHTSQL_PASSWORD",
}
_DENIED = re.compile(r"authentication failed|no password supplied|no pg_hba|role \"[^\"]*\" does not exist|UNAUTH")
_MESSAGE = re.compile(r"(?:ERROR:\s*|Failed to prepare query: )(?!ERROR)(.*)")
_OF_THE_QUERY = "42"
"""The class of SQLSTATE for errors in a statement itself. Their messages quote the statement, and no stored values."""

_SQLSTATES = {
    "57014": "the query was cancelled, for example by a time limit of the server",
    "53300": "the server has too many connections; try again later",
    "25006": "the query changes the database; only queries that read are allowed",
    "28P01": "access is denied",
    "28000": "access is denied",
}
_CLASSES = {
    "22": "the query computes a value that is not valid, such as a text that is not a number; correct the query",
    "08": "the connection was lost",
    "57": "the server ended the connection; try again",
    "53": "the server lacks memory, disk space or connections; try again later",
}

_TEXTS = {
    re.compile(pattern): meaning
    for pattern, meaning in (
        (r"database \"[^\"]*\" does not exist", "the database does not exist; check the name after the last '/'"),
        (r"translate host name|no such host|Name or service not known", "the host is not known; check its name"),
        (
            r"terminating connection|closed the connection|connection not open|(?:lost|reset) |SSL SYSCALL",
            "the connection was lost; try again",
        ),
        (
            r"(?i)Connection refused|timeout expired|No route to host|unreachable|UNAVAILABLE",
            "the server cannot be reached; check host, port and network",
        ),
        (r"canceling statement", _SQLSTATES["57014"]),
        (r"division by zero|invalid input syntax|out of range|invalid byte sequence", _CLASSES["22"]),
        (r"readonly database", _SQLSTATES["25006"]),
        (
            r"(?i)SSL|TLS|certificate",
            "a secure connection cannot be made; check the certificates and the TLS settings",
        ),
    )
}
"""The meaning of messages of drivers that have no SQLSTATE."""


@contextmanager
def open_connection(address: DatabaseAddress, *, read_only: bool = False) -> Iterator[Connection]:
    """Open a connection for a block. A transaction that is not committed in the block is rolled back.

    Errors of the block itself are not translated: it uses `translate_errors` when it calls the connection.

    Args:
        read_only: Whether statements that change the database are rejected, in databases with read-only transactions.

    Raises:
        DatabaseError: The database cannot be reached, or access is denied.
        UsageError: The driver is not installed.
    """
    driver = _import_driver(address)
    with translate_errors(address):
        arguments, options = _arguments(address, read_only=read_only)
        connection = driver.connect(*arguments, **({"db_kwargs": options} if options else {}))
    try:
        if read_only and address.driver == "postgres":
            with translate_errors(address), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")  # not the session, which a pooler may share
        yield connection
    finally:
        with suppress(Exception):
            connection.close()


@contextmanager
def translate_errors(address: DatabaseAddress, table: str | None = None) -> Iterator[None]:
    """Translate errors of a driver into errors that name the database and the fix.

    Args:
        table: The table that is read, if the user wrote no query.

    Raises:
        DatabaseError: An operation of the driver failed inside the block.
        KeyboardInterrupt: Ctrl-C cancelled the operation.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DatabaseError(f"{address}: {_meaning(address, error, table)}") from None
    except Exception as error:
        manager = sys.modules.get("adbc_driver_manager")
        if manager is None or not isinstance(error, manager.Error):
            raise
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise DatabaseError(f"{address}: {_meaning(address, error, table)}") from None


def _import_driver(address: DatabaseAddress) -> ModuleType:
    name = PACKAGES[address.driver]
    try:
        return importlib.import_module(f"{name}.dbapi")
    except ImportError as error:
        if not str(error.name).startswith("adbc_driver"):
            raise
        package, extra = name.replace("_", "-"), address.driver
        message = f"{address}: needs {package}, which is not installed; run: pip install 'segbatch[{extra}]'"
        raise UsageError(message) from None


def _arguments(address: DatabaseAddress, *, read_only: bool) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the address and the options that a driver connects with. Settings are those of the environment."""
    match address.driver:
        case "postgres":
            return [address.url], {}  # libpq reads PGPASSWORD, ~/.pgpass and the other variables
        case "sqlite":
            return [_sqlite_file(address, "ro" if read_only else "rwc")], {}
        case "snowflake":
            return [address.url.partition("://")[2]], _login("SNOWFLAKE")
        case "bigquery":
            return [], _bigquery_options(address)
        case "flightsql":
            scheme = address.url.partition("://")[0]
            options = {**_login("FLIGHTSQL"), **_user_of(address), **_flight_token()}
            return [f"{scheme}://{address.place}"], options


def _sqlite_file(address: DatabaseAddress, mode: str) -> str:
    """Return the address that SQLite opens, since it would create a missing file.

    Raises:
        DatabaseError: The file does not exist, and is to be read.
    """
    file = address.file
    if mode == "ro" and not file.exists():
        absolute = f"; an absolute path has four slashes: sqlite:////{file}" if os.path.exists(f"/{file}") else ""  # noqa: PTH110
        raise DatabaseError(f"{address}: no such file{absolute or '; check the path'}")
    return f"file:{quote(str(file.absolute()))}?mode={mode}"


def _login(prefix: str) -> dict[str, str]:
    """Return the user and the password of the environment, if they are set."""
    names = {"username": f"{prefix}_USER", "password": f"{prefix}_PASSWORD"}
    return {option: os.environ[name] for option, name in names.items() if os.environ.get(name)}


def _user_of(address: DatabaseAddress) -> dict[str, str]:
    user, _, password = (address.user or "").partition(":")
    return {name: unquote(text) for name, text in (("username", user), ("password", password)) if text}


def _flight_token() -> dict[str, str]:
    token = os.environ.get("FLIGHTSQL_TOKEN")
    return {"adbc.flight.sql.authorization_header": f"Bearer {token}"} if token else {}


def _bigquery_options(address: DatabaseAddress) -> dict[str, str]:
    project, _, dataset = address.place.partition("/")
    names = {"adbc.bigquery.sql.project_id": project, "adbc.bigquery.sql.dataset_id": dataset}
    return {name: value for name, value in names.items() if value}


def _meaning(address: DatabaseAddress, error: Exception, table: str | None) -> str:
    """Return the meaning of an error of a driver."""
    text, state = str(error), getattr(error, "sqlstate", None) or ""
    if state.startswith(_OF_THE_QUERY) or (not state and "prepare query" in text):
        found = _MESSAGE.search(text)
        problem = "the query is not valid" if table is None else f"the table {shown(table)} cannot be read"
        return f"{problem}: {cut(printable(found[1].strip()), 200)}" if found else problem
    if state[:2] == "28" or _DENIED.search(text):
        return f"access is denied; {_CREDENTIALS[address.driver]}"
    if known := _SQLSTATES.get(state) or _CLASSES.get(state[:2]):
        return f"{known} (SQLSTATE {state})"
    if meaning := next((meaning for pattern, meaning in _TEXTS.items() if pattern.search(text)), None):
        return meaning
    if isinstance(error, pa.ArrowInvalid):
        return "the driver cannot pass on a column of the query; cast columns of unusual types, such as rows, to text"
    status = f"SQLSTATE {state}" if state else _status(error)
    return f"the driver reports an error ({status}); look for it in the log of the database"


def _status(error: Exception) -> str:
    code = getattr(error, "status_code", None)
    return getattr(code, "name", None) or type(error).__name__
