"""Removing files of old runs from the tables, and a day later from the store.

A query reads the log of a table first and its files later. So files are first removed from the log, which new queries
read, and their content is removed after a day, when no query can use them any more. Marks in the store remember the
runs in between:

```
_segbatch/removed/members/FOLDER    the members of a run are removed; its changes stay
_segbatch/removed/all/FOLDER        all files of a run are removed, apart from its row in `runs`
```

A mark is written first and removed last. Removing can be interrupted at any point, and the next run continues it. The
state of a run, which shows that it has members, is removed as soon as the members are not in the table any more.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from segbatch.storage.layout import MEMBERSHIP
from segbatch.storage.remote.delta.keys import REMOVED, key_of
from segbatch.storage.remote.delta.tables import DeltaTables
from segbatch.storage.remote.large_tables import CHANGES_TABLE, PRIVATE_RUNS, data_folder, remove_states
from segbatch.storage.remote.publication import CLAIM
from segbatch.storage.remote.small_tables import CURRENT, RENAMES, SEGMENTS
from segbatch.storage.remote.store import OutdatedError, Store, StoredFile

WAIT = timedelta(days=1)
"""Time between removing a file from the log of its table and removing its content."""

Kind = Literal["members", "all"]

_TABLES: dict[Kind, tuple[str, ...]] = {
    "members": (MEMBERSHIP,),
    "all": (CHANGES_TABLE, MEMBERSHIP, SEGMENTS, RENAMES),
}


@dataclass(frozen=True, slots=True)
class Removal:
    """The files of an output that are to be removed."""

    store: Store
    tables: DeltaTables

    def begin(self, kind: Kind, folders: Collection[str]) -> None:
        """Remove files of runs from the tables, and remove the content of those that were removed a day ago.

        Args:
            folders: The folder names of the runs, none of which readers can reach through `current`.

        Raises:
            PublishError: The storage refused. The next call continues.
        """
        new = [folder for folder in folders if self._mark(kind, folder)]
        if kind == "all":  # a run that is still at work notices that its claim is gone
            self.store.remove([key_of(folder, CLAIM) for folder in folders])
        for each in _TABLES:
            self._continue(each, new if each == kind else ())

    def marks(self) -> Iterator[tuple[str, StoredFile]]:
        """Yield the folder names and the marks of the runs all of whose files are being removed."""
        return ((_name(mark), mark) for mark in self._marks("all"))

    def _mark(self, kind: Kind, folder: str) -> bool:
        """Write the mark of a run, and return whether there was none."""
        with suppress(OutdatedError):
            self.store.write_new(_mark_key(kind, folder), b"")
            return True
        return False

    def _marks(self, kind: Kind) -> Iterator[StoredFile]:
        return self.store.files(f"{REMOVED}{kind}/")

    def _continue(self, kind: Kind, new: Collection[str]) -> None:
        """Continue all removals of a kind.

        Args:
            new: The folder names of runs that had no mark. If no table has files of such a run, no query can use them.
        """
        marks = {data_folder(_name(mark)): mark for mark in self._marks(kind)}
        removed = self._remove_from_tables(kind, marks.keys())
        remove_states(self.store, [_name(mark) for mark in marks.values()])
        due = datetime.now(UTC) - WAIT
        for name, mark in marks.items():
            folder = _name(mark)
            if name in removed:
                self._restart(mark)
            elif mark.modified <= due or folder in new:
                self._remove_content(kind, folder)
                self.store.remove([mark.key])

    def _remove_from_tables(self, kind: Kind, names: Collection[str]) -> set[str]:
        """Remove the files of runs from the logs of the tables, and return the runs that had any."""
        removed = set[str]()
        for table in _TABLES[kind]:
            contents = self.tables.contents(table)
            found = {_first(path) for path in contents.paths}.intersection(names) if contents else set()
            if found:
                self.tables.remove(table, lambda path: _first(path) in names)
            removed |= found
        return removed

    def _restart(self, mark: StoredFile) -> None:
        """Let the time begin now, also for a mark whose removal was interrupted long ago."""
        content = self.store.read(mark.key)
        if content is not None:
            with suppress(OutdatedError):
                self.store.replace(mark.key, b"", content.tag)

    def _remove_content(self, kind: Kind, folder: str) -> None:
        prefixes = [f"{table}/{data_folder(folder)}/" for table in (*_TABLES[kind], CURRENT)]
        private = f"{PRIVATE_RUNS}{folder}/"
        for prefix in [*prefixes, private] if kind == "all" else prefixes:
            self.store.remove([file.key for file in self.store.files(prefix)])


def _mark_key(kind: Kind, folder: str) -> str:
    return f"{REMOVED}{kind}/{folder}"


def _name(mark: StoredFile) -> str:
    return mark.key.rpartition("/")[2]


def _first(path: str) -> str:
    return path.partition("/")[0]
