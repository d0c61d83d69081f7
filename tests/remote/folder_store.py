"""An output folder as a store and a publication, so that copies of it can be tested without object storage."""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from segbatch.errors import PublishError
from segbatch.storage.remote.publication import NewRun, Pointer, StoredRun, stored_runs
from segbatch.storage.remote.store import Content, StoredFile


@dataclass
class FolderStore:
    """Files below a folder. It implements `Store`, as far as readers ask.

    Attributes:
        downloads: The keys of the files that were downloaded.
        on_download: Called with each key before its download.
        is_offline: Whether every request fails.
    """

    root: Path
    address: str = "s3://bucket/audiences"
    downloads: list[str] = field(default_factory=list)
    on_download: Callable[[str], None] = lambda _: None
    is_offline: bool = False

    def upload(self, source: Path, key: str) -> None:
        shutil.copyfile(source, self.root / key)

    def write_new(self, key: str, data: bytes) -> str:
        raise NotImplementedError

    def replace(self, key: str, data: bytes, tag: str) -> str:
        raise NotImplementedError

    def read(self, key: str) -> Content | None:
        self._answer()
        path = self.root / key
        return Content(path.read_bytes(), str(path.stat().st_mtime_ns)) if path.exists() else None

    def download(self, key: str, target: Path) -> None:
        self._answer()
        self.on_download(key)
        shutil.copyfile(self.root / key, target)
        self.downloads.append(key)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        self._answer()
        for path in sorted((self.root / prefix).rglob("*")):
            if path.is_file():
                key = path.relative_to(self.root).as_posix()
                yield StoredFile(key, path.stat().st_size, datetime.now(UTC))

    def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            (self.root / key).unlink(missing_ok=True)

    def _answer(self) -> None:
        if self.is_offline:
            raise PublishError(f"{self.address}: cannot be reached")


@dataclass
class FolderPublication:
    """The published run of an output folder. It implements `Publication`."""

    store: FolderStore
    has_tables: bool = False

    def check_id_type(self, id_type: pa.DataType) -> None:
        raise NotImplementedError

    @property
    def name(self) -> str:
        return self.store.address

    def key(self, folder: str, path: str) -> str:
        return f"runs/{folder}/{path}"

    def folders(self) -> Mapping[str, StoredRun]:
        return stored_runs(self.store.files("runs/"), "runs/")

    def pointer(self) -> Pointer:
        found = self.store.read("current")
        return Pointer(found.data.decode().strip(), found.tag) if found else Pointer(None, None)

    def publish(self, new: NewRun, before: Pointer) -> None:
        raise NotImplementedError

    def retire(self, folders: Collection[str]) -> None:
        raise NotImplementedError

    def discard(self, folders: Collection[str]) -> None:
        raise NotImplementedError
