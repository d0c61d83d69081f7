"""Copying files of runs from a store into a local folder."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segbatch.errors import PublishError
from segbatch.model.manifest import PublishedFile
from segbatch.platform.files import new_file, replace_file
from segbatch.storage.layout import RUNS
from segbatch.storage.remote.publication import Publication

Progress = Callable[[int, int], None]
"""Called regularly with the number of bytes copied and the total."""

_THREADS = 8
_FIND = "segbatch verify lists all damaged files"


class FileGoneError(PublishError):
    """A file of a run is missing in the store, perhaps because another run was published meanwhile."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file of a run that the copy needs.

    Attributes:
        folder: The folder name of the run.
        path: The path in the folder.
        size: The recorded size in bytes, or the listed one; None if it is not known.
        sha256: The recorded checksum; None if there is none.
        is_required: Whether a file that is missing or damaged in the store is an error. Otherwise it is left out.
    """

    folder: str
    path: str
    size: int | None
    sha256: str | None = None
    is_required: bool = True

    @classmethod
    def of(cls, folder: str, written: PublishedFile, *, is_required: bool = True) -> "WantedFile":
        """Return a file that a manifest lists."""
        return cls(folder, written.path, written.size, written.sha256, is_required)

    def is_copied(self, output: Path) -> bool:
        """Return whether the copy has the file, by its size."""
        try:
            size = (output / RUNS / self.folder / self.path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return False
        return self.size is None or size == self.size


def copy_files(
    publication: Publication, output: Path, wanted: Iterable[WantedFile], progress: Progress | None = None
) -> list[WantedFile]:
    """Copy the files that the copy does not have yet, several at a time. Each appears in one step, once it is checked.

    Args:
        output: The folder of the copy.
        progress: Called with the number of bytes copied and in total.

    Returns:
        The files that were copied.

    Raises:
        FileGoneError: The store lacks a required file.
        PublishError: A required file was changed, or the storage cannot be reached.
        OSError: The copy cannot be written.
    """
    missing = [file for file in wanted if not file.is_copied(output)]
    total, done, lock = sum(file.size or 0 for file in missing), 0, threading.Lock()

    def copy(file: WantedFile) -> WantedFile | None:
        nonlocal done
        copied = _copy(publication, output / RUNS / file.folder / file.path, file)
        with lock:
            done += file.size or 0
            if progress and total:
                progress(done, total)
        return file if copied else None

    if not missing:
        return []
    with ThreadPoolExecutor(min(_THREADS, len(missing)), "segbatch-copy") as pool:
        try:
            return [file for file in pool.map(copy, missing) if file]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def remove_damaged(run_folder: Path, file: PublishedFile) -> None:
    """Remove a copied file of a run if it was changed, so that it is copied again."""
    path = run_folder / file.path
    with suppress(FileNotFoundError):
        if path.stat().st_size != file.size or _digest(path) != file.sha256:
            path.unlink()


def replace_content(path: Path, content: bytes) -> None:
    """Write a small file in one step, unless it has the content."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    with new_file(path.with_name(f".{path.name}.new"), content) as new:
        replace_file(new, path)


def _copy(publication: Publication, target: Path, file: WantedFile) -> bool:
    """Copy a file; return whether the copy has it now."""
    key = publication.key(file.folder, file.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        for fault in _download(publication, key, part, file):
            if not file.is_required:
                return False
            error = FileGoneError if fault == "is missing" else PublishError
            raise error(f"{publication.store.address}/{key}: {fault}; {_FIND}")
        replace_file(part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def _download(publication: Publication, key: str, part: Path, file: WantedFile) -> Iterator[str]:
    """Download a file, and yield its fault, if any."""
    try:
        publication.store.download(key, part)
    except FileNotFoundError:
        yield "is missing"
        return
    size = part.stat().st_size
    if file.size is not None and size != file.size:
        yield f"has {size:,} bytes instead of {file.size:,}"
    elif file.sha256 is not None and _digest(part) != file.sha256:
        yield "was changed: its checksum differs from the one in the manifest"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
