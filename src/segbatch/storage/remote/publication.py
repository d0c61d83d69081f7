"""The interface of a publication: where a store has the files of a run, and the step that makes a run visible."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segbatch.errors import PublishError
from segbatch.model.manifest import History, Manifest
from segbatch.storage.layout import HISTORY, MANIFEST
from segbatch.storage.remote.store import Store, StoredFile
from segbatch.storage.run_files import is_changes, is_state

if TYPE_CHECKING:
    import pyarrow as pa  # commands that manage definitions do not load it

CLAIM = "claim"
"""The file that takes the folder name of a run, and keeps other runs from taking it."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The published run of an output.

    Attributes:
        folder: The folder name of the run, which no other run ever had; None if nothing was published yet.
        version: What a conditional write compares: an ETag, or the version of a table. None if there is none yet.
    """

    folder: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run whose files are uploaded, and that is to be made visible.

    Attributes:
        folder: The folder name of the run.
        staged: The folder on this machine with all files of the run.
        history: The published runs, including this one as the last.
    """

    folder: str
    staged: Path
    manifest: Manifest
    history: History


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The files of a run in a store, published or not.

    Attributes:
        files: The size of each file in bytes, by its path in the folder of the run.
        modified: The time of the last write, by the clock of the store.
        is_removed: Whether the removal of all files has begun, which takes a day in tables.
    """

    files: Mapping[str, int]
    modified: datetime
    is_removed: bool = False

    @property
    def has_members(self) -> bool:
        """Whether the members of the run were not pruned."""
        return any(map(is_state, self.files))


def is_kept(path: str) -> bool:
    """Return whether a file of a run is kept when its members are removed, by its path in the folder of the run."""
    return path in {MANIFEST, HISTORY, CLAIM} or is_changes(path)


def stored_runs(files: Iterable[StoredFile], prefix: str) -> dict[str, StoredRun]:
    """Group files by the folders that they are in. Files that are not in a folder below the prefix are left out."""
    found = dict[str, list[StoredFile]]()
    for file in files:
        folder, slash, _ = file.key.removeprefix(prefix).partition("/")
        if slash and file.key.startswith(prefix):
            found.setdefault(folder, []).append(file)
    return {
        folder: StoredRun(
            {file.key.removeprefix(f"{prefix}{folder}/"): file.size for file in those},
            max(file.modified for file in those),
        )
        for folder, those in found.items()
    }


class Publication(Protocol):
    """One kind of output: plain Parquet files with a pointer, or tables of Delta or Iceberg."""

    @property
    def has_tables(self) -> bool:
        """Whether the rows of all runs are in the same tables, so that each row has the folder name of its run."""

    def check_id_type(self, id_type: "pa.DataType") -> None:
        """Check that the tables can have contact ids of a type.

        Raises:
            UsageError: They cannot.
        """

    @property
    def name(self) -> str:
        """The address of the output in messages."""

    @property
    def store(self) -> Store:
        """The store that has the files."""

    def key(self, folder: str, path: str) -> str:
        """Return the key of a file of a run.

        Args:
            folder: The folder name of the run.
            path: The path of the file, as in the manifest, or `manifest.json` and the like.
        """

    def folders(self) -> Mapping[str, StoredRun]:
        """Return all runs that have files in the store by their folder names, published or not."""

    def pointer(self) -> Pointer:
        """Return the published run.

        Raises:
            PublishError: The pointer cannot be read or is damaged.
        """

    def publish(self, new: NewRun, before: Pointer) -> None:
        """Make a run visible, all at once, if the published run is still the one of `before`.

        A retry after a crash in the middle continues where it ended, and adds nothing twice.

        Raises:
            OutdatedError: Another run was published meanwhile. Readers see that one.
            PublishError: The storage refused. The run is not published, unless the message says that it may be.
        """

    def retire(self, folders: Collection[str]) -> None:
        """Remove the members of runs, which readers can no longer reach through the pointer. Their changes are kept.

        The state is removed last: a run has its members while it has its state.
        """

    def discard(self, folders: Collection[str]) -> None:
        """Remove all files of runs that were never published, or were rolled back."""


def is_published(publication: Publication, folder: str) -> bool:
    """Return whether a run is published, after the commit that publishes it failed.

    Args:
        folder: The folder name of the run.

    Raises:
        PublishError: That cannot be found out. The message says so.
    """
    try:
        return publication.pointer().folder == folder
    except PublishError as error:
        from segbatch.storage.write_errors import IN_DOUBT  # noqa: PLC0415 - loads DuckDB, only if needed

        raise PublishError(f"{error}; {IN_DOUBT}") from None
