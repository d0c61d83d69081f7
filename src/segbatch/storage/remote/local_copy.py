"""A copy on this machine of an output that is stored elsewhere.

The copy has the layout of an output folder (see `segbatch.storage.layout`), so commands read it like one. Folders of
runs never change, so each file is copied once. By default, these are copied:

- the manifests and the changes of all runs,
- the history, the members and the state of the published run.

A run in the history has a folder in the copy, and a run that keeps its members has a folder `membership` in it, which
is empty until `LocalCopy.fetch` copies the members. So `has_members`, the list of runs and pruning work on the copy.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from segbatch.errors import PublishError
from segbatch.model.manifest import History, Manifest, PastRun, PublishedFile
from segbatch.storage.catalog_rebuild import ensure_catalogue
from segbatch.storage.changes_files import has_all_changes
from segbatch.storage.layout import CATALOGUE, HISTORY, MANIFEST, RUNS
from segbatch.storage.manifest_io import read_history, read_manifest
from segbatch.storage.output_lock import LockPolicy
from segbatch.storage.publish import set_current
from segbatch.storage.remote.copied_files import (
    FileGoneError,
    Progress,
    WantedFile,
    copy_files,
    remove_damaged,
    replace_content,
)
from segbatch.storage.remote.copy_folder import (
    clean_up,
    clear,
    copy_folder,
    discard,
    mark_replaced,
    mark_stored,
    mark_used,
    own_copy,
    staging_folder,
)
from segbatch.storage.remote.publication import Publication, StoredRun
from segbatch.storage.run_files import is_changes, is_membership, written_files

_TRIES = 5


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """The copy of an output. All methods are safe to call from several processes and threads at once.

    Attributes:
        progress: Called with the number of bytes copied and in total.
        on_wait: Called once with a message if another process is refreshing the copy.
    """

    publication: Publication
    progress: Progress | None = None
    on_wait: Callable[[str], None] | None = None

    @property
    def folder(self) -> Path:
        """The folder of the copy."""
        return copy_folder(self.publication.name)

    def refresh(self, *, members: bool = True) -> Path:
        """Bring the copy to the published run.

        Args:
            members: Whether the members of the published run are needed, and `segbatch.duckdb`, which shows them.

        Returns:
            The folder of the copy, which can be read like an output folder. If nothing is published, it has no run.

        Raises:
            PublishError: The storage cannot be reached, a file there is damaged, or the copy cannot be written.
        """
        with self._own():
            for attempt in range(_TRIES):
                pointer = self.publication.pointer()
                try:
                    if pointer.folder is None:
                        clear(self.folder)
                    else:
                        self._copy(pointer.folder, members=members)
                except FileGoneError:
                    if attempt == _TRIES - 1 or self.publication.pointer() == pointer:
                        raise
                else:
                    break
        return self.folder

    def fetch(self, folder: str, *prefixes: str) -> Path:
        """Copy files of a run, such as the state of the previous run. Files that are there are checked again.

        Args:
            folder: The folder name of the run.
            prefixes: The beginnings of the paths of the files; none for all files.

        Returns:
            The folder of the run in the copy.

        Raises:
            PublishError: The store does not have the files, cannot be reached, or the copy cannot be written.
        """
        place = self.folder / RUNS / folder
        with self._own():
            place.mkdir(exist_ok=True)
            for path in (MANIFEST, HISTORY):
                replace_content(place / path, self._read(folder, path))
            mark_used(place)
            chosen = [file for file in self._manifest(folder).files if file.path.startswith(prefixes or ("",))]
            for file in chosen:
                remove_damaged(place, file)
            copy_files(self.publication, self.folder, [WantedFile.of(folder, file) for file in chosen], self.progress)
        return place

    @contextmanager
    def stage(self, folder: str) -> Iterator[Path]:
        """Create a folder for the files of a run on the disk of the copy. It is removed after the block.

        Raises:
            CopyError: It cannot be created.
        """
        with self._own():
            pass
        with staging_folder(self.folder, folder) as path:
            yield path

    def adopt(self, folder: str, staged: Path) -> None:
        """Add a run of this machine whose files are uploaded, so that `refresh` need not copy them.

        Args:
            folder: The folder name of the run.
            staged: The folder with its files, from `stage`. It is renamed.

        Raises:
            CopyError: The copy cannot be written.
        """
        place = self.folder / RUNS / folder
        with self._own():
            if place.exists():
                discard(place)
            staged.rename(place)
            mark_used(place)

    def _own(self) -> AbstractContextManager[None]:
        return own_copy(self.folder, self.publication.name, LockPolicy(wait=True, on_wait=self.on_wait))

    def _copy(self, folder: str, *, members: bool) -> None:
        """Copy what is missing of the runs up to and including a published run."""
        content = self._read(folder, HISTORY)  # it is always read, since it identifies the output
        history = self._history(folder, content)
        stored = self.publication.folders()
        known = self._known_runs()
        self._discard_strangers(history, known)
        mark_stored(self.folder, history, stored)
        self._copy_files(self._manifests(history, stored), known)
        changes = [file for past in history.runs for file in self._changes(past)]
        self._copy_files(changes, known)
        if members:
            mark_used(self.folder / RUNS / folder)
            wanted = (_of_published(folder, file) for file in self._manifest(folder).files if not is_changes(file.path))
            copy_files(self.publication, self.folder, wanted, self.progress)
        self._show(folder, content, known)
        if members:
            ensure_catalogue(self.folder, history.runs[-1].run)
        clean_up(self.folder, history, stored)

    def _copy_files(self, wanted: Sequence[WantedFile], known: dict[str, PastRun]) -> None:
        """Copy files that `segbatch.duckdb` was made of. If any was lost, it has to be made again."""
        if any(file.folder in known and not file.is_copied(self.folder) for file in wanted):
            (self.folder / CATALOGUE).unlink(missing_ok=True)
        copy_files(self.publication, self.folder, wanted, self.progress)

    def _show(self, folder: str, history: bytes, known: dict[str, PastRun]) -> None:
        """Let the copy show a run whose files are copied."""
        replace_content(self.folder / RUNS / folder / HISTORY, history)
        if (shown := next(reversed(known), folder)) != folder:
            mark_replaced(self.folder / RUNS / shown)
        set_current(self.folder, folder)

    def _read(self, folder: str, path: str) -> bytes:
        """Return the content of a small file of a run in the store."""
        found = self.publication.store.read(self.publication.key(folder, path))
        if found is None:
            raise FileGoneError(f"{self._address(folder, path)}: is missing; restore it from a copy")
        return found.data

    def _address(self, folder: str, path: str) -> str:
        return f"{self.publication.store.address}/{self.publication.key(folder, path)}"

    def _history(self, folder: str, content: bytes) -> History:
        try:
            return History.model_validate_json(content)
        except ValidationError:
            raise PublishError(f"{self._address(folder, HISTORY)}: is damaged; restore it from a copy") from None

    def _known_runs(self) -> dict[str, PastRun]:
        """Return the runs that the copy showed before, by folder; empty if it is new or damaged."""
        with suppress(PublishError):
            return {past.folder: past for past in read_history(self.folder).runs}
        return {}

    def _discard_strangers(self, history: History, known: dict[str, PastRun]) -> None:
        """Remove copied runs that belong to another output, which had the same address before."""
        for past in history.runs:
            place = self.folder / RUNS / past.folder
            if known.get(past.folder) != past and (place / MANIFEST).exists() and not _is_of(past, place):
                (self.folder / CATALOGUE).unlink(missing_ok=True)
                discard(place)

    def _manifests(self, history: History, stored: Mapping[str, StoredRun]) -> list[WantedFile]:
        last = history.runs[-1].folder
        sizes = {past.folder: _size(stored, past.folder, MANIFEST) for past in history.runs}
        return [
            WantedFile(folder, MANIFEST, size, is_required=folder == last)
            for folder, size in sizes.items()
            if folder == last or size is not None
        ]

    def _changes(self, past: PastRun) -> Iterator[WantedFile]:
        """Yield the files of changes of a run that the copy lacks. Lost ones are left out, as in an output folder."""
        place = self.folder / RUNS / past.folder
        if has_all_changes(place, past) or (past.changes_size is None and not past.changes):
            return
        with suppress(PublishError):
            for file in written_files(read_manifest(place), is_changes):
                yield WantedFile.of(past.folder, file, is_required=False)

    def _manifest(self, folder: str) -> Manifest:
        """Return the manifest of a run.

        Raises:
            PublishError: It is damaged in the store.
        """
        try:
            return read_manifest(self.folder / RUNS / folder)
        except PublishError:
            (self.folder / RUNS / folder / MANIFEST).unlink(missing_ok=True)
            raise PublishError(f"{self._address(folder, MANIFEST)}: is damaged; restore it from a copy") from None


def _size(stored: Mapping[str, StoredRun], folder: str, path: str) -> int | None:
    return stored[folder].files.get(path) if folder in stored else None


def _of_published(folder: str, file: PublishedFile) -> WantedFile:
    """Return a file of the published run. Its members are required; the tables do not need its state."""
    return WantedFile.of(folder, file, is_required=is_membership(file.path))


def _is_of(past: PastRun, place: Path) -> bool:
    """Return whether a copied folder has a run."""
    with suppress(PublishError):
        return read_manifest(place).run == past.run
    return False
