"""A catalogue for an output folder that was moved, copied or mounted elsewhere, possibly read-only.

The views of `segbatch.duckdb` name their files by absolute paths. If these are not in the output folder, a catalogue
with the right paths is written to another file, without a lock and without any change to the output.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from segbatch.errors import Problem, PublishError, UsageError
from segbatch.platform.files import replace_file, resolve_destination
from segbatch.platform.io_errors import io_reason
from segbatch.storage.catalog import ensure_nameable, write_catalogue
from segbatch.storage.catalog_rebuild import Relinked
from segbatch.storage.layout import CATALOGUE, RUNS
from segbatch.storage.manifest_io import ensure_published, read_history_of, read_manifest
from segbatch.storage.sql_paths import literal
from segbatch.storage.write_errors import translate_write_errors
from segbatch.text import printable

_VIEWS = "SELECT sql FROM duckdb_views() WHERE view_name = 'membership' AND NOT internal"
_TABLES = "SELECT count(*) FROM duckdb_tables() WHERE table_name IN ('runs', 'segments')"
_NOTHING = "nothing was written"


def is_moved(connection: duckdb.DuckDBPyConnection, output: Path) -> bool:
    """Return whether the views of a catalogue name files outside an output folder."""
    inside = literal(output / RUNS)[1:-1] + os.sep
    return any(inside not in sql for (sql,) in connection.execute(_VIEWS).fetchall())


@contextmanager
def temporary_catalogue(output: Path) -> Iterator[Path]:
    """Write a catalogue with the right paths to a temporary folder.

    Yields:
        The catalogue file, which is removed when the block ends.

    Raises:
        PublishError: A file of the published run cannot be read, or the temporary folder cannot be written.
        UsageError: Nothing is published in the output folder.
    """
    with tempfile.TemporaryDirectory(prefix="segbatch-") as folder:
        file = Path(folder) / CATALOGUE
        with translate_write_errors(Path(folder), "the query was not run"):
            _write(file, output)
        yield file


def relink_to(output: Path, file: Path) -> Relinked:
    """Write a catalogue of the published run to a file outside the output folder, which is only read.

    Args:
        output: The output folder, by its path on this machine.
        file: The file. An existing catalogue is replaced in one step.

    Raises:
        UsageError: Nothing is published, the file is inside the output folder, or it is not a catalogue.
        PublishError: The published run cannot be read, or the file cannot be written.
    """
    ensure_published(output)
    name = printable(str(file))
    found = resolve_destination(file, "--to")
    _ensure_elsewhere(found, name, output)
    ensure_nameable(output)
    ensure_nameable(found.parent)
    if found.exists() and not _is_catalogue(found):
        raise UsageError(f"{name}: exists and is not a catalogue of segbatch; name another file (--to)")
    new = found.with_name(f".{found.name}.{secrets.token_hex(4)}.new")  # DuckDB has to create the file itself
    try:
        warnings = _write(new, output)
        replace_file(new, found)
    except (OSError, duckdb.Error) as error:
        raise PublishError(f"{name}: cannot be written: {io_reason(error) or error}; {_NOTHING}") from None
    finally:
        for leftover in (new, new.with_name(f"{new.name}.wal")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
    return Relinked(file, tuple(warnings))


def _write(file: Path, output: Path) -> Sequence[Problem]:
    folder = output / RUNS / ensure_published(output)
    return write_catalogue(file, output, folder, read_manifest(folder), read_history_of(folder), _NOTHING)


def _ensure_elsewhere(found: Path, name: str, output: Path) -> None:
    """Check that a file is not in the output folder, which only runs write to."""
    if output.resolve() in found.parents:
        raise UsageError(f"{name}: is in the output folder; name a file elsewhere, or leave out --to")


def _is_catalogue(file: Path) -> bool:
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            return connection.execute(_TABLES).fetchall() == [(2,)]
    except duckdb.Error:
        return False
