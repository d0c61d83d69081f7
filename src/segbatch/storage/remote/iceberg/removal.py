"""Removing files of old runs from the tables, and a day after the last snapshot with them from the store.

A query reads the metadata of a table first and its files later. So files are first removed from the metadata, which new
queries read. Snapshots that were replaced more than a day ago are removed from the metadata, too. Files that no
snapshot has any more are then removed from the store, if they are older than a day: younger ones may belong to a run at
work. Removing can be interrupted at any point, and the next run continues it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from segbatch.storage.layout import MEMBERSHIP
from segbatch.storage.remote.iceberg.keys import key_of
from segbatch.storage.remote.iceberg.tables import IcebergTables
from segbatch.storage.remote.large_tables import CHANGES_TABLE, PRIVATE_RUNS, data_folder, remove_states
from segbatch.storage.remote.publication import CLAIM, StoredRun, stored_runs
from segbatch.storage.remote.small_tables import RENAMES, SEGMENTS
from segbatch.storage.remote.store import Store

WAIT = timedelta(days=1)
"""Time between removing a file from its table and removing its content."""

_ALL = (CHANGES_TABLE, MEMBERSHIP, SEGMENTS, RENAMES)
"""The tables that lose the rows of discarded runs. `runs` keeps them: they tell which runs were rolled back."""


@dataclass(frozen=True, slots=True)
class Removal:
    """The files of an output that are to be removed."""

    store: Store
    tables: IcebergTables

    def retire(self, folders: Sequence[str]) -> None:
        """Remove the members of runs, and the content of files that were removed from the tables a day ago.

        Args:
            folders: The folder names of the runs, none of which readers can reach through `current`.

        Raises:
            PublishError: The catalog or the storage refused. The next call continues.
        """
        if folders:
            self.tables.remove(MEMBERSHIP, folders)
            remove_states(self.store, folders)
        self._sweep()

    def discard(self, folders: Sequence[str]) -> None:
        """Remove all files of runs, apart from their rows in `runs`. For the rest, see `retire`."""
        if folders:
            self.store.remove([key_of(folder, CLAIM) for folder in folders])  # a run that is at work notices it
            for table in _ALL:
                self.tables.remove(table, folders)
            private = [file.key for folder in folders for file in self.store.files(f"{PRIVATE_RUNS}{folder}/")]
            self.store.remove(private)
        self._sweep()

    def _sweep(self) -> None:
        """Remove files that no snapshot has any more."""
        runs = stored_runs(self.store.files(PRIVATE_RUNS), PRIVATE_RUNS)
        kept = {data_folder(folder) for folder in runs}
        with_members = {data_folder(folder) for folder, run in runs.items() if run.has_members}
        for table in _ALL:
            self._sweep_table(table, with_members if table == MEMBERSHIP else kept)

    def _sweep_table(self, table: str, kept: Collection[str]) -> None:
        """Remove files of a table.

        Args:
            kept: The names of the folders of runs whose files are not removed.
        """
        prefix, due = f"{table}/data/", datetime.now(UTC) - WAIT
        groups = stored_runs(self.store.files(prefix), prefix)
        old = {name: group for name, group in groups.items() if name not in kept and group.modified <= due}
        if old:
            used = {_group(path, prefix) for path in self.tables.expire(table, WAIT)}
            self.store.remove(_keys(prefix, {name: group for name, group in old.items() if name not in used}))


def _group(path: str, prefix: str) -> str:
    """Return the name of the folder of a run in the location of a data file."""
    return path.rpartition(f"/{prefix}")[2].partition("/")[0]


def _keys(prefix: str, groups: dict[str, StoredRun]) -> Iterator[str]:
    return (f"{prefix}{name}/{file}" for name, group in groups.items() for file in group.files)
