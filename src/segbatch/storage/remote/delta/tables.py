"""The Delta tables of an output: opening them, and commits of files that are already stored, with their log entries.

Each commit is a conditional write of the next entry of a table's log. If another process commits first, the commit is
prepared again from the new state of the table, or refused. Each commit increases the number of the application
`segbatch` in the table, which deltalake compares as well.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from segbatch.errors import PublishError
from segbatch.storage.remote.store import OutdatedError

_APPLICATION = "segbatch"
_CHECK = "check the permissions and the connection, and run again"

_WITH_RANGES = {"publication", "run_id", "segment_id"}
"""Columns whose smallest and largest values are in the log, so that readers can skip files of other runs."""

Actions = Sequence[AddAction | RemoveAction]


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a version of a table.

    Attributes:
        paths: The paths of the files, relative to the table.
    """

    version: int
    paths: frozenset[str]


@dataclass(frozen=True, slots=True)
class DeltaTables:
    """The tables below a path.

    Attributes:
        address: The path as a user would write it, for messages.
        root: The path or URL for deltalake.
        options: Returns the options for object storage, which may need requests; None for a disk.
    """

    address: str
    root: str
    options: Callable[[], dict[str, str] | None] = lambda: None

    def open(self, name: str) -> DeltaTable | None:
        """Open the newest version of a table; None if there is no such table.

        Raises:
            PublishError: The log of the table cannot be read.
        """
        with self._translate_errors(f"the table '{name}' cannot be read; {_CHECK}"):
            try:
                return DeltaTable(self._path(name), storage_options=self.options())
            except TableNotFoundError:
                return None

    def contents(self, name: str) -> Contents | None:
        """Return the files of the newest version of a table; None if there is no such table.

        Raises:
            PublishError: The log of the table cannot be read.
        """
        table = self.open(name)
        return None if table is None else Contents(table.version(), _paths(table))

    def ensure(self, name: str, schema: pa.Schema) -> DeltaTable:
        """Open a table, and create it if missing.

        Raises:
            PublishError: The table has other columns, or cannot be read or created.
        """
        table = self.open(name) or self._create(name, schema)
        if pa.schema(table.schema().to_arrow()) != _plain(schema):
            message = f"the table '{name}' has other columns than this version of segbatch writes for these contacts"
            raise PublishError(f"{self.address}: {message}; nothing was published; publish elsewhere (--output)")
        return table

    def append(self, name: str, schema: pa.Schema, paths: Sequence[str], prepare: Callable[[], Actions]) -> None:
        """Add files to a table in one step, unless they are in the table. The table is created if missing.

        Args:
            paths: The paths of the files, relative to the table.
            prepare: Uploads the files if necessary, and returns their entries for the log.

        Raises:
            PublishError: The table cannot be read or written, or has other columns.
        """
        table = self.ensure(name, schema)
        if not _paths(table).issuperset(paths):
            actions = prepare()
            self._commit(name, lambda now: [] if _paths(now).issuperset(paths) else actions)

    def remove(self, name: str, is_old: Callable[[str], bool]) -> None:
        """Remove files from a table in one step. Their content stays in the store.

        Args:
            is_old: Whether the file with a path is to be removed.

        Raises:
            PublishError: The table cannot be read or written.
        """
        if self.open(name) is not None:
            self._commit(name, lambda now: _removals(now, is_old))

    def replace(self, name: str, schema: pa.Schema, actions: Actions, version: int) -> None:
        """Replace all files of a table by others in one step, if the table still has a version.

        Raises:
            OutdatedError: The table has another version.
            PublishError: The table cannot be read or written.
        """
        table = self.ensure(name, schema)
        if table.version() != version:
            raise OutdatedError
        if not self._try_commit(name, table, actions, "overwrite"):
            if self._version(name) == version:
                raise self._refused(name)
            raise OutdatedError

    def _create(self, name: str, schema: pa.Schema) -> DeltaTable:
        path, options = self._path(name), self.options()
        with self._translate_errors(self._unwritable(name)):
            try:
                return DeltaTable.create(path, _plain(schema), mode="error", storage_options=options)
            except DeltaError:  # another process may have created it meanwhile
                return DeltaTable(path, storage_options=options)

    def _commit(self, name: str, actions_for: Callable[[DeltaTable], Actions]) -> None:
        """Append to the log, again if another process commits first. Every commit that fails has one that succeeds."""
        tried = None
        while (table := self.open(name)) is not None and (actions := actions_for(table)):
            if table.version() == tried:
                raise self._refused(name)
            tried = table.version()
            if self._try_commit(name, table, actions, "append"):
                break

    def _try_commit(self, name: str, table: DeltaTable, actions: Actions, mode: str) -> bool:
        """Append to the log of the version that was opened, and return whether it was still the newest one."""
        number = (table.transaction_version(_APPLICATION) or 0) + 1
        properties = CommitProperties(max_commit_retries=0, app_transactions=[Transaction(_APPLICATION, number)])
        with self._translate_errors(self._unwritable(name)):
            try:
                table.create_write_transaction(list(actions), mode, table.schema(), commit_properties=properties)
            except CommitFailedError:
                return False
        return True

    def _version(self, name: str) -> int | None:
        table = self.open(name)
        return None if table is None else table.version()

    def _refused(self, name: str) -> PublishError:
        return PublishError(f"{self.address}: {self._unwritable(name)}")

    def _unwritable(self, name: str) -> str:
        return f"the table '{name}' cannot be written; {_CHECK}"

    def _path(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    @contextmanager
    def _translate_errors(self, message: str) -> Iterator[None]:
        """Translate errors of deltalake, whose messages are paragraphs and may contain parts of addresses."""
        try:
            yield
        except (DeltaError, OSError, ValueError):
            raise PublishError(f"{self.address}: {message}") from None


def add_action(file: Path, path: str) -> AddAction:
    """Return the entry for the log of a table that adds a Parquet file.

    Args:
        file: The file on this machine, with the content of the one in the table.
        path: The path in the table.
    """
    footer = pq.read_metadata(file)
    ranges = {name: found for name, found in _ranges(footer) if found is not None}
    statistics = {
        "numRecords": footer.num_rows,
        "minValues": {name: smallest for name, (smallest, _) in ranges.items()},
        "maxValues": {name: largest for name, (_, largest) in ranges.items()},
        "nullCount": dict.fromkeys(ranges, 0),
    }
    return AddAction(
        path=path,
        size=file.stat().st_size,
        partition_values={},
        modification_time=time.time_ns() // 1_000_000,
        data_change=True,
        stats=json.dumps(statistics),
    )


def _paths(table: DeltaTable) -> frozenset[str]:
    return frozenset(map(unquote, pa.table(table.get_add_actions()).column("path").to_pylist()))


def _removals(table: DeltaTable, is_old: Callable[[str], bool]) -> Sequence[RemoveAction]:
    """Return the entries for the log that remove files."""
    now = pa.table(table.get_add_actions()).select(["path", "size_bytes", "modification_time"]).to_pylist()
    removed_at = time.time_ns() // 1_000_000
    return [
        RemoveAction(row["path"], True, removed_at, row["size_bytes"], {})  # noqa: FBT003 - their content is removed as well
        for row in now
        if is_old(unquote(row["path"]))
    ]


def _plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema as deltalake returns it."""
    return pa.schema([pa.field(one.name, one.type) for one in schema])


def _ranges(footer: pq.FileMetaData) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Yield the smallest and largest value of each column with texts that are never null, as far as known."""
    for index in range(footer.num_columns):
        name = footer.schema.column(index).name
        groups = [footer.row_group(number).column(index) for number in range(footer.num_row_groups)]
        if name in _WITH_RANGES and footer.num_rows:
            yield name, _range([group.statistics for group in groups if group.num_values])


def _range(statistics: list[pq.Statistics | None]) -> tuple[str, str] | None:
    if any(one is None or not one.has_min_max or one.null_count for one in statistics):
        return None
    known = [one for one in statistics if one is not None]
    smallest = min((one.min for one in known), key=str.encode)
    return smallest, max((one.max for one in known), key=str.encode)
