"""Checks that an SQL statement only reads. All others are refused before DuckDB runs any part of them.

A read-only database is not enough. DuckDB still writes files with `COPY`, also inside a `WITH` and after `EXPLAIN
ANALYZE`, and with functions that enable logging or profiling to a file.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from segbatch.errors import QueryError, UsageError
from segbatch.platform.shutdown import shutdown

_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.MULTI}
"""DuckDB parses `FROM`, `VALUES`, `DESCRIBE`, `SHOW` and `SUMMARIZE` as SELECT, and `PIVOT` as MULTI."""

_WRITING = re.compile(
    r"COPY|INSERT|UPDATE|DELETE|MERGE_INTO|TRUNCATE|CREATE|ALTER|DROP|EXPORT|ATTACH|DETACH|CHECKPOINT"
)
"""Query plan operators that change data, and DuckDB functions that write its database file."""

_LARGE = "/var/tmp"  # noqa: S108 - the folder in it is made by mkdtemp; /tmp is in memory on many systems

_ADVICE = (
    "segbatch query only reads: use SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, PIVOT or EXPLAIN; "
    "run other statements in DuckDB itself"
)


@contextmanager
def connected(catalogue: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database for reading, with settings that statements cannot change.

    DuckDB then installs no extensions, but loads those already installed if a statement needs them. Data that does not
    fit in memory is spilled to a folder of its own below the system's temporary folder. That folder is removed at the
    end.

    Raises:
        duckdb.Error: The file cannot be opened.
    """
    spilled = _make_spill_folder()
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,  # a name in SQL is never a variable of this program
        "temp_directory": spilled or "",
    }
    with shutdown.cleanup(lambda: _remove(spilled)):
        connection = duckdb.connect(str(catalogue), read_only=True, config=settings)
        with connection:
            connection.execute("SET lock_configuration = true")
            yield connection


def _make_spill_folder() -> str | None:
    """Create a folder that only this user can read; None if that is impossible, as in a read-only container."""
    is_large = not os.environ.get("TMPDIR") and os.access(_LARGE, os.W_OK)
    try:
        return tempfile.mkdtemp(prefix="segbatch-query-", dir=_LARGE if is_large else None)
    except OSError:
        return None


def _remove(folder: str | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def reading_part(sql: str) -> str | None:
    """Check the type of a statement, without a database.

    Args:
        sql: The statement. Several statements are refused.

    Returns:
        The query whose plan must still be checked, without a leading EXPLAIN; None if it is known to only read.

    Raises:
        UsageError: The statement is empty, is several statements, or is of a type that could change something.
        QueryError: DuckDB cannot parse the statement.
    """
    statement_type = _statement_type(sql)
    if statement_type == duckdb.StatementType.EXPLAIN:
        return reading_part(_explained(sql))
    if statement_type not in _READING:
        raise UsageError(f"{_first_word(sql)} statements are not allowed; {_ADVICE}")
    if statement_type != duckdb.StatementType.MULTI:
        return sql
    if "copy" in _words(sql):  # even to plan a PIVOT, DuckDB runs its WITH
        raise UsageError(f'a PIVOT with COPY is not allowed; {_ADVICE}. Quote a column of this name: "copy"')
    return None


def ensure_plan_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Check that a query changes nothing. The query is planned, but not run.

    Raises:
        UsageError: The query could change something.
        duckdb.Error: DuckDB cannot plan the query.
    """
    for operator in _operators(connection, sql):
        if found := _WRITING.search(operator):
            raise UsageError(f"the statement writes ({found[0]}), which is not allowed; {_ADVICE}")


def _statement_type(sql: str) -> duckdb.StatementType | None:
    """Return the type of a statement; None if DuckDB's Python package has no name for the type."""
    try:
        statements = duckdb.extract_statements(sql)
        types = [statement.type for statement in statements]
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
    except ValueError:
        return None
    if not types:
        raise UsageError('the statement is empty; write one, such as "FROM segments"')
    if len(types) > 1:
        raise UsageError(f"only one statement can be run at a time; found {len(types)}")
    return types[0]


def _operators(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    """Yield the operators in the plan of a statement."""
    try:
        [(_, text)] = connection.execute(f"EXPLAIN (FORMAT json)\n{sql}").fetchall()
    except duckdb.Error as error:
        raise type(error)(_without_first_line(str(error))) from None
    waiting: list[dict[str, Any]] = list(json.loads(text))
    while waiting:
        node = waiting.pop()
        waiting += node["children"]
        yield str(node["name"])


def _without_first_line(message: str) -> str:
    """Correct the line numbers of an error message for the EXPLAIN line before the statement."""
    return re.sub(r"(?m)^LINE ([0-9]+):", lambda line: f"LINE {max(int(line[1]) - 1, 1)}:", message)


@dataclass(frozen=True, slots=True)
class _Token:
    """A token of a statement.

    Attributes:
        start: The offset in bytes.
        is_text: Whether it is a string constant.
    """

    start: int
    text: str
    is_text: bool


def _tokens(sql: str) -> list[_Token]:
    """Return the tokens of a statement, without comments."""
    encoded, found = sql.encode(), duckdb.tokenize(sql)
    ends = [*(start for start, _ in found[1:]), len(encoded)]
    return [
        _Token(start, encoded[start:end].decode(errors="replace").strip(), token_type == duckdb.token_type.string_const)
        for (start, token_type), end in zip(found, ends, strict=True)
        if token_type != duckdb.token_type.comment
    ]


def _words(sql: str) -> set[str]:
    """Return the tokens of a statement in lower case, without string constants. Quoted names keep their quotes."""
    return {token.text.casefold() for token in _tokens(sql) if not token.is_text}


def _first_word(sql: str) -> str:
    return next((token.text.upper() for token in _tokens(sql)), "such")


def _explained(sql: str) -> str:
    """Return the statement after an EXPLAIN."""
    tokens = _tokens(sql)[1:]
    while tokens and tokens[0].text.casefold() in {"analyze", "verbose"}:
        del tokens[0]
    if tokens and tokens[0].text == "(" and (end := _closing(tokens)) + 1 < len(tokens):
        del tokens[: end + 1]
    return sql.encode()[tokens[0].start :].decode() if tokens else ""


def _closing(tokens: list[_Token]) -> int:
    """Return the index of the parenthesis that closes the first one."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        if not depth:
            return index
    return len(tokens)
