"""A store in a folder, whose clock a test can move."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from segbatch.storage.remote.store import Content, OutdatedError, StoredFile


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    root: Path

    @property
    def address(self) -> str:
        return str(self.root)

    def upload(self, source: Path, key: str) -> None:
        self._made(key)
        shutil.copyfile(source, self.root / key)

    def write_new(self, key: str, data: bytes) -> str:
        try:
            with self._made(key).open("xb") as file:
                file.write(data)
        except FileExistsError:
            raise OutdatedError from None
        return _tag(data)

    def replace(self, key: str, data: bytes, tag: str) -> str:
        now = self.read(key)
        if now is None or now.tag != tag:
            raise OutdatedError
        (self.root / key).write_bytes(data)
        return _tag(data)

    def read(self, key: str) -> Content | None:
        path = self.root / key
        return Content(path.read_bytes(), _tag(path.read_bytes())) if path.exists() else None

    def download(self, key: str, target: Path) -> None:
        shutil.copyfile(self.root / key, target)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        for path in sorted((self.root / prefix).rglob("*")):
            if path.is_file():
                found = path.stat()
                modified = datetime.fromtimestamp(found.st_mtime, UTC)
                yield StoredFile(path.relative_to(self.root).as_posix(), found.st_size, modified)

    def remove(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            (self.root / key).unlink(missing_ok=True)

    def age(self, prefix: str, by: timedelta) -> None:
        """Let files be older."""
        for file in self.files(prefix):
            moment = (file.modified - by).timestamp()
            os.utime(self.root / file.key, (moment, moment))

    def listed(self, prefix: str = "") -> list[str]:
        return [file.key for file in self.files(prefix)]

    def _made(self, key: str) -> Path:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
