"""The query that is read from a database: one given as SQL, or all columns of a table."""

import re
from dataclasses import dataclass

from segbatch.errors import UsageError
from segbatch.platform.database_url import DatabaseAddress, Driver, read_database_url
from segbatch.text import shown

_PART = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^".]+)')
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/|\s+|[^'"`$/;\s-]+|.""",
    re.DOTALL,
)
_BLANK = re.compile(r"\s|--|/\*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_FOLDED = {"postgres": str.lower, "sqlite": str.lower, "snowflake": str.upper}
"""How a database reads a name without quotes. Such a name is quoted in that form, since it may be a word of SQL."""


@dataclass(frozen=True, slots=True)
class DatabaseQuery:
    """A query and its database.

    Attributes:
        table: The table, if the query reads one by name.
        sql: The query.
    """

    address: DatabaseAddress
    table: str | None
    sql: str

    def __str__(self) -> str:
        """Return the address with the table, without secrets."""
        if self.table is None or self.address.table is not None:
            return str(self.address)
        return f"{self.address}#{self.table}"


def read_query(
    address: str, query: str | None = None, table: str | None = None, *, option: str = "--contacts"
) -> DatabaseQuery:
    """Read the address of a database, with a query or a table.

    Args:
        address: The address; a table can follow a `#`.
        query: The query. It must not be given with a table.
        table: The table, if it is not in the address.
        option: The command-line option with the address, for messages.

    Raises:
        UsageError: The address or the table is not valid, or there is not exactly one of a query and a table.
    """
    database = read_database_url(address, option)
    named = [name for name in (database.table, table) if name is not None]
    if query is not None and named:
        raise UsageError(f"{database}: pass a query or a table, not both (--query)")
    if len(named) > 1:
        raise UsageError(f"{database}: the table is in the address, too; leave out one of them (--from)")
    if query is not None:
        return DatabaseQuery(database, None, _one_statement(query, database))
    if not named:
        place = f"write the table after the address: {database}#TABLE ({option})"
        raise UsageError(f"{database}: pass --query, or {'--from' if option == 'ADDRESS' else place}")
    return DatabaseQuery(database, named[0], _whole(named[0], database.driver))


def _one_statement(query: str, database: DatabaseAddress) -> str:
    """Return a query without the semicolon at its end, and the comments after it."""
    text = query.strip()
    if "\\" not in text:  # some databases have quotes in texts after a backslash
        last = next((found for found in reversed([*_TOKEN.finditer(text)]) if not _BLANK.match(found[0])), None)
        text = text[: last.start()] if last is not None and last[0] == ";" else text
    text = text.removesuffix(";").rstrip()
    if not text:
        raise UsageError(f"{database}: the query is empty; is a variable not set? (--query)")
    return text


def _whole(table: str, driver: Driver) -> str:
    return f"SELECT * FROM {quote_table(table, driver)}"  # noqa: S608 - the name is quoted


def quote_table(name: str, driver: Driver) -> str:
    """Return the name of a table for a statement. Parts are separated by dots; `"My.Table"` in quotes is one part.

    Raises:
        UsageError: The name is not valid.
    """
    parts, at = list[str](), 0
    while (found := _PART.match(name, at)) is not None:
        parts.append(_quoted(found, driver))
        at = found.end()
        if at == len(name):
            return ".".join(parts)
        if name[at] != ".":
            break
        at += 1
    advice = "write NAME or SCHEMA.NAME, and a name with special characters in double quotes"
    raise UsageError(f"{shown(name)} is not the name of a table; {advice}")


def _quoted(part: re.Match[str], driver: Driver) -> str:
    plain, text = part["plain"], part["quoted"]
    if driver == "bigquery":
        return f"`{(plain or text).replace('`', '')}`"
    if plain is None:
        return f'"{text}"'
    if not _NAME.fullmatch(plain):
        return '"' + plain + '"'
    fold = _FOLDED.get(driver)
    return f'"{fold(plain)}"' if fold else plain
