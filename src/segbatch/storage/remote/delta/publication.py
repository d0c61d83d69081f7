"""Runs published as Delta tables."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import PublishError, UsageError
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import MEMBERSHIP
from segbatch.storage.remote.delta.keys import PART, data_path, key_of, run_file
from segbatch.storage.remote.delta.removal import Removal
from segbatch.storage.remote.delta.tables import Actions, Contents, DeltaTables, add_action
from segbatch.storage.remote.large_tables import CHANGES_TABLE, PRIVATE_RUNS, data_folder, large_schemas
from segbatch.storage.remote.publication import NewRun, Pointer, StoredRun, is_published, stored_runs
from segbatch.storage.remote.small_tables import CURRENT, read_rows, small_tables
from segbatch.storage.remote.store import OutdatedError, Store
from segbatch.storage.run_files import is_changes, is_membership, written_files

_FIRST_ENTRY = f"_delta_log/{0:020}.json"
_POINTER = ["publication", "publication_number"]
_INSTEAD = "export them as text, or publish to a folder or plain Parquet files (--output)"


@dataclass(frozen=True, slots=True)
class DeltaPublication:
    """Delta tables below a path. It implements `Publication`, which describes the methods.

    Attributes:
        store: The store with the path as its root.
    """

    store: Store
    tables: DeltaTables

    @property
    def has_tables(self) -> bool:
        return True

    def check_id_type(self, id_type: pa.DataType) -> None:
        _ensure_supported(self.name, id_type)
        table = self.tables.open(MEMBERSHIP)
        if table is not None:
            _ensure_same(self.name, pa.schema(table.schema().to_arrow()), id_type)

    @property
    def name(self) -> str:
        return self.tables.address

    def key(self, folder: str, path: str) -> str:
        return key_of(folder, path)

    def folders(self) -> Mapping[str, StoredRun]:
        prefixes = (PRIVATE_RUNS, f"{MEMBERSHIP}/", f"{CHANGES_TABLE}/")
        files = [file for prefix in prefixes for file in self.store.files(prefix)]
        of_runs = [replace(file, key="/".join(found)) for file in files if (found := run_file(file.key))]
        runs = stored_runs(of_runs, "")
        for name, mark in self._removal.marks():
            runs[name] = replace(runs.get(name, StoredRun({}, mark.modified)), is_removed=True)
        return runs

    def pointer(self) -> Pointer:
        return self._current()[0]

    def publish(self, new: NewRun, before: Pointer) -> None:
        now, number = self._current()
        if now.folder == new.folder:
            return
        if now != before:
            raise OutdatedError
        self._append_large(new)
        small = small_tables(new, number + 1, before.folder)
        for name, rows in small.items():
            if name != CURRENT:
                self.tables.append(
                    name, rows.schema, [_path(new.folder)], partial(self._upload, name, rows, new.folder)
                )
        self._point(new.folder, small[CURRENT], before)

    def retire(self, folders: Collection[str]) -> None:
        files = self.store.files(f"{MEMBERSHIP}/")
        names = {file.key.split("/")[1] for file in files}
        some = [folder for folder in self._unreachable(folders) if data_folder(folder) in names]
        self._removal.begin("members", some)

    def discard(self, folders: Collection[str]) -> None:
        self._removal.begin("all", self._unreachable(folders))

    @property
    def _removal(self) -> Removal:
        return Removal(self.store, self.tables)

    def _unreachable(self, folders: Collection[str]) -> Collection[str]:
        """Return runs without the published one, which must never be removed."""
        published = self.pointer().folder
        return sorted({folder for folder in folders if folder != published})

    def _current(self) -> tuple[Pointer, int]:
        """Return the published run, and its publication number; 0 if nothing was published yet."""
        found = self._files_of_current()
        if found is None or not found.paths:
            return Pointer(None, None), 0
        rows = [row for path in found.paths for row in self._read(path)]
        if len(rows) != 1:
            raise self._damaged()
        return Pointer(rows[0]["publication"], str(found.version)), rows[0]["publication_number"]

    def _files_of_current(self) -> Contents | None:
        try:
            return self.tables.contents(CURRENT)
        except PublishError:
            self.store.read(
                f"{CURRENT}/{_FIRST_ENTRY}"
            )  # its errors tell causes apart, which those of deltalake do not
            raise

    def _read(self, path: str) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a file of `current`."""
        content = self.store.read(f"{CURRENT}/{path}")
        try:
            return [] if content is None else read_rows(content.data, _POINTER)
        except (pa.ArrowException, OSError):
            raise self._damaged() from None

    def _damaged(self) -> PublishError:
        remedy = "restore the table, or publish elsewhere (--output)"
        return PublishError(f"{self.name}: the table 'current' is damaged; {remedy}")

    def _append_large(self, new: NewRun) -> None:
        """Append the files of the membership and of the changes to their tables, as the run wrote them."""
        kinds = {MEMBERSHIP: is_membership, CHANGES_TABLE: is_changes}
        files = {name: [file.path for file in written_files(new.manifest, kind)] for name, kind in kinds.items()}
        for name, schema in large_schemas(self._id_type(new.staged / files[MEMBERSHIP][0])).items():
            paths = {data_path(new.folder, path): new.staged / path for path in files[name]}
            self.tables.append(name, schema, [*paths], partial(_add_actions, paths))

    def _id_type(self, file: Path) -> pa.DataType:
        id_type = pq.read_schema(file).field("contact_id").type
        _ensure_supported(self.name, id_type)
        return id_type

    def _upload(self, name: str, rows: pa.Table, folder: str) -> Actions:
        """Upload the rows of a run for a small table, and return the entry for the log of the table."""
        with tempfile.TemporaryDirectory(prefix="segbatch-") as temporary:
            file = Path(temporary) / PART
            pq.write_table(rows, file, compression="zstd", store_schema=False)
            self.store.upload(file, f"{name}/{_path(folder)}")
            return [add_action(file, _path(folder))]

    def _point(self, folder: str, rows: pa.Table, before: Pointer) -> None:
        """Replace the row of `current`, which publishes the run.

        Raises:
            OutdatedError: Another run was published meanwhile.
            PublishError: The storage refused. The run is not published, unless the message says that it may be.
        """
        self.tables.ensure(CURRENT, rows.schema)
        actions = self._upload(CURRENT, rows, folder)
        try:
            self.tables.replace(CURRENT, rows.schema, actions, int(before.version or 0))
        except (OutdatedError, PublishError):
            if not is_published(self, folder):
                raise


def _ensure_supported(address: str, id_type: pa.DataType) -> None:
    """Check that a Delta table can have contact ids of a type.

    Args:
        address: The output, for the message.
        id_type: The type that the ids are kept in.

    Raises:
        UsageError: Delta has no such type.
    """
    own = stored_type(id_type)
    is_number = own == pa.int64() or pa.types.is_decimal128(own)
    if not (is_number or own == pa.string() or pa.types.is_binary(own)):
        message = f"each contact id is {describe_arrow_type(own)}, which a Delta table cannot store"
        raise UsageError(f"{address}: {message}; {_INSTEAD}")


def _ensure_same(address: str, schema: pa.Schema, id_type: pa.DataType) -> None:
    """Check that a table has contact ids of a type.

    Args:
        address: The output, for the message.
        schema: The columns of `membership`.
        id_type: The type that the run keeps its ids in.

    Raises:
        UsageError: The table has another type.
    """
    was, now = schema.field("contact_id").type, stored_type(id_type)
    if was != now:
        message = f"each contact id in the tables is {describe_arrow_type(was)}, and in this run"
        remedy = "export them as before, or publish elsewhere (--output)"
        raise UsageError(f"{address}: {message} {describe_arrow_type(now)}; {remedy}")


def _add_actions(files: Mapping[str, Path]) -> Actions:
    return [add_action(file, path) for path, file in files.items()]


def _path(folder: str) -> str:
    """Return the path of the file of a run in a small table."""
    return f"{data_folder(folder)}/{PART}"
