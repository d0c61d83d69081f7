"""Statements that only read: everything else is refused before DuckDB runs any part of it.

A read-only database is not enough. DuckDB then still writes files: by `COPY`, also inside a `WITH` and behind
`EXPLAIN ANALYZE`, and by functions that switch on logging or profiling to a file.
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
from segbatch.platform.shutdown import underway

__all__ = ["connected", "ensure_plan_reads", "reading_part"]

_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.MULTI}
"""DuckDB's parser makes `FROM`, `VALUES`, `DESCRIBE`, `SHOW` and `SUMMARIZE` a SELECT, and `PIVOT` a MULTI."""

_WRITING = re.compile(
    r"COPY|INSERT|UPDATE|DELETE|MERGE_INTO|TRUNCATE|CREATE|ALTER|DROP|EXPORT|ATTACH|DETACH|CHECKPOINT"
)
"""The operators of a query plan that change something, and DuckDB's functions that write its database file."""

_LARGE = "/var/tmp"  # noqa: S108 - the folder in it is made by mkdtemp; /tmp is in memory on many systems

_ADVICE = (
    "segbatch query only reads; ask by SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, PIVOT or EXPLAIN, "
    "and do all else in DuckDB itself"
)


@contextmanager
def connected(catalogue: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database for reading, with settings that no statement can change.

    DuckDB installs no extension then; those that are installed already are loaded where a statement needs them. What
    does not fit in memory goes to a folder of its own below the system's temporary folder, which is removed at the end.

    Raises:
        duckdb.Error: The file cannot be opened.
    """
    spilled = _make_spill_folder()
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,  # a name in SQL is never a variable of this program
        "temp_directory": spilled or "",
    }
    with underway.ending(lambda: _remove(spilled)):
        connection = duckdb.connect(str(catalogue), read_only=True, config=settings)
        with connection:
            connection.execute("SET lock_configuration = true")
            yield connection


def _make_spill_folder() -> str | None:
    """Make a folder that only this user can read; None if there is no place for it, as in a read-only container."""
    is_large = not os.environ.get("TMPDIR") and os.access(_LARGE, os.W_OK)
    try:
        return tempfile.mkdtemp(prefix="segbatch-query-", dir=_LARGE if is_large else None)
    except OSError:
        return None


def _remove(folder: str | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def reading_part(sql: str) -> str | None:
    """Check the kind of a statement, without a database.

    Args:
        sql: The statement; more than one are refused too.

    Returns:
        The query whose plan is still to be checked, without an EXPLAIN before it; None if it is known to only read.

    Raises:
        UsageError: It is empty, or several, or of a kind that could change something.
        QueryError: DuckDB cannot read it.
    """
    kind = _kind(sql)
    if kind == duckdb.StatementType.EXPLAIN:
        return reading_part(_explained(sql))
    if kind not in _READING:
        raise UsageError(f"{_first_word(sql)} statements are refused: {_ADVICE}")
    if kind != duckdb.StatementType.MULTI:
        return sql
    if "copy" in _words(sql):  # even to plan a PIVOT, DuckDB runs its WITH
        raise UsageError(f'a PIVOT with COPY is refused: {_ADVICE}; a column of this name has to be quoted: "copy"')
    return None


def ensure_plan_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Check that a query changes nothing; it is planned for this, and not run.

    Args:
        connection: The database.
        sql: The query.

    Raises:
        UsageError: It could change something.
        duckdb.Error: DuckDB cannot plan it.
    """
    for operator in _operators(connection, sql):
        if found := _WRITING.search(operator):
            raise UsageError(f"the statement writes ({found[0]}), which is refused: {_ADVICE}")


def _kind(sql: str) -> duckdb.StatementType | None:
    """Return the kind of a statement; None for one that DuckDB's Python package has no name for."""
    try:
        statements = duckdb.extract_statements(sql)
        kinds = [statement.type for statement in statements]
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
    except ValueError:
        return None
    if not kinds:
        raise UsageError('the statement is empty; write one, such as "FROM segments"')
    if len(kinds) > 1:
        raise UsageError(f"one statement can be asked at a time; found {len(kinds)}")
    return kinds[0]


def _operators(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    """Return the operators of the plan of a statement."""
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
    """Count the lines of a message from the beginning of the statement."""
    return re.sub(r"(?m)^LINE ([0-9]+):", lambda line: f"LINE {max(int(line[1]) - 1, 1)}:", message)


@dataclass(frozen=True, slots=True)
class _Token:
    """A part of a statement.

    Attributes:
        start: Where it begins, in bytes.
        text: The text of it.
        is_text: Whether it is a string constant.
    """

    start: int
    text: str
    is_text: bool


def _tokens(sql: str) -> list[_Token]:
    """Return the parts of a statement, without its comments."""
    encoded, found = sql.encode(), duckdb.tokenize(sql)
    ends = [*(place for place, _ in found[1:]), len(encoded)]
    return [
        _Token(place, encoded[place:end].decode(errors="replace").strip(), kind == duckdb.token_type.string_const)
        for (place, kind), end in zip(found, ends, strict=True)
        if kind != duckdb.token_type.comment
    ]


def _words(sql: str) -> set[str]:
    """Return the unquoted words of a statement in lower case."""
    return {token.text.casefold() for token in _tokens(sql) if not token.is_text}


def _first_word(sql: str) -> str:
    return next((token.text.upper() for token in _tokens(sql)), "such")


def _explained(sql: str) -> str:
    """Return the statement that an EXPLAIN is about."""
    tokens = _tokens(sql)[1:]
    while tokens and tokens[0].text.casefold() in {"analyze", "verbose"}:
        del tokens[0]
    if tokens and tokens[0].text == "(" and (end := _closing(tokens)) + 1 < len(tokens):
        del tokens[: end + 1]
    return sql.encode()[tokens[0].start :].decode() if tokens else ""


def _closing(tokens: list[_Token]) -> int:
    """Return the index of the bracket that closes the first one."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        if not depth:
            return place
    return len(tokens)
