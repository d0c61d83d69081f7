"""Asking the published tables a question, without opening DuckDB by hand."""

import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from segbatch.errors import QueryError, UsageError
from segbatch.publishing.answers import Answer, ask
from segbatch.publishing.catalogue import CATALOGUE, ensure_nameable
from segbatch.publishing.moved import is_moved, rewritten
from segbatch.publishing.read_only import connected, ensure_plan_reads, reading_part

__all__ = ["Answer", "query"]

_VIEWS = "SELECT string_agg(sql, ' ') FROM duckdb_views() WHERE NOT internal"


def query(output: Path, sql: str, most_rows: int) -> Answer:
    """Run SQL on the published tables. It can read any file, and can neither write one nor install an extension.

    Args:
        output: The folder that runs publish in.
        sql: One statement of DuckDB's SQL, over `membership`, `segments`, `runs`, and any file.
        most_rows: How many rows to return.

    Raises:
        UsageError: Nothing is published there, or it cannot be read, or there is no statement, or it could write.
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
                message = f"published files are not where it looks for them; if they were moved or lost, run: {command}"
                raise UsageError(f"{catalogue}: {message}") from None
            raise QueryError(str(error)) from None


@contextmanager
def _opened(output: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalogue; or, of an output that was moved or mounted elsewhere, one with the right paths.

    Raises:
        UsageError: It cannot be opened.
        PublishError: The output was moved, and what is published cannot be read.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(_open(output / CATALOGUE))
        try:
            has_moved = is_moved(connection, output)
        except duckdb.Error as error:
            raise _unopened(output / CATALOGUE, error) from None
        if has_moved:
            connection = stack.enter_context(_open(stack.enter_context(rewritten(output))))
        yield connection


def _is_lost(connection: duckdb.DuckDBPyConnection, message: str) -> bool:
    """Tell whether DuckDB misses a file of some view."""
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
        raise UsageError(f"{catalogue}: is not a file; remove it and make it anew with segbatch relink")


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
    return UsageError(f"{catalogue}: cannot be opened: {reason}; make it anew with segbatch relink")
