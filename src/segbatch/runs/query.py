"""SQL queries over the published tables."""

import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from segbatch.errors import QueryError, UsageError
from segbatch.runs.nested_values import NESTED, Column, Restore, json_of, json_reader
from segbatch.runs.read_only_sql import connected, ensure_plan_reads, reading_part
from segbatch.storage.catalog import ensure_nameable
from segbatch.storage.layout import CATALOGUE
from segbatch.storage.moved_catalog import is_moved, temporary_catalogue

_AS_THEY_ARE = {
    "boolean",
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "uhugeint",
    "float",
    "double",
    "decimal",
    "varchar",
    "null",
}
_WRAPPED = 2
"""The number of lines that DuckDB puts before a statement when it limits the rows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query.

    Attributes:
        columns: The column names, made unique: the second `a` is `a_1`.
        rows: The rows, limited to the requested number.
        complete: Whether these are all rows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    complete: bool


def ask(connection: duckdb.DuckDBPyConnection, sql: str, most_rows: int) -> Answer:
    """Run statements and return the first rows of the last one's result, without fetching more rows.

    Args:
        sql: The statements, at least one.
        most_rows: The maximum number of rows to return.

    Raises:
        duckdb.Error: DuckDB cannot run the statements.
    """
    *before, last = connection.extract_statements(sql)
    for statement in before:
        connection.execute(statement)
    found = _bound(connection, _bare(last.query))
    if found is None:
        return Answer((), (), complete=True)
    types = found.types
    numbers = range(1, len(types) + 1)
    columns = found.project(", ".join(f"#{number}" for number in numbers)).columns
    cells = ", ".join(_read(number, kind) for number, kind in zip(numbers, types, strict=True))
    try:
        rows = found.project(cells).limit(most_rows + 1).fetchall()
    except duckdb.Error as error:
        raise type(error)(_unwrapped(str(error))) from None
    readers = [_reader(kind) for kind in types]
    plain = (tuple(read(cell) for read, cell in zip(readers, row, strict=True)) for row in rows[:most_rows])
    return Answer(tuple(columns), tuple(plain), len(rows) <= most_rows)


def _bare(statement: str) -> str:
    """Remove the semicolon and trailing comments of a statement, since DuckDB wraps it in a statement of its own."""
    ends = [offset for offset, token_type in _tokens(statement) if token_type != duckdb.token_type.comment]
    end = ends[-1] if ends else 0
    encoded = statement.encode()
    return encoded[:end].decode() if encoded[end : end + 1] == b";" else statement


def _tokens(statement: str) -> list[tuple[int, object]]:
    return list(duckdb.tokenize(statement))


def _bound(connection: duckdb.DuckDBPyConnection, statement: str) -> duckdb.DuckDBPyRelation | None:
    """Resolve the names in a statement.

    For an unknown name, the statement is executed, because the resulting error message marks the position.
    """
    try:
        return connection.sql(statement)
    except (duckdb.BinderException, duckdb.CatalogException):
        connection.execute(statement)
        raise


def _read(number: int, kind: Column) -> str:
    column = f"#{number}"
    if kind.id in _AS_THEY_ARE:
        return column
    return json_of(column, kind) if kind.id in NESTED else f"CAST({column} AS VARCHAR)"


def _reader(kind: Column) -> Restore:
    return json_reader(kind) if kind.id in NESTED else lambda cell: cell


def _unwrapped(message: str) -> str:
    """Correct the line numbers of an error message for the lines that DuckDB puts before the statement."""
    return re.sub(r"(?m)^LINE ([0-9]+):", lambda line: f"LINE {max(int(line[1]) - _WRAPPED, 1)}:", message)


_VIEWS = "SELECT string_agg(sql, ' ') FROM duckdb_views() WHERE NOT internal"


def query(output: Path, sql: str, most_rows: int) -> Answer:
    """Run SQL on the published tables. It can read any file, but cannot write files or install extensions.

    Args:
        sql: One statement of DuckDB's SQL, over `membership`, `segments`, `runs`, and any file.
        most_rows: The maximum number of rows to return.

    Raises:
        UsageError: Nothing is published, the catalogue cannot be read, or the statement is empty or could write.
        QueryError: DuckDB cannot run the statement.
    """
    catalogue = output / CATALOGUE
    _ensure_readable(catalogue)
    ensure_nameable(output)
    _ensure_text(sql)
    to_plan = reading_part(sql)
    with _opened(output) as connection:
        try:
            if to_plan is not None:
                ensure_plan_reads(connection, to_plan)
            return ask(connection, sql, most_rows)
        except duckdb.Error as error:
            if _is_lost(connection, str(error)):
                command = f"segbatch relink --output {shlex.quote(str(output))}"
                message = f"published files were moved or are missing; run: {command}"
                raise UsageError(f"{catalogue}: {message}") from None
            raise QueryError(_without_position(error)) from None


def _without_position(error: duckdb.Error) -> str:
    """Return the message of an error; without its position in the statement if a file cannot be read."""
    return str(error).splitlines()[0] if isinstance(error, duckdb.IOException) else str(error)


@contextmanager
def _opened(output: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalogue. For an output that was moved or mounted elsewhere, open a copy with the right paths.

    Raises:
        UsageError: The catalogue cannot be opened.
        PublishError: The output was moved, and the published run cannot be read.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(_open(output / CATALOGUE))
        try:
            has_moved = is_moved(connection, output)
        except duckdb.Error as error:
            raise _unopened(output / CATALOGUE, error) from None
        if has_moved:
            connection = stack.enter_context(_open(stack.enter_context(temporary_catalogue(output))))
        yield connection


def _is_lost(connection: duckdb.DuckDBPyConnection, message: str) -> bool:
    """Return whether an error message of DuckDB means that a file of a view is missing."""
    views = ""
    with suppress(duckdb.Error):
        [(views,)] = connection.execute(_VIEWS).fetchall()
    files = [path.replace("''", "'") for path in re.findall(r"'((?:[^']|'')+[.]parquet)'", views or "")]
    return "No files found" in message and any(path in message for path in files)


def _ensure_text(sql: str) -> None:
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise UsageError("the statement has bytes that are not UTF-8") from None


def _ensure_readable(catalogue: Path) -> None:
    try:
        is_file = stat.S_ISREG(catalogue.stat().st_mode)
        if is_file:
            catalogue.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        missing = "is a link that leads nowhere" if catalogue.is_symlink() else "no such file"
        raise UsageError(f"{catalogue}: {missing}; name the folder that a run published in (--output)") from None
    except OSError as error:
        raise UsageError(f"{catalogue}: cannot be read: {error.strerror}") from None
    if not is_file:
        raise UsageError(f"{catalogue}: is not a file; remove it and rebuild it with segbatch relink")


@contextmanager
def _open(catalogue: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(connected(catalogue))
        except duckdb.Error as error:
            raise _unopened(catalogue, error) from None
        yield connection


def _unopened(catalogue: Path, error: duckdb.Error) -> UsageError:
    reason = str(error).splitlines()[0]
    return UsageError(f"{catalogue}: cannot be opened: {reason}; rebuild it with segbatch relink")
