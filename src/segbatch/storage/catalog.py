"""The DuckDB catalogue `segbatch.duckdb`: small tables, and views over the Parquet files of the published run.

The catalogue is built in a temporary file and renamed, so readers of the old one are not disturbed. It is written in
the oldest storage format that DuckDB offers, so that DuckDB 1.1 can read it. Views name their files by absolute paths,
because DuckDB resolves relative paths from the working directory of the reader.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from segbatch.errors import Problem, PublishError, UsageError
from segbatch.model.manifest import History, Manifest, RunRecord, SegmentRecord
from segbatch.platform.files import replace_file
from segbatch.storage.changes_files import PastChanges, find_changes
from segbatch.storage.layout import CATALOGUE
from segbatch.storage.record_columns import column_types, column_values
from segbatch.storage.run_files import is_membership, written_files
from segbatch.storage.segment_history import create_segment_renames, create_segment_runs
from segbatch.storage.sql_paths import literal_source, quoted
from segbatch.storage.write_errors import ensure_no_folder, is_of_disk

_OPTIONS = "STORAGE_VERSION 'v1.0.0', RECOVERY_MODE no_wal_writes"
"""The oldest format, and no log of single changes: the file is flushed as a whole when it is detached."""

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
"""Selecting from `membership` gives the ids their types."""


_RENAMED = """
SELECT c.run_id, c.as_of, coalesce(n.new_id, c.segment_id) AS segment_id, c.contact_id, c.change
FROM {files} c LEFT JOIN segment_renames n ON n.run_id = c.run_id AND n.old_id = c.segment_id
"""


def create_views(
    connection: duckdb.DuckDBPyConnection,
    membership: Sequence[Path],
    changes: Sequence[Path],
    *,
    has_renames: bool = False,
) -> None:
    """Create `membership`, `membership_changes` and `membership_history` in the database `catalogue`.

    Args:
        connection: A connection with `catalogue` attached, which has the table `runs`.
        membership: The membership files, at least one.
        changes: The change files, or folders of them; may be empty.
        has_renames: Whether the table `segment_renames` exists, with the present ids of renamed segments.
    """
    connection.execute("USE catalogue")
    columns = "segment_id, contact_id"
    connection.execute(f"CREATE OR REPLACE VIEW membership AS SELECT {columns} FROM {_files(membership)}")  # noqa: S608
    columns = "run_id, as_of, segment_id, contact_id, change"
    some = _RENAMED if has_renames else f"SELECT {columns} FROM {{files}}"  # noqa: S608
    some = some.format(files=_files(changes)) if changes else _NO_CHANGES
    connection.execute(f"CREATE OR REPLACE VIEW membership_changes AS {some}")
    connection.execute(f"CREATE OR REPLACE VIEW membership_history AS {_HISTORY}")
    connection.execute("USE memory")


def _files(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(literal_source, files))}])"


_MISREAD_BY_DUCKDB = "?\\"
"""DuckDB reads the text after a `?` as options, and a backslash as a slash."""


def ensure_catalogue_possible(output: Path) -> None:
    """Check before a run that a catalogue can be created in a folder, as far as that can be known.

    Raises:
        UsageError: DuckDB cannot open files in the folder.
        PublishError: A folder has the name of one of the files.
    """
    ensure_nameable(output)
    for path in (output / CATALOGUE, _aside(output)):
        ensure_no_folder(path)
        ensure_no_folder(_log_of(path))


def ensure_nameable(output: Path) -> None:
    """Check that DuckDB can open files in a folder.

    DuckDB needs paths in UTF-8, and interprets some characters itself.

    Raises:
        UsageError: DuckDB cannot open files there.
    """
    path = str(output.resolve())
    misread = next((char for char in _MISREAD_BY_DUCKDB if char in path), None)
    if misread:
        message = f"has a {misread} in its path, so DuckDB cannot open files in it"
        raise UsageError(f"{output}: {message}; publish elsewhere (--output)")
    try:
        path.encode()
    except UnicodeEncodeError:
        message = "has bytes in its path that are not UTF-8, so DuckDB cannot open files in it"
        raise UsageError(f"{output}: {message}; publish elsewhere (--output)") from None


def start_duckdb() -> duckdb.DuckDBPyConnection:
    """Return a connection to a database in memory, which can write a catalogue. DuckDB takes a while to start."""
    return duckdb.connect(config={"autoinstall_known_extensions": False})


def build_catalogue(
    output: Path,
    run_folder: Path,
    manifest: Manifest,
    history: History,
    outcome: str,
    *,
    reuse: bool = True,
    connect: Callable[[], duckdb.DuckDBPyConnection] = start_duckdb,
) -> Sequence[Problem]:
    """Build the catalogue of a run in a temporary file, which no reader sees.

    Args:
        run_folder: The folder of the run whose membership the views show.
        history: The runs up to and including that run.
        outcome: The consequence of a failure, for the error message.
        reuse: Whether rows of earlier runs may be copied from the existing catalogue.
        connect: Returns what `start_duckdb` returns.

    Returns:
        One warning per change file or manifest that cannot be read and is left out.

    Raises:
        PublishError: DuckDB cannot read a membership file.
    """
    discard_catalogue(output)
    return write_catalogue(_aside(output), output, run_folder, manifest, history, outcome, reuse=reuse, connect=connect)


def write_catalogue(
    file: Path,
    output: Path,
    run_folder: Path,
    manifest: Manifest,
    history: History,
    outcome: str,
    *,
    reuse: bool = True,
    connect: Callable[[], duckdb.DuckDBPyConnection] = start_duckdb,
) -> Sequence[Problem]:
    """Write the catalogue of a run to a new file. For the rest, see `build_catalogue`."""
    membership = [run_folder / file.path for file in written_files(manifest, is_membership)]
    with connect() as connection:
        connection.execute(f"ATTACH {quoted(file)} AS catalogue ({_OPTIONS})")
        _create_table(connection, "segments", SegmentRecord, manifest.segments)
        numbers = range(1, len(history.runs) + 1)
        _create_table(connection, "runs", RunRecord, [run.run for run in history.runs], run_number=numbers)
        has_renames = create_segment_renames(connection, history)
        previous = output / CATALOGUE if reuse else None
        unread = create_segment_runs(connection, output, history, previous, has_renames=has_renames)
        try:
            lost = _create_views(connection, membership, find_changes(output, history), has_renames=has_renames)
        except duckdb.Error as error:
            if is_of_disk(error):
                raise
            message = (
                f"DuckDB cannot read files of earlier runs; {outcome}; find the damaged files with segbatch verify"
            )
            raise PublishError(f"{output}: {message}") from None
        connection.execute("DETACH catalogue")
    return (*lost, *unread)


def _create_views(
    connection: duckdb.DuckDBPyConnection, membership: Sequence[Path], changes: PastChanges, *, has_renames: bool
) -> Sequence[Problem]:
    """Create the views, without the change files that DuckDB cannot read.

    Returns:
        One warning per change file that is left out.

    Raises:
        duckdb.Error: The membership cannot be read, or the disk cannot be written.
    """
    try:
        create_views(connection, membership, changes.newest_first, has_renames=has_renames)
    except duckdb.Error as error:
        if is_of_disk(error):
            raise
        changes = changes.without(path for path in changes.sources if not _opens(connection, path))
        create_views(connection, membership, changes.newest_first, has_renames=has_renames)
    return changes.lost


def _opens(connection: duckdb.DuckDBPyConnection, source: Path) -> bool:
    """Return whether DuckDB can read a Parquet file of changes, or a folder of them."""
    try:
        connection.execute(f"SELECT run_id FROM read_parquet({literal_source(source)}) LIMIT 1").fetchall()  # noqa: S608
    except duckdb.Error:
        return False
    return True


def replace_catalogue(output: Path) -> Path:
    """Move the new catalogue to its final path in one step, and return the path."""
    path = output / CATALOGUE
    _log_of(path).unlink(missing_ok=True)
    replace_file(_aside(output), path)
    return path


def discard_catalogue(output: Path) -> None:
    """Remove the temporary catalogue, if it exists."""
    aside = _aside(output)
    for stale in (aside, _log_of(aside)):
        stale.unlink(missing_ok=True)


def _aside(output: Path) -> Path:
    return output / f".{CATALOGUE}.new"


def _log_of(database: Path) -> Path:
    """Return the path of DuckDB's write-ahead log. A stale log next to a new file would break every reader."""
    return database.with_name(database.name + ".wal")


def _create_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    model: type[SegmentRecord | RunRecord],
    records: Sequence[SegmentRecord | RunRecord],
    **more: Sequence[int],
) -> None:
    """Create a table with one column per field of a record, and more columns of numbers."""
    types = column_types(model)
    cells = column_values(records, types)
    types |= dict.fromkeys(more, "BIGINT")
    connection.register("new_rows", pa.table({**cells, **more}))
    columns = ", ".join(f"CAST({column} AS {column_type}) AS {column}" for column, column_type in types.items())
    connection.execute(f"CREATE TABLE catalogue.{name} AS SELECT {columns} FROM new_rows")  # noqa: S608 - our own names
    connection.unregister("new_rows")
