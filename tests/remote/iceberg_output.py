"""An output in an Iceberg catalog, to which the runs of a local output are published."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.storage.layout import CHANGES, HISTORY, MANIFEST, MEMBERSHIP
from segbatch.storage.manifest_io import read_history_of
from segbatch.storage.remote.iceberg.publication import IcebergPublication
from segbatch.storage.remote.iceberg.tables import IcebergTables
from segbatch.storage.remote.publication import NewRun, Pointer
from workspace import Workspace

from .table_readers import TABLES, Rows, open_views


@dataclass(frozen=True, slots=True)
class IcebergOutput:
    workspace: Workspace
    catalog: str = "prod"
    namespace: str = "audiences"

    @property
    def tables(self) -> IcebergTables:
        return IcebergTables(self.catalog, self.namespace)

    def publication(self, tables: IcebergTables | None = None) -> IcebergPublication:
        return IcebergPublication(tables or self.tables)

    def staged(self, folder: str) -> NewRun:
        """Return a run of the local output, with files as runs write them for tables."""
        place = self.workspace.place(folder)
        staged = self.workspace.folder / "staged" / folder
        if not staged.exists():
            shutil.copytree(place, staged)
            for path in [*(staged / MEMBERSHIP).iterdir(), staged / CHANGES]:
                _add_publication(path, folder)
        return NewRun(folder, staged, self.workspace.manifest(folder), read_history_of(place))

    def upload(self, folder: str) -> NewRun:
        """Upload the files of a run, as the target does."""
        new, publication = self.staged(folder), self.publication()
        for path in [*(file.path for file in new.manifest.files), MANIFEST, HISTORY]:
            publication.store.upload(new.staged / path, publication.key(folder, path))
        return new

    def publish(self, *folders: str) -> None:
        for folder in folders:
            publication = self.publication()
            publication.publish(self.upload(folder), publication.pointer())

    def pointer(self) -> Pointer:
        return self.publication().pointer()

    def read(self, name: str) -> pa.Table:
        table = self.tables.load(name)
        assert table is not None
        return table.scan().to_arrow()

    def ask(self, sql: str) -> Rows:
        """Run a query over the views, as another program reads them."""
        return open_views(self.read)(sql)

    def sizes(self) -> dict[str, int]:
        """Return the number of rows of each table, of all runs."""
        return {name: self.read(name).num_rows for name in TABLES if self.tables.load(name)}

    def root(self) -> Path:
        """Return the folder of the tables on the disk."""
        return Path(str(self.tables.location("current")).removeprefix("file://"))


def _add_publication(file: Path, folder: str) -> None:
    table = pq.read_table(file)
    texts = pa.array([folder] * table.num_rows, pa.string())
    pq.write_table(table.append_column("publication", texts), file, store_schema=False)
