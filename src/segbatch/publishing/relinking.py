"""Making `segbatch.duckdb` anew from the published run."""

import os
from datetime import UTC
from pathlib import Path

import duckdb

from segbatch.errors import PublishError, SegbatchError, UsageError
from segbatch.publishing.catalogue import CATALOGUE, build_catalogue, place_catalogue
from segbatch.publishing.durable import writing
from segbatch.publishing.lock import NO_PATIENCE, Patience
from segbatch.publishing.places import CURRENT, RUNS
from segbatch.publishing.publish import at_work, point_to
from segbatch.publishing.reading import (
    ensure_published,
    ensure_there,
    last_published,
    published_folder,
    read_history,
    read_manifest,
)
from segbatch.publishing.records import RunRecord

__all__ = ["ensure_catalogue", "relink", "shows"]

_AS_BEFORE = "the tables are as they were"


def relink(output: Path, patience: Patience = NO_PATIENCE) -> Path:
    """Make `segbatch.duckdb` again from the published run, as is needed after the folder was moved.

    Returns:
        The path of the catalogue.

    Raises:
        UsageError: Nothing is published there.
        LockedError: A run is at work on the output.
        PublishError: What is published cannot be read, or the output cannot be written.
    """
    last = last_published(output)
    if last is None:
        raise _nothing(output)
    with at_work(output, "relink", patience):
        _mend_pointer(output, last)
        return _rebuild(output)


def _nothing(output: Path) -> SegbatchError:
    if os.path.lexists(output / CURRENT):
        return PublishError(
            f"{output / CURRENT}: names a run that is not there; restore its folder, or remove the file"
        )
    return UsageError(f"{output}: nothing is published there; name the folder that a run published in (--output)")


def _mend_pointer(output: Path, last: str) -> None:
    """Let `current` name the last run again where it is lost or damaged."""
    try:
        published_folder(output)
    except PublishError:
        with writing(output, _AS_BEFORE):
            point_to(output, last)


def _rebuild(output: Path) -> Path:
    folder = output / RUNS / ensure_published(output)
    manifest = read_manifest(folder)
    for file in manifest.files:
        ensure_there(folder / file.path, file.size)
    with writing(output, _AS_BEFORE):
        build_catalogue(output, folder, manifest, read_history(output))
        return place_catalogue(output)


def ensure_catalogue(output: Path, run: RunRecord) -> None:
    """Make the catalogue again if it does not show the published run, as after a crash between the two."""
    if not shows(output, run):
        _rebuild(output)


def shows(output: Path, run: RunRecord) -> bool:
    """Tell whether the catalogue shows a run, and no other try of it."""
    last = "SELECT run_id, finished_at FROM runs ORDER BY run_number DESC LIMIT 1"
    try:
        with duckdb.connect(str(output / CATALOGUE), read_only=True) as connection:
            shown = connection.execute(last).fetchone()
    except duckdb.Error:
        return False
    return shown == (run.run_id, run.finished_at.astimezone(UTC).replace(tzinfo=None))
