"""A store in a folder on a disk, for tables that are published there."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from segbatch.errors import BusyError, PublishError
from segbatch.platform.file_lock import lock_file
from segbatch.platform.files import UnflushedError, link_file, replace_file, temporary_file
from segbatch.storage.remote.store import Content, OutdatedError, StoredFile
from segbatch.storage.write_errors import translate_write_errors

_LOCK = ".segbatch-store"
"""The lock of conditional writes. The system releases it if the process is killed."""

_PATIENCE = 30.0
_REFUSED = "the file is not written"


class FolderStore:
    """A store below a folder. It implements `Store`, which describes the methods.

    Hidden files are temporary, and not part of the store. The tag of a file is the checksum of its content.
    """

    def __init__(self, root: Path) -> None:
        """Create the store; the folder is created by the first write."""
        self._root = root

    @property
    def address(self) -> str:
        return str(self._root)

    def upload(self, source: Path, key: str) -> None:
        target = self._root / key
        with source.open("rb") as content, self._translated(), _new(target) as new:
            with new.open("wb") as file:
                shutil.copyfileobj(content, file)
            with suppress(UnflushedError):
                replace_file(new, target)

    def write_new(self, key: str, data: bytes) -> str:
        target = self._root / key
        with self._translated(), _new(target) as new:
            new.write_bytes(data)
            try:
                link_file(new, target)
            except UnflushedError:
                pass
            except FileExistsError:
                raise OutdatedError from None
        return _tag(data)

    def replace(self, key: str, data: bytes, tag: str) -> str:
        target = self._root / key
        with self._translated(), self._locked(), _new(target) as new:
            found = self.read(key)
            if found is None or found.tag != tag:
                raise OutdatedError
            new.write_bytes(data)
            with suppress(UnflushedError):
                replace_file(new, target)
        return _tag(data)

    def read(self, key: str) -> Content | None:
        with self._translated(), suppress(FileNotFoundError, NotADirectoryError):
            data = (self._root / key).read_bytes()
            return Content(data, _tag(data))
        return None

    def download(self, key: str, target: Path) -> None:
        with (self._root / key).open("rb") as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        for path in sorted((self._root / prefix).rglob("*")):
            below = path.relative_to(self._root)
            with self._translated(), suppress(FileNotFoundError):  # removed meanwhile
                found = path.stat()
                if path.is_file() and not path.name.startswith("."):
                    modified = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield StoredFile(below.as_posix(), found.st_size, modified)

    def remove(self, keys: Iterable[str]) -> None:
        with self._translated():
            for key in keys:
                path = self._root / key
                path.unlink(missing_ok=True)
                for folder in path.parents:
                    if folder == self._root:
                        break
                    with suppress(OSError):  # it has other files
                        folder.rmdir()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with translate_write_errors(self._root, _REFUSED):
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with lock_file(self._root / _LOCK, _PATIENCE):
                yield
        except BusyError as error:
            raise PublishError(str(error)) from None


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """Create a temporary file next to a target, and missing folders."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(target) as new:
        yield new


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
