"""The views of `segbatch.duckdb`, over the Parquet files of the runs.

The history is not written down: it follows from who is in now and from all the changes there were. Who is in and never
changed was in from the first run on, so that run's members need not be written twice.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

__all__ = ["create_views", "literal", "quoted"]

_HISTORY = """
WITH stays AS (
    SELECT c.segment_id, c.contact_id, c.as_of, c.change,
        lead(c.as_of) OVER stay AS next_at,
        lag(c.change) OVER stay AS earlier
    FROM membership_changes c JOIN runs r ON r.run_id = c.run_id
    WINDOW stay AS (PARTITION BY c.segment_id, c.contact_id ORDER BY r.run_number)
), first_run AS (SELECT as_of FROM runs WHERE run_number = 1)
SELECT segment_id, contact_id, as_of AS entered_at, next_at AS exited_at FROM stays WHERE change = 'entered'
UNION ALL
SELECT segment_id, contact_id, (SELECT as_of FROM first_run), as_of
FROM stays WHERE change = 'exited' AND earlier IS NULL
UNION ALL
SELECT m.segment_id, m.contact_id, (SELECT as_of FROM first_run), NULL
FROM membership m ANTI JOIN membership_changes c ON c.segment_id = m.segment_id AND c.contact_id = m.contact_id
"""

_NO_CHANGES = """
SELECT NULL::VARCHAR AS run_id, NULL::TIMESTAMP AS as_of, segment_id, contact_id, NULL::VARCHAR AS change
FROM membership WHERE false
"""
"""The ids have their type from the membership."""


def create_views(connection: duckdb.DuckDBPyConnection, membership: Sequence[Path], changes: Sequence[Path]) -> None:
    """Create `membership`, `membership_changes` and `membership_history` in the database `catalogue`.

    Args:
        connection: A connection to which it is attached, with the table `runs` in it.
        membership: The files of the membership, at least one.
        changes: The files of the changes, if there are any.
    """
    connection.execute("USE catalogue")
    columns = "segment_id, contact_id"
    connection.execute(f"CREATE OR REPLACE VIEW membership AS SELECT {columns} FROM {_files(membership)}")  # noqa: S608
    columns = "run_id, as_of, segment_id, contact_id, change"
    some = f"SELECT {columns} FROM {_files(changes)}" if changes else _NO_CHANGES  # noqa: S608
    connection.execute(f"CREATE OR REPLACE VIEW membership_changes AS {some}")
    connection.execute(f"CREATE OR REPLACE VIEW membership_history AS {_HISTORY}")
    connection.execute("USE memory")


def _files(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(literal, files))}])"


def literal(file: Path) -> str:
    """Write a file as the views name it."""
    return quoted(_escape_glob(file.resolve()))


def quoted(path: Path | str) -> str:
    """Write a path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def _escape_glob(path: Path) -> str:
    """Write a path so that DuckDB takes its special characters as they are."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))
