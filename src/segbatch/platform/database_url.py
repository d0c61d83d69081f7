"""Addresses of databases, such as `postgresql://host/db#schema.table`, and their display without secrets."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

from segbatch.errors import UsageError

Driver = Literal["postgres", "sqlite", "snowflake", "bigquery", "flightsql"]
"""A kind of database. It is also the name of the extra that installs its driver."""

_DRIVERS: dict[str, Driver] = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "sqlite": "sqlite",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
    "grpc": "flightsql",
    "grpc+tcp": "flightsql",
    "grpc+tls": "flightsql",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/+)")
_HOST = r"(?:\[[0-9A-Fa-f:.%]*\]|[^/?#@:,\[\]]*)(?::\d*)?"
_PARTS = re.compile(
    rf"(?:(?P<user>[^/?#@]*)@)?(?P<place>{_HOST}(?:,{_HOST})*(?:/[^?#@]*)?)(?:\?(?P<query>[^#@]*))?(?:\#(?P<table>[^@]*))?",
    re.DOTALL,
)
_FILE = re.compile(r"(?P<place>/[^?#]+)(?P<query>\?[^#]*)?(?:\#(?P<table>.*))?", re.DOTALL)
_ESCAPES = "write @ as %40, : as %3A, / as %2F, ? as %3F and # as %23 in a user, a password or a parameter"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """The address of a database, and of a table in it.

    Attributes:
        driver: The kind of database.
        url: The address without the table. It may contain credentials: never show it.
        place: The part of the address that is not secret, without the scheme: host, port and database, or a path.
        user: The user and the password, as in the address, if any.
        table: The table after the `#`, percent-decoded, if any.
        shown: The address for messages and records, without user, password and parameters.
    """

    driver: Driver
    url: str = field(repr=False)
    place: str
    user: str | None = field(repr=False)
    table: str | None
    shown: str

    def __str__(self) -> str:
        """Return the address without secrets."""
        return self.shown

    @property
    def file(self) -> Path:
        """The file of a SQLite database. Like SQLAlchemy: three slashes, then the path, so an absolute one has four."""
        return Path(unquote(self.place[1:]))


def is_database_url(text: str) -> bool:
    """Return whether a text is the address of a database, with a scheme that segbatch knows."""
    found = _SCHEME.match(text)
    return found is not None and found[1].lower() in _DRIVERS


def redact_database_url(text: str) -> str:
    """Return the address of a database without user, password and parameters. The table is kept.

    A text that is not a valid address is reduced to its scheme, since any part of it may be a password.
    """
    scheme, found = _split(text)
    if found is None:
        return f"{scheme}://..."
    table = found["table"]
    return f"{scheme}://{found['place']}" + (f"#{table}" if table else "")


def read_database_url(text: str, option: str) -> DatabaseAddress:
    """Read the address of a database.

    Args:
        text: The address; `is_database_url` is true for it.
        option: The command-line option with the address, for messages.

    Raises:
        UsageError: The address is not valid.
    """
    scheme, found = _split(text)
    shown = redact_database_url(text)
    if found is None:
        example = "sqlite:///contacts.db" if scheme == "sqlite" else f"{scheme}://HOST/DATABASE; {_ESCAPES}"
        raise UsageError(f"{shown}: is not a valid address of a database; write it like {example} ({option})")
    driver = _DRIVERS[scheme]
    if driver == "sqlite" and found["query"]:
        raise UsageError(f"{shown}: the address of a SQLite file has no parameters; leave out '?' ({option})")
    user = found.groupdict().get("user")
    table = unquote(found["table"]) if found["table"] else None
    return DatabaseAddress(driver, text.partition("#")[0], found["place"], user, table, shown)


def resolve_database_url(folder: Path, text: str) -> str:
    """Return an address with the relative path of a SQLite file resolved from a folder. Others are unchanged."""
    scheme, found = _split(text)
    if scheme != "sqlite" or found is None:
        return text
    path = folder / Path(unquote(found["place"][1:])).expanduser()
    return f"sqlite:///{quote(path.as_posix())}{text[3 + len(scheme) + found.end('place') :]}"


def _split(text: str) -> tuple[str, re.Match[str] | None]:
    """Split an address into its scheme, in lower case, and its parts; None if it is not valid."""
    found = _SCHEME.match(text)
    if found is None:
        return text.partition(":")[0], None
    scheme = found[1].lower()
    if not found[2].startswith("//"):
        return scheme, None
    pattern = _FILE if scheme == "sqlite" else _PARTS
    return scheme, pattern.fullmatch(text[found.end(1) + 3 :])
