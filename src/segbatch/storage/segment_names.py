"""The present ids of segments that had other ids in earlier runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
from pydantic import BaseModel

from segbatch.errors import PublishError
from segbatch.model.manifest import History, PastRun
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import read_manifest_as

_COLUMNS = pa.schema([("run_id", pa.string()), ("old_id", pa.string()), ("new_id", pa.string())])


class _Named(BaseModel):
    """The part of a segment's record in a manifest that is read here; the rest is skipped."""

    segment_id: str


class RunSegments(BaseModel):
    """The part of a manifest with the ids of the segments."""

    segments: tuple[_Named, ...]


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


def present_ids(runs: Sequence[PastRun]) -> Sequence[Mapping[str, str]]:
    """Return for each run the segments that have another id now: the present id of each old one.

    No two segments of a run have the same present id. A deleted segment whose id another segment got by a rename is
    `ID~1`, the next one of that id `ID~2`; no definition can have such an id.

    Args:
        runs: The runs, oldest first. The ids of the last one are the present ones.
    """
    names, later = list[Mapping[str, str]](), dict[str, str]()
    reuses = Counter(reused for past in runs for reused in past.reused)
    for past in reversed(runs):
        names.append(later)
        if past.renamed:
            taken = set(past.renamed.values())
            renamed = {old: later.get(new, new) for old, new in past.renamed.items()}
            deleted = {reused: f"{reused}~{reuses[reused]}" for reused in past.reused}
            reuses.subtract(past.reused)
            later = {old: new for old, new in later.items() if old not in taken} | deleted | renamed
    return names[::-1]


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
        connection.register("new_rows", pa.Table.from_pylist(rows, schema=_COLUMNS))
        connection.execute("CREATE TABLE catalogue.segment_renames AS SELECT * FROM new_rows")
        connection.unregister("new_rows")
    return bool(rows)
