"""Making `segbatch.duckdb` anew from the published run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import duckdb

from segbatch.errors import Problem, PublishError, SegbatchError, UsageError
from segbatch.model.manifest import RunRecord
from segbatch.platform.files import UnflushedError
from segbatch.storage.catalog import build_catalogue, place_catalogue
from segbatch.storage.layout import CATALOGUE, CHANGES, CURRENT, MEMBERSHIP, RUNS
from segbatch.storage.manifest_io import (
    UnnamedError,
    ensure_published,
    ensure_there,
    last_published,
    read_history_of,
    read_manifest,
)
from segbatch.storage.output_lock import NO_PATIENCE, Patience
from segbatch.storage.publish import at_work, point_to
from segbatch.storage.write_errors import Leftovers, writing

__all__ = ["Relinked", "ensure_catalogue", "relink", "shows"]

_AS_BEFORE = "the tables are as they were"
_NOT_POINTED = "current is not fixed; run segbatch relink again"
_NO_STATE = "is missing or damaged; the tables do without, but the next run will not: see segbatch verify"


@dataclass(frozen=True, slots=True)
class Relinked:
    """What was made anew.

    Attributes:
        catalogue: The DuckDB file.
        warnings: What is lost, and what is shown in its place.
    """

    catalogue: Path
    warnings: tuple[Problem, ...]


def relink(output: Path, patience: Patience = NO_PATIENCE) -> Relinked:
    """Make `segbatch.duckdb` again from the published run, as is needed after the folder was moved.

    Raises:
        UsageError: Nothing is published there.
        LockedError: A run is at work on the output.
        PublishError: What is published cannot be read, or the output cannot be written.
    """
    last = last_published(output)
    if last is None:
        raise _nothing(output)
    with at_work(output, "relink", patience, _AS_BEFORE):
        try:
            folder = ensure_published(output)
        except UnnamedError as error:
            rebuilt = _rebuild(output, last)
            left = Leftovers(output, f"the tables show run {last} again")
            with left.collecting(_NOT_POINTED):
                point_to(output, last)
            message = f"{error.fault}; the last run that is there is {last}, which the tables show now"
            back = Problem(message, file=str(output / CURRENT), severity="warning")
            return Relinked(rebuilt.catalogue, (back, *rebuilt.warnings, *left.warnings))
        return _rebuild(output, folder)


def _nothing(output: Path) -> SegbatchError:
    if os.path.lexists(output / CURRENT):
        return PublishError(
            f"{output / CURRENT}: names a run that is not there; restore its folder, or remove the file"
        )
    return UsageError(f"{output}: nothing is published there; name the folder that a run published in (--output)")


def _rebuild(output: Path, name: str) -> Relinked:
    """Make the tables from the membership of a run, by its folder; the other files of it are not needed for them."""
    folder = output / RUNS / name
    manifest, history = read_manifest(folder), read_history_of(folder)
    warnings = list[Problem]()
    for file in manifest.files:
        try:
            ensure_there(folder / file.path, file.size)
        except PublishError:
            if file.path.startswith(MEMBERSHIP):
                raise
            if file.path != CHANGES:  # which are told of already
                warnings.append(Problem(_NO_STATE, file=str(folder / file.path), severity="warning"))
    with writing(output, _AS_BEFORE):
        lost = build_catalogue(output, folder, manifest, history, _AS_BEFORE)
        left = Leftovers(output, f"{CATALOGUE} is made again")
        try:
            place_catalogue(output)
        except UnflushedError:
            with left.collecting("it may not survive a power failure; check the disk"):
                raise
        return Relinked(output / CATALOGUE, (*lost, *warnings, *left.warnings))


def ensure_catalogue(output: Path, run: RunRecord) -> Sequence[Problem]:
    """Make the catalogue again if it does not show the published run, as after a crash between the two.

    Returns:
        A warning for each file that the new catalogue lacks.
    """
    return () if shows(output, run) else _rebuild(output, ensure_published(output)).warnings


def shows(output: Path, run: RunRecord) -> bool:
    """Tell whether the catalogue shows a run, and no other try of it."""
    last = "SELECT run_id, finished_at FROM runs ORDER BY run_number DESC LIMIT 1"
    try:
        with duckdb.connect(str(output / CATALOGUE), read_only=True) as connection:
            shown = connection.execute(last).fetchone()
    except duckdb.Error:
        return False
    return shown == (run.run_id, run.finished_at.astimezone(UTC).replace(tzinfo=None))
