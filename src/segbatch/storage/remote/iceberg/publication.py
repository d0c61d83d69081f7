"""Runs published as Iceberg tables."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import PublishError, UsageError
from segbatch.snapshot.arrow.polars_types import describe_arrow_type
from segbatch.storage.id_types import stored_type
from segbatch.storage.layout import MEMBERSHIP
from segbatch.storage.remote.iceberg.keys import ROWS, data_key, key_of
from segbatch.storage.remote.iceberg.lazy_store import LazyStore
from segbatch.storage.remote.iceberg.removal import Removal
from segbatch.storage.remote.iceberg.tables import IcebergTables
from segbatch.storage.remote.large_tables import CHANGES_TABLE, PRIVATE_RUNS, data_folder, large_schemas
from segbatch.storage.remote.publication import NewRun, Pointer, StoredRun, is_published, stored_runs
from segbatch.storage.remote.small_tables import CURRENT, small_tables
from segbatch.storage.remote.store import OutdatedError, Store
from segbatch.storage.run_files import is_changes, is_membership, written_files

_TEXT = pa.string()
_INSTEAD = "export them as text, or publish to a folder or plain Parquet files (--output)"

_CURRENT_SCHEMA = pa.schema(
    [
        ("publication", _TEXT),
        ("publication_number", pa.int64()),
        ("run_number", pa.int64()),
        ("run_id", _TEXT),
        ("as_of", pa.timestamp("us")),
    ]
)


class IcebergPublication:
    """Tables in a namespace of a catalog. It implements `Publication`, which describes the methods."""

    has_tables = True

    def __init__(self, tables: IcebergTables) -> None:
        """Create the publication without sending requests."""
        self._tables = tables

    @property
    def name(self) -> str:
        return self._tables.address

    @cached_property
    def store(self) -> Store:
        return LazyStore(
            self.name,
            lambda: self._tables.location(CURRENT),
            lambda: self._tables.location(CURRENT, create=_CURRENT_SCHEMA),
        )

    def key(self, folder: str, path: str) -> str:
        return key_of(folder, path)

    def folders(self) -> Mapping[str, StoredRun]:
        found = stored_runs(self.store.files(PRIVATE_RUNS), PRIVATE_RUNS)
        prefix = f"{CHANGES_TABLE}/data/"
        changes = stored_runs(self.store.files(prefix), prefix)
        for folder, run in found.items():
            more = changes.get(data_folder(folder))
            if more is not None:
                found[folder] = StoredRun({**run.files, **more.files}, max(run.modified, more.modified))
        return found

    def pointer(self) -> Pointer:
        return self._current()[0]

    def publish(self, new: NewRun, before: Pointer) -> None:
        now, number = self._current()
        if now.folder == new.folder:
            return
        if now != before:
            raise OutdatedError
        location = self._location()
        self._append_large(new, location)
        small = small_tables(new, number + 1, before.folder)
        for name, rows in small.items():
            if name != CURRENT:
                self._append_small(name, rows, new.folder, location)
        self._point(new.folder, small[CURRENT], before)

    def retire(self, folders: Collection[str]) -> None:
        self._removal.retire(self._unreachable(folders))

    def discard(self, folders: Collection[str]) -> None:
        self._removal.discard(self._unreachable(folders))

    def check_id_type(self, id_type: pa.DataType) -> None:
        """Check that the tables can have contact ids of a type.

        Args:
            id_type: The type that the run keeps its ids in.

        Raises:
            UsageError: Iceberg has no such type.
            PublishError: The tables have ids of another type, or cannot be read.
        """
        _ensure_supported(self.name, id_type)
        self._tables.ensure_types(MEMBERSHIP, large_schemas(id_type)[MEMBERSHIP])

    @property
    def _removal(self) -> Removal:
        return Removal(self.store, self._tables)

    def _unreachable(self, folders: Collection[str]) -> Sequence[str]:
        """Return runs without the published one, which must never be removed."""
        published = self.pointer().folder if folders else None
        return sorted({folder for folder in folders if folder != published})

    def _current(self) -> tuple[Pointer, int]:
        """Return the published run, and its publication number; 0 if nothing was published yet."""
        snapshot, rows = self._tables.rows(CURRENT)
        if snapshot is None:
            return Pointer(None, None), 0
        if len(rows) != 1 or not isinstance(rows[0].get("publication"), str):
            remedy = "restore the table, or publish elsewhere (--output)"
            raise PublishError(f"{self.name}: the table 'current' is damaged; {remedy}")
        row: Mapping[str, Any] = rows[0]
        return Pointer(row["publication"], str(snapshot)), row["publication_number"]

    def _location(self) -> str:
        location = self._tables.location(CURRENT, create=_CURRENT_SCHEMA)
        if location is None:
            raise PublishError(f"{self.name}: the table 'current' was removed meanwhile; run again")
        return location

    def _append_large(self, new: NewRun, location: str) -> None:
        """Append the files of the changes and of the membership to their tables, as the run wrote them."""
        membership, changes = (written_files(new.manifest, kind) for kind in (is_membership, is_changes))
        files = {
            name: [f"{location}/{key_of(new.folder, file.path)}" for file in written if file.rows]
            for name, written in ((MEMBERSHIP, membership), (CHANGES_TABLE, changes))
        }
        id_type = pq.read_schema(new.staged / membership[0].path).field("contact_id").type
        _ensure_supported(self.name, id_type)
        for name, schema in large_schemas(id_type).items():
            self._tables.append(self._tables.ensure(name, schema, f"{location}/{name}"), files[name], new.folder)

    def _append_small(self, name: str, rows: pa.Table, folder: str, location: str) -> None:
        """Append the rows of a run to a small table."""
        key, files = data_key(name, folder, ROWS), list[str]()
        if rows.num_rows:
            with tempfile.TemporaryDirectory(prefix="segbatch-") as temporary:
                file = Path(temporary) / ROWS
                pq.write_table(rows, file, compression="zstd", store_schema=False)
                self.store.upload(file, key)
            files.append(f"{location}/{key}")
        self._tables.append(self._tables.ensure(name, rows.schema, f"{location}/{name}"), files, folder)

    def _point(self, folder: str, rows: pa.Table, before: Pointer) -> None:
        """Replace the row of `current`, which publishes the run.

        Raises:
            OutdatedError: Another run was published meanwhile.
            PublishError: The catalog refused. The run is not published, unless the message says that it may be.
        """
        try:
            self._tables.replace(CURRENT, rows, folder, None if before.version is None else int(before.version))
        except (OutdatedError, PublishError):
            if not is_published(self, folder):
                raise


def _ensure_supported(address: str, id_type: pa.DataType) -> None:
    """Check that an Iceberg table can have contact ids of a type.

    Args:
        address: The output, for the message.
        id_type: The type that the ids are kept in.

    Raises:
        UsageError: Iceberg has no such type.
    """
    own = stored_type(id_type)
    is_number = own == pa.int64() or pa.types.is_decimal128(own)
    is_bytes = pa.types.is_binary(own) or pa.types.is_fixed_size_binary(own)
    if not (is_number or is_bytes or own in {_TEXT, pa.uuid()}):
        message = f"an Iceberg table cannot have contact ids of the type {describe_arrow_type(own)}"
        raise UsageError(f"{address}: {message}; {_INSTEAD}")
