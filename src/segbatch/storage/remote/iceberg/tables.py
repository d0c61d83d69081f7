"""The tables of an output in the namespace of an Iceberg catalog."""

import logging
import time
import warnings
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segbatch.errors import PublishError, SegbatchError, UsageError
from segbatch.snapshot.lakehouse.iceberg import storage_properties
from segbatch.storage.remote.small_tables import read_rows
from segbatch.storage.remote.store import OutdatedError
from segbatch.text import clipped

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

PUBLICATION = "publication"
PROPERTY = "segbatch.publication"
"""The property of a snapshot with the folder name of the run that it added."""

_RETRIES = "commit.retry.num-retries"
_NO_RETRY = {_RETRIES: "0"}
"""pyiceberg repeats a commit that another one overtook. To replace the row of `current`, it must not."""

_APPENDED = {
    _RETRIES: "20",
    "commit.retry.max-wait-ms": "2000",
    "commit.manifest-merge.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.metrics.column.contact_id": "none",
    "write.metadata.metrics.column.publication": "full",  # if it were cut, removing a run would read all files
}


@dataclass(frozen=True)
class IcebergTables:
    """The tables in a namespace. Every method raises `PublishError` if the catalog or the storage refuses.

    Attributes:
        catalog: The name of the catalog in the configuration of pyiceberg.
        namespace: The namespace, with `.` between its parts.
    """

    catalog: str
    namespace: str

    @property
    def address(self) -> str:
        """The output as a user would write it."""
        return f"iceberg://{self.catalog}/{self.namespace}"

    @cached_property
    def _client(self) -> "Catalog":
        try:
            from pyiceberg.catalog import load_catalog  # noqa: PLC0415 - optional, and slow to load
        except ImportError:
            hint = "run: pip install 'segbatch[iceberg]'"
            message = "Iceberg tables are written with pyiceberg, which is not installed"
            raise UsageError(f"{self.address}: {message}; {hint}") from None
        with self._translated():
            client = load_catalog(self.catalog, **storage_properties(self.catalog))
        logging.getLogger("pyiceberg").addHandler(logging.NullHandler())  # it warns of commits that it repeats
        weakref.finalize(self, client.close)
        return client

    def load(self, name: str) -> "Table | None":
        """Return a table with its newest metadata; None if it does not exist."""
        client = self._client
        with self._translated():
            from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError  # noqa: PLC0415 - optional

            try:
                return client.load_table(f"{self.namespace}.{name}")
            except (NoSuchTableError, NoSuchNamespaceError):
                return None

    def location(self, name: str, *, create: pa.Schema | None = None) -> str | None:
        """Return the location of the folder that the tables are in: the one of a table without its last part.

        Args:
            create: The columns of the table, to create the namespace and the table if they do not exist.
        """
        table = self.load(name)
        if table is None and create is not None:
            with self._translated():
                self._client.create_namespace_if_not_exists(tuple(self.namespace.split(".")))
                self._client.create_table_if_not_exists(f"{self.namespace}.{name}", create, properties=_NO_RETRY)
            table = self.load(name)
        return None if table is None else table.location().rstrip("/").rpartition("/")[0]

    def ensure(self, name: str, schema: pa.Schema, location: str) -> "Table":
        """Return a table that is partitioned by publication. Create it, or add columns to it, if necessary.

        Raises:
            PublishError: A column of the table has another type.
        """
        table = self.load(name)
        if table is None:
            own = _iceberg_schema(schema)
            properties = {**_APPENDED, "schema.name-mapping.default": own.name_mapping.model_dump_json()}
            with self._translated():
                self._client.create_table_if_not_exists(
                    f"{self.namespace}.{name}", own, location, _partitions(own), properties=properties
                )
            table = self.load(name)
            if table is None:
                raise PublishError(f"{self.address}: the table '{name}' was removed meanwhile; run again")
        self._ensure_types(name, table, schema)
        if set(schema.names) - {field.name for field in table.schema().fields}:
            with self._translated(), table.update_schema() as update:
                update.union_by_name(schema)
        return table

    def ensure_types(self, name: str, schema: pa.Schema) -> None:
        """Check that a table, if it exists, can have rows of a schema.

        Raises:
            PublishError: A column of the table has another type.
        """
        table = self.load(name)
        if table is not None:
            self._ensure_types(name, table, schema)

    def _ensure_types(self, name: str, table: "Table", schema: pa.Schema) -> None:
        own = {field.name: field.field_type for field in table.schema().fields}
        for field in _iceberg_schema(schema).fields:
            found = own.get(field.name, field.field_type)
            if found != field.field_type and found.is_primitive:
                message = f"the column '{field.name}' of the table '{name}' has the type {found}"
                remedy = "export as before, or publish elsewhere (--output)"
                raise PublishError(f"{self.address}: {message}, and the run has {field.field_type}; {remedy}")

    def append(self, table: "Table", files: Sequence[str], publication: str) -> None:
        """Add files to a table by their location, unless the table has a snapshot that added them."""
        if files and not _has_added(table, publication):
            with self._translated(), _quiet():
                table.add_files([*files], {PROPERTY: publication}, check_duplicate_files=False)

    def replace(self, name: str, rows: pa.Table, publication: str, before: int | None) -> None:
        """Replace all rows of a table, if its snapshot is still the one that the caller read.

        Raises:
            OutdatedError: The table has another snapshot.
            PublishError: The catalog or the storage refused. The message does not say whether the rows are replaced.
        """
        table = self.load(name)
        if table is None or table.metadata.current_snapshot_id != before:
            raise OutdatedError
        with self._translated():
            if table.properties.get(_RETRIES) != _NO_RETRY[_RETRIES]:
                table.transaction().set_properties(_NO_RETRY).commit_transaction()
        properties = {PROPERTY: publication}
        with self._translated(is_conditional=True), _quiet():
            if before is None:
                table.append(rows, properties)
            else:
                table.overwrite(rows, snapshot_properties=properties)

    def rows(self, name: str) -> tuple[int | None, Sequence[Mapping[str, Any]]]:
        """Return the snapshot of a small table, and its rows."""
        table = self.load(name)
        snapshot = None if table is None else table.metadata.current_snapshot_id
        if table is None or snapshot is None:
            return None, []
        with self._translated():
            rows = list[Mapping[str, Any]]()
            for task in table.scan(snapshot_id=snapshot).plan_files():
                with table.io.new_input(task.file.file_path).open() as file:
                    rows += read_rows(file.read())
            return snapshot, rows

    def remove(self, name: str, publications: Collection[str]) -> None:
        """Remove the files of publications from a table, without reading or writing data files."""
        from pyiceberg.expressions import In  # noqa: PLC0415 - optional

        table = self.load(name)
        if table is not None and table.current_snapshot() is not None:
            with self._translated(), _quiet():
                table.delete(In(term=PUBLICATION, literals={*publications}))

    def expire(self, name: str, wait: timedelta) -> Collection[str]:
        """Remove snapshots that were replaced before some time, and return the files of all remaining snapshots."""
        table = self.load(name)
        if table is None:
            return ()
        limit = (time.time() - wait.total_seconds()) * 1000
        with self._translated():
            log = table.history()
            old = {one.snapshot_id for one, following in pairwise(log) if following.timestamp_ms < limit}
            known = {one.snapshot_id for one in table.snapshots()} - {table.metadata.current_snapshot_id}
            if old & known:
                table.maintenance.expire_snapshots().by_ids(sorted(old & known)).commit()
            return _files(table)

    @contextmanager
    def _translated(self, *, is_conditional: bool = False) -> Iterator[None]:
        """Translate errors of catalogs. Their messages may have addresses and credentials, so they are not passed on.

        Args:
            is_conditional: Whether a commit that another one overtook is an `OutdatedError`.

        Raises:
            OutdatedError: Another commit came first.
            PublishError: The catalog or the storage refused, or others kept changing a table.
        """
        from pyiceberg.exceptions import (  # noqa: PLC0415 - optional
            CommitFailedException,
            NotInstalledError,
            ValidationException,
        )

        try:
            yield
        except SegbatchError:
            raise
        except (CommitFailedException, ValidationException):
            if is_conditional:
                raise OutdatedError from None
            raise PublishError(f"{self.address}: other processes kept changing a table; run again") from None
        except NotInstalledError:
            hint = "install pyiceberg with its extra for this kind of catalog, such as 'pyiceberg[sql-postgres]'"
            message = f"the catalog '{clipped(self.catalog)}' needs a package that is not installed"
            raise UsageError(f"{self.address}: {message}; {hint}") from None
        except Exception as error:  # noqa: BLE001 - catalogs use many libraries, each with errors of its own
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> SegbatchError:
        catalog = clipped(self.catalog)
        if str(error).startswith("URI missing"):
            hint = f"set PYICEBERG_CATALOG__{catalog.upper()}__URI, or add the catalog to ~/.pyiceberg.yaml"
            return UsageError(f"{self.address}: the catalog '{catalog}' is not configured; {hint}")
        reason = f"the catalog '{catalog}' or the storage of its tables refused ({type(error).__name__})"
        hint = "check the configuration of the catalog, its credentials and the network"
        return PublishError(f"{self.address}: {reason}; {hint}")


def _iceberg_schema(schema: pa.Schema) -> "Schema":
    from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids  # noqa: PLC0415 - optional
    from pyiceberg.schema import assign_fresh_schema_ids  # noqa: PLC0415 - optional

    return assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(schema))


def _partitions(schema: "Schema") -> "PartitionSpec":
    """Return the partitions of a table: one per publication, which readers skip without opening its files."""
    from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec  # noqa: PLC0415 - optional
    from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415 - optional

    source = schema.find_field(PUBLICATION).field_id
    return PartitionSpec(PartitionField(source, PARTITION_FIELD_ID_START, IdentityTransform(), PUBLICATION))


def _has_added(table: "Table", publication: str) -> bool:
    summaries = (snapshot.summary for snapshot in table.snapshots())
    return any(summary is not None and summary.get(PROPERTY) == publication for summary in summaries)


def _files(table: "Table") -> Collection[str]:
    manifests = {one.manifest_path: one for snapshot in table.snapshots() for one in snapshot.manifests(table.io)}
    entries = (entry for one in manifests.values() for entry in one.fetch_manifest_entry(table.io))
    return {entry.data_file.file_path for entry in entries}


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings of pyiceberg about deletions that match nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
