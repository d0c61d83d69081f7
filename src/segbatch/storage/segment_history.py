"""The segments of earlier runs: their present ids, and the tables about them in the catalogue.

`segment_renames` has the present ids of segments that had other ids in a run. `segment_runs` has one row per segment
and run, also for pruned runs. The rows come from the manifests, which are never pruned. The rows of earlier runs are
copied from the previous catalogue, if it has them, because reading hundreds of manifests takes seconds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import BaseModel

from segbatch.errors import Problem, PublishError
from segbatch.model.manifest import History, PastRun
from segbatch.storage.layout import MANIFEST, RUNS
from segbatch.storage.manifest_io import read_manifest_as
from segbatch.storage.present_ids import present_ids
from segbatch.storage.sql_paths import quoted
from segbatch.storage.write_errors import is_of_disk

_RENAMES = pa.schema([("run_id", pa.string()), ("old_id", pa.string()), ("new_id", pa.string())])
_RESULTS = pa.schema(
    [
        ("run_id", pa.string()),
        ("as_of", pa.timestamp("us")),
        ("segment_id", pa.string()),
        ("status", pa.string()),
        ("member_count", pa.int64()),
        ("entered", pa.int64()),
        ("exited", pa.int64()),
        ("fingerprint", pa.string()),
    ]
)
_TABLE, _RECORDED = "segment_runs", "recorded_segment_runs"
"""The table with the ids that segments had in each run is `segment_runs`, or below a view of that name with the present
ids if segments were renamed.
"""

_VIEW = """
CREATE VIEW segment_runs AS
SELECT r.run_id, r.as_of, coalesce(n.new_id, r.segment_id) AS segment_id, r.status, r.member_count, r.entered,
    r.exited, r.fingerprint
FROM recorded_segment_runs r LEFT JOIN segment_renames n ON n.run_id = r.run_id AND n.old_id = r.segment_id
"""

_FIND = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'previous' AND table_name IN (?, ?)"

_KNOWN = """
CREATE TEMP TABLE known AS
SELECT DISTINCT runs.run_id FROM previous.{} JOIN previous.runs USING (run_id)
JOIN wanted ON wanted.run_id = runs.run_id AND wanted.finished_at = runs.finished_at
"""
"""A run that was replaced has another `finished_at`."""

_COPY = "INSERT INTO catalogue.{} SELECT {} FROM previous.{} SEMI JOIN known USING (run_id)"


class _Named(BaseModel):
    """The part of a segment's record in a manifest that is read here; the rest is skipped."""

    segment_id: str


class RunSegments(BaseModel):
    """The part of a manifest with the ids of the segments."""

    segments: tuple[_Named, ...]


class _Result(BaseModel):
    """The part of a segment's record in a manifest that `segment_runs` shows; the rest is skipped."""

    segment_id: str
    status: str
    member_count: int
    entered: int | None
    exited: int | None
    fingerprint: str | None


class _Results(BaseModel):
    segments: tuple[_Result, ...]


def segments_in(output: Path) -> Callable[[PastRun], RunSegments]:
    """Return a function that reads the segments of a run in an output folder."""
    return lambda past: read_manifest_as(output / RUNS / past.folder, RunSegments)


def find_reused(
    read: Callable[[PastRun], RunSegments], runs: Sequence[PastRun], renamed: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the new ids of renamed segments that other segments had in earlier runs. These were deleted since.

    Runs whose manifest cannot be read are skipped.

    Args:
        read: Returns the segments of a run.
        runs: The earlier runs.
        renamed: The segments that are renamed in the next run: the new id of each old one.
    """
    found, ids_then = set[str](), {new: old for old, new in renamed.items()}
    for past in reversed(runs if renamed else ()):
        with suppress(PublishError):
            segments = read(past).segments
            found |= {
                one.segment_id for one in segments if ids_then.get(one.segment_id, one.segment_id) != one.segment_id
            }
        before = {new: old for old, new in past.renamed.items()}
        ids_then = {new: before.get(then, then) for new, then in ids_then.items()}
    return tuple(sorted(found))


def create_segment_renames(connection: duckdb.DuckDBPyConnection, history: History) -> bool:
    """Create the table `segment_renames` in the database `catalogue`, unless no segment was renamed.

    Its rows have the present id of each segment that had another id in a run.

    Returns:
        Whether the table exists.
    """
    rows = [
        {"run_id": past.run.run_id, "old_id": old, "new_id": new}
        for past, names in zip(history.runs, present_ids(history.runs), strict=True)
        for old, new in names.items()
    ]
    if rows:
        connection.register("new_rows", pa.Table.from_pylist(rows, schema=_RENAMES))
        connection.execute("CREATE TABLE catalogue.segment_renames AS SELECT * FROM new_rows")
        connection.unregister("new_rows")
    return bool(rows)


def create_segment_runs(
    connection: duckdb.DuckDBPyConnection,
    output: Path,
    history: History,
    previous: Path | None,
    *,
    has_renames: bool,
) -> Sequence[Problem]:
    """Create the table `segment_runs` in the database `catalogue`.

    Args:
        connection: A connection with `catalogue` attached.
        history: The runs to show.
        previous: An earlier catalogue to copy rows from, which may be missing or damaged; None to read all manifests.
        has_renames: Whether the table `segment_renames` exists, with the present ids of renamed segments.

    Returns:
        One warning per manifest that cannot be read.
    """
    table = _RECORDED if has_renames else _TABLE
    connection.register("new_rows", _RESULTS.empty_table())
    connection.execute(f"CREATE TABLE catalogue.{table} AS SELECT * FROM new_rows")  # noqa: S608 - our own name
    copied = _copy_rows(connection, history, previous, table) if previous else frozenset[str]()
    lost = list[Problem]()
    rows = [row for past in history.runs if past.run.run_id not in copied for row in _rows(output, past, lost)]
    connection.register("new_rows", pa.Table.from_pylist(rows, schema=_RESULTS))
    connection.execute(f"INSERT INTO catalogue.{table} SELECT * FROM new_rows")  # noqa: S608 - our own name
    connection.unregister("new_rows")
    if has_renames:
        connection.execute("USE catalogue")
        connection.execute(_VIEW)
        connection.execute("USE memory")
    return lost


def _copy_rows(connection: duckdb.DuckDBPyConnection, history: History, previous: Path, table: str) -> frozenset[str]:
    """Copy the rows of runs that an earlier catalogue has, and return the ids of these runs."""
    wanted = [{"run_id": past.run.run_id, "finished_at": _in_utc(past.run.finished_at)} for past in history.runs]
    schema = pa.schema([("run_id", pa.string()), ("finished_at", pa.timestamp("us"))])
    connection.register("wanted", pa.Table.from_pylist(wanted, schema=schema))
    try:
        connection.execute(f"ATTACH {quoted(previous)} AS previous (READ_ONLY)")
        found = connection.execute(_FIND, [_RECORDED, _TABLE]).fetchone()
        if found is None:
            return frozenset()
        connection.execute(_KNOWN.format(*found))
        connection.execute(_COPY.format(table, ", ".join(_RESULTS.names), *found))
        return frozenset(run_id for (run_id,) in connection.execute("SELECT run_id FROM known").fetchall())
    except duckdb.Error as error:
        if is_of_disk(error):
            raise
        return frozenset()
    finally:
        connection.execute("DETACH DATABASE IF EXISTS previous")
        connection.execute("DROP TABLE IF EXISTS temp.known")
        connection.unregister("wanted")


def _rows(output: Path, past: PastRun, lost: list[Problem]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a run from its manifest."""
    folder = output / RUNS / past.folder
    try:
        segments = read_manifest_as(folder, _Results).segments
    except PublishError:
        message = f"is missing or damaged; segment_runs lacks run {past.run.run_id}"
        remedy = "restore it from a copy and run segbatch relink"
        lost.append(Problem(f"{message}; {remedy}", file=str(folder / MANIFEST), severity="warning"))
        return
    for segment in segments:
        yield {"run_id": past.run.run_id, "as_of": _in_utc(past.run.as_of), **segment.model_dump()}


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
