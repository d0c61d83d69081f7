"""Plain Parquet files in object storage, with a small object that names the published run.

```
PREFIX/current                    the folder name of the published run; a conditional write of it publishes a run
PREFIX/lock                       the process that is at work, if any; see `lease`
PREFIX/runs/FOLDER/claim          the process that took this folder name, which keeps other runs from taking it
PREFIX/runs/FOLDER/...            the files of the run, as in `segbatch.storage.layout`
```
"""

from collections.abc import Collection, Mapping

import pyarrow as pa

from segbatch.errors import PublishError
from segbatch.storage.layout import CURRENT, RUNS
from segbatch.storage.manifest_io import is_folder_name
from segbatch.storage.remote.publication import CLAIM, NewRun, Pointer, StoredRun, is_kept, stored_runs
from segbatch.storage.remote.store import Store


class PointerPublication:
    """Runs as plain Parquet files. It implements `Publication`, which describes the methods."""

    has_tables = False

    def check_id_type(self, id_type: pa.DataType) -> None:
        del id_type  # each run has files of its own

    def __init__(self, store: Store) -> None:
        """Create the publication in a store."""
        self._store = store

    @property
    def name(self) -> str:
        return self._store.address

    @property
    def store(self) -> Store:
        return self._store

    def key(self, folder: str, path: str) -> str:
        return f"{RUNS}/{folder}/{path}"

    def folders(self) -> Mapping[str, StoredRun]:
        return stored_runs(self._store.files(f"{RUNS}/"), f"{RUNS}/")

    def pointer(self) -> Pointer:
        found = self._store.read(CURRENT)
        if found is None:
            return Pointer(None, None)
        folder = found.data.decode(errors="replace").strip()
        if not is_folder_name(folder):
            place = f"{self.name}/{CURRENT}"
            raise PublishError(
                f"{place}: does not name a run; restore it, or write the name of a folder of runs/ to it"
            )
        return Pointer(folder, found.tag)

    def publish(self, new: NewRun, before: Pointer) -> None:
        content = f"{new.folder}\n".encode()
        if before.version is None:
            self._store.write_new(CURRENT, content)
        else:
            self._store.replace(CURRENT, content, before.version)

    def retire(self, folders: Collection[str]) -> None:
        for folder in folders:
            root = self.key(folder, "")
            self._store.remove([key for key in self._keys(folder) if not is_kept(key.removeprefix(root))])

    def discard(self, folders: Collection[str]) -> None:
        for folder in folders:
            self._store.remove([self.key(folder, CLAIM)])  # first, so that a run that is still at work notices it
            self._store.remove(self._keys(folder))

    def _keys(self, folder: str) -> Collection[str]:
        return [file.key for file in self._store.files(self.key(folder, ""))]
