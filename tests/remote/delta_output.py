"""An output in Delta below a folder, to which the runs of a local output are published."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from segbatch.storage.layout import CHANGES, HISTORY, MANIFEST, MEMBERSHIP, STATE
from segbatch.storage.manifest_io import read_history_of
from segbatch.storage.remote.delta.publication import DeltaPublication
from segbatch.storage.remote.delta.tables import DeltaTables
from segbatch.storage.remote.publication import NewRun, Pointer
from workspace import Workspace

from .directory_store import DirectoryStore
from .table_readers import Rows, open_views


@dataclass(frozen=True, slots=True)
class DeltaOutput:
    workspace: Workspace
    place: Path
    tables: DeltaTables = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", DeltaTables(f"delta+{self.place}", str(self.place)))

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore(self.place)

    def publication(self, tables: DeltaTables | None = None) -> DeltaPublication:
        return DeltaPublication(self.store, tables or self.tables)

    def staged(self, folder: str) -> NewRun:
        """Return a run of the local output, with files as runs write them for tables."""
        place = self.workspace.place(folder)
        staged = self.workspace.folder / "staged" / folder
        if not staged.exists():
            shutil.copytree(place, staged)
            for path in [*(staged / MEMBERSHIP).iterdir(), staged / CHANGES]:
                _add_columns(path, self.workspace.manifest(folder).run.run_id, folder)
        return NewRun(folder, staged, self.workspace.manifest(folder), read_history_of(place))

    def upload(self, folder: str) -> NewRun:
        """Upload the files of a run, as the target does."""
        new = self.staged(folder)
        publication = self.publication()
        names = [file.path for file in new.manifest.files]
        for path in {*names, STATE, MANIFEST, HISTORY}:
            self.store.upload(new.staged / path, publication.key(folder, path))
        return new

    def upload_as(self, folder: str, name: str) -> NewRun:
        """Upload the files of a run under another folder name, as of another try."""
        new = replace(self.staged(folder), folder=name)
        for file in new.manifest.files:
            if file.path != STATE:
                shown = new.staged.with_name(name) / file.path
                shown.parent.mkdir(parents=True, exist_ok=True)
                table = pq.read_table(new.staged / file.path)
                names = pa.array([name] * table.num_rows, pa.string())
                table = table.set_column(table.schema.get_field_index("publication"), "publication", names)
                pq.write_table(table, shown, store_schema=False)
                self.store.upload(shown, self.publication().key(name, file.path))
        return replace(new, staged=new.staged.with_name(name))

    def publish(self, *folders: str) -> None:
        for folder in folders:
            publication = self.publication()
            publication.publish(self.upload(folder), publication.pointer())

    def pointer(self) -> Pointer:
        return self.publication().pointer()

    def read(self, name: str) -> pa.Table:
        return DeltaTable(self.place / name).to_pyarrow_table()

    def ask(self, sql: str) -> Rows:
        return open_views(self.read)(sql)

    def sizes(self) -> dict[str, int]:
        """Return the number of rows of each table, of all runs."""
        return {path.name: self.read(path.name).num_rows for path in self.place.iterdir() if path.name[0] != "_"}


def _add_columns(file: Path, run_id: str, folder: str) -> None:
    table = pq.read_table(file)
    for name, value in (("run_id", run_id), ("publication", folder)):
        if name not in table.column_names:
            table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    pq.write_table(table, file, store_schema=False)
