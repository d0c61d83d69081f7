"""Checking the files of an output in a store against their recorded sizes and checksums."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from segbatch.errors import UsageError
from segbatch.model.manifest import History, Manifest, PastRun, repeat_options
from segbatch.runs.verification import (
    CHANGED,
    MISSING,
    RESTORE,
    FileToRead,
    Progress,
    Verified,
    check_settled,
    find_size_fault,
)
from segbatch.storage.keep import FEWEST
from segbatch.storage.layout import HISTORY, MANIFEST
from segbatch.storage.manifest_io import NOTHING_PUBLISHED
from segbatch.storage.remote.publication import Pointer, Publication, StoredRun
from segbatch.storage.run_files import is_changes


def verify_store(publication: Publication, *, every_run: bool = False, progress: Progress | None = None) -> Verified:
    """Read the published files in a store, one after another, and compare them with their sizes and checksums.

    Args:
        publication: The output. A run may be at work on it.
        every_run: Whether to read the members of all runs that keep theirs, and not only of the published run.
        progress: Called with the number of bytes read and the total.

    Raises:
        UsageError: Nothing is published.
        PublishError: The storage cannot be reached, or its pointer is damaged.
    """
    return check_settled(publication.pointer, lambda pointer: _Check(publication, every_run, progress).run(pointer))


_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(slots=True)
class _Check:
    """One check of an output."""

    publication: Publication
    every_run: bool
    progress: Progress | None
    found: Verified = field(default_factory=Verified)

    def run(self, pointer: Pointer) -> Verified:
        """Check all files, and return the result."""
        if pointer.folder is None:
            raise UsageError(f"{self.publication.name}: {NOTHING_PUBLISHED}")
        history = self._read(pointer.folder, HISTORY, History)
        if history is not None:
            to_read = list(self._files(history))
            self.found.files = len(to_read)
            self.found.size = sum(file.written.size for file in to_read)
            self._check(to_read)
        return self.found

    def _files(self, history: History) -> Iterator[FileToRead]:
        stored = self.publication.folders()
        for number, past in enumerate(history.runs):
            later = len(history.runs) - 1 - number
            is_read = not later or (self.every_run and (later < FEWEST or _has_members(stored, past.folder)))
            self.found.runs += is_read
            remedy = RESTORE if later else f"{RESTORE}, or run the snapshot of that run again with"
            remedy = remedy if later else f"{remedy} {repeat_options(past.run)}"
            manifest = self._manifest(past)
            for written in manifest.files if manifest else ():
                has_changes = is_changes(written.path)
                if is_read or (has_changes and past.changes):
                    yield FileToRead(past.folder, written, remedy, may_go=later >= FEWEST and not has_changes)

    def _manifest(self, past: PastRun) -> Manifest | None:
        manifest = self._read(past.folder, MANIFEST, Manifest)
        if manifest is not None and manifest.run != past.run:
            self._add(past.folder, MANIFEST, f"is that of another run, or was changed; {RESTORE}")
            return None
        return manifest

    def _read(self, folder: str, path: str, model: type[_Model]) -> _Model | None:
        """Read a record of a run. One that is missing or damaged is a problem."""
        found = self.publication.store.read(self.publication.key(folder, path))
        try:
            if found is not None:
                return model.model_validate_json(found.data)
        except ValidationError:
            pass
        self._add(folder, path, f"is missing or damaged; {RESTORE}")
        return None

    def _check(self, to_read: list[FileToRead]) -> None:
        done = 0
        with tempfile.TemporaryDirectory(prefix="segbatch-") as folder:
            for file in to_read:
                for fault in self._faults(file, Path(folder) / "file"):
                    self._add(file.folder, file.written.path, f"{fault}; {file.remedy}")
                done += file.written.size
                if self.progress:
                    self.progress(done, self.found.size)

    def _faults(self, file: FileToRead, place: Path) -> Iterator[str]:
        written = file.written
        try:
            self.publication.store.download(self.publication.key(file.folder, written.path), place)
        except FileNotFoundError:
            if not (file.may_go and self._is_pruned(file.folder)):
                yield MISSING
            return
        if fault := find_size_fault(place.stat().st_size, written):
            yield fault
        elif _digest(place) != written.sha256:
            yield CHANGED
        place.unlink()

    def _is_pruned(self, folder: str) -> bool:
        """Return whether the members of a run were removed while they were read."""
        return not _has_members(self.publication.folders(), folder)

    def _add(self, folder: str, path: str, fault: str) -> None:
        address = f"{self.publication.store.address}/{self.publication.key(folder, path)}"
        self.found.problems.append(f"{address}: {fault}")


def _has_members(stored: Mapping[str, StoredRun], folder: str) -> bool:
    return folder in stored and stored[folder].has_members


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
