"""The published run of an output, as one synchronisation reads it."""

from dataclasses import dataclass
from pathlib import Path

from segbatch.errors import Problem
from segbatch.exports.database.rows import read_id_type
from segbatch.exports.database.tables import Tables, make_tables
from segbatch.model.manifest import History, Manifest
from segbatch.storage.changes_files import find_changes
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import ensure_published, read_history_of, read_manifest
from segbatch.storage.run_files import is_membership, written_files


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """The published run of an output.

    Attributes:
        folder: The folder of the run. A run that is published meanwhile has another one.
        history: The runs up to and including this one.
        tables: The tables for contact ids of the type of this output.
        lost: The runs whose changes cannot be read.
        warnings: One warning per file of changes that is lost.
    """

    output: Path
    folder: Path
    history: History
    manifest: Manifest
    tables: Tables
    lost: frozenset[str]
    warnings: tuple[Problem, ...]

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.manifest.run.run_id


def read_published(output: Path) -> PublishedRun:
    """Read the published run of an output.

    Raises:
        UsageError: Nothing is published, or the contact ids have a type that cannot be sent.
        PublishError: The published data cannot be read.
    """
    folder = output / RUNS / ensure_published(output)
    history, manifest = read_history_of(folder), read_manifest(folder)
    changes = find_changes(output, history)
    found = {*changes.sources.values()}
    lost = frozenset(past.run.run_id for past in history.runs if past.changes and past.run.run_id not in found)
    members, newest = folder / written_files(manifest, is_membership)[0].path, changes.newest_file
    tables = make_tables(read_id_type(output, [members] if newest is None else [members, newest]))
    return PublishedRun(output, folder, history, manifest, tables, lost, tuple(changes.lost))
