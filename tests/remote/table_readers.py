"""Tables of an output as another program reads them: joined with `current`, by the rules of docs/output.md."""

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa

TABLES = ("membership_changes", "membership", "segments", "segment_renames", "runs", "current")

_VIEWS = {
    "membership": "SELECT m.* FROM membership_rows m JOIN current_rows c USING (publication)",
    "segments": "SELECT s.* FROM segments_rows s JOIN current_rows c USING (publication)",
    "runs": """
        SELECT r.* FROM runs_rows r, current_rows c
        WHERE r.run_number <= c.run_number AND r.publication_number <= c.publication_number AND (
            r.publication = c.publication OR r.publication IN (SELECT previous_publication FROM runs_rows)
        )
        QUALIFY row_number() OVER (PARTITION BY r.run_number ORDER BY r.publication_number DESC) = 1
    """,
    "membership_changes": "SELECT * FROM membership_changes_rows WHERE publication IN (SELECT publication FROM runs)",
}

Rows = list[tuple[Any, ...]]


def open_views(read: Callable[[str], pa.Table]) -> Callable[[str], Rows]:
    """Read all tables, and return a function that runs queries over the views."""
    connection = duckdb.connect()
    for name in TABLES:
        connection.register(f"{name}_rows", read(name))
    for name, statement in _VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {statement}")
    return lambda sql: connection.execute(sql).fetchall()
