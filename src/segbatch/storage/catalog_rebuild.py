"""Rebuilding `segbatch.duckdb` from the published run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import duckdb

from segbatch.errors import Problem, PublishError, SegbatchError, UsageError
from segbatch.model.manifest import RunRecord
from segbatch.platform.files import UnflushedError
from segbatch.storage.catalog import build_catalogue, replace_catalogue
from segbatch.storage.layout import CATALOGUE, CURRENT, RUNS
from segbatch.storage.manifest_io import (
    UnnamedError,
    ensure_published,
    ensure_readable,
    last_published,
    read_history_of,
    read_manifest,
)
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockPolicy
from segbatch.storage.publish import own_output, set_current
from segbatch.storage.run_files import is_changes, is_membership
from segbatch.storage.write_errors import Leftovers, translate_write_errors

_AS_BEFORE = "the tables are as they were"
_NOT_POINTED = "current is not fixed; run segbatch relink again"
_NO_STATE = "is missing or damaged; the tables do not need it, but the next run does: see segbatch verify"


@dataclass(frozen=True, slots=True)
class Relinked:
    """The result of a rebuild.

    Attributes:
        warnings: Warnings about lost files, and about a fallback to another run.
    """

    catalogue: Path
    warnings: tuple[Problem, ...]


def relink(output: Path, policy: LockPolicy = FAIL_IF_LOCKED) -> Relinked:
    """Rebuild `segbatch.duckdb` from the published run, as is needed after the output folder was moved.

    If `current` does not name an existing run, the catalogue is built from the last run that still exists, and
    `current` is set to it.

    Raises:
        UsageError: Nothing is published in the folder.
        LockedError: A run is at work on the output.
        PublishError: The published run cannot be read, or the output cannot be written.
    """
    last = last_published(output)
    if last is None:
        raise _nothing(output)
    with own_output(output, "relink", policy, _AS_BEFORE):
        try:
            folder = ensure_published(output)
        except UnnamedError as error:
            rebuilt = _rebuild(output, last, reuse=False)
            left = Leftovers(output, f"the tables show run {last} again")
            with left.collect_errors(_NOT_POINTED):
                set_current(output, last)
            message = f"{error.fault}; the tables show run {last} now, the last one that exists"
            back = Problem(message, file=str(output / CURRENT), severity="warning")
            return Relinked(rebuilt.catalogue, (back, *rebuilt.warnings, *left.warnings))
        return _rebuild(output, folder, reuse=False)


def _nothing(output: Path) -> SegbatchError:
    if os.path.lexists(output / CURRENT):
        return PublishError(
            f"{output / CURRENT}: names a run that does not exist; restore its folder, or remove the file"
        )
    return UsageError(f"{output}: nothing is published there; name the folder that a run published in (--output)")


def _rebuild(output: Path, name: str, *, reuse: bool) -> Relinked:
    """Build the catalogue from the membership of a run, given by its folder name.

    Its other data files may be missing. With `reuse`, rows of earlier runs may be copied from the existing catalogue.
    """
    folder = output / RUNS / name
    manifest, history = read_manifest(folder), read_history_of(folder)
    warnings = list[Problem]()
    for file in manifest.files:
        try:
            ensure_readable(folder / file.path, file.size)
        except PublishError:
            if is_membership(file.path):
                raise
            if not is_changes(file.path):  # already reported by `find_changes`
                warnings.append(Problem(_NO_STATE, file=str(folder / file.path), severity="warning"))
    with translate_write_errors(output, _AS_BEFORE):
        lost = build_catalogue(output, folder, manifest, history, _AS_BEFORE, reuse=reuse)
        left = Leftovers(output, f"{CATALOGUE} is rebuilt")
        try:
            replace_catalogue(output)
        except UnflushedError:
            with left.collect_errors("it may not survive a power failure; check the disk"):
                raise
        return Relinked(output / CATALOGUE, (*lost, *warnings, *left.warnings))


def ensure_catalogue(output: Path, run: RunRecord) -> Sequence[Problem]:
    """Rebuild the catalogue if it does not show the published run, as after a crash between the two steps.

    Returns:
        One warning per file that is missing in the new catalogue.
    """
    return () if shows(output, run) else _rebuild(output, ensure_published(output), reuse=True).warnings


def shows(output: Path, run: RunRecord) -> bool:
    """Return whether the catalogue shows a run. Another attempt with the same run id does not count."""
    last = "SELECT run_id, finished_at FROM runs ORDER BY run_number DESC LIMIT 1"
    try:
        with duckdb.connect(str(output / CATALOGUE), read_only=True) as connection:
            shown = connection.execute(last).fetchone()
    except duckdb.Error:
        return False
    return shown == (run.run_id, run.finished_at.astimezone(UTC).replace(tzinfo=None))
