"""The interface of a publish target: everything that a run asks of the place that it is published in."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from segbatch.errors import Problem
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.storage.keep import Keep
from segbatch.storage.output_lock import LockPolicy
from segbatch.storage.state import State


@dataclass(frozen=True, slots=True)
class Published:
    """The result of publishing a run.

    Attributes:
        history: The published runs, including the new one.
        warnings: The steps that failed afterwards, and changes of older runs that are missing in the tables.
    """

    history: History
    warnings: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class Staged:
    """A folder on this machine for the files of a run until it is published.

    Attributes:
        path: The folder.
        folder: The folder name of the run when it is published.
    """

    path: Path
    folder: str


class PublishTarget(Protocol):
    """A place that runs are published in. A run locks it, reads the previous run, and adds a new one in one step."""

    @property
    def name(self) -> str:
        """The target in messages."""

    @property
    def catalogue(self) -> Path | None:
        """The DuckDB file that analysts open; None if the target has none."""

    def membership(self, folder: str) -> Path | str:
        """Return the folder with the Parquet files of the membership of a run: a path, or an address in a store."""

    def lock(self, what: str, policy: LockPolicy) -> AbstractContextManager[None]:
        """Own the target during a block. Other processes see `what` as the work that is done.

        Raises:
            LockedError: Another run is at work on the target.
            PublishError: The target cannot be written, also inside the block.
        """

    def repair(self) -> Sequence[Problem]:
        """Remove files of killed runs, finish a publication that was interrupted, and return warnings about lost files.

        The caller must own the lock.
        """

    def history(self) -> History:
        """Return the published runs.

        Raises:
            PublishError: The history cannot be read.
        """

    def has_folder(self, folder: str) -> bool:
        """Return whether the files of a run still exist."""

    def has_members(self, run: PastRun) -> bool:
        """Return whether the members of a run were not pruned."""

    def lost_changes(self, history: History) -> Sequence[Problem]:
        """Return one warning per lost change file."""

    def manifest(self, run: PastRun) -> Manifest:
        """Return the manifest of a run.

        Raises:
            PublishError: The manifest is missing or damaged.
        """

    def state(self, run: PastRun, remedy: str) -> State:
        """Return the members of a run as bits.

        Raises:
            PublishError: They are missing or damaged; the message ends with the remedy.
        """

    def free_folder(self, run_id: str) -> str:
        """Return an unused folder name for a run."""

    def stage(self, run_id: str) -> AbstractContextManager[Staged]:
        """Create a hidden local folder for the files of a run. It is removed after the block."""

    def publication(self, staged: Staged, id_type: pa.DataType) -> str | None:
        """Return the folder name of a staged run, if each row of its files needs it; None for files without tables.

        Args:
            staged: The folder from `stage`.
            id_type: The type of the contact ids in tables.

        Raises:
            UsageError: The tables of this target cannot have such ids.
        """

    def publish(self, staged: Staged, manifest: Manifest, history: History) -> Published:
        """Publish a staged run. Readers see either the runs of `history` or also the new one, and nothing in between.

        Raises:
            LockedError: Another run was published since this one began.
            PublishError: The target cannot be written. The run is not published, unless the message says so.
        """

    def prune(self, history: History, keep: Keep, now: datetime) -> Sequence[Problem]:
        """Remove the members of old runs, and return warnings about what could not be removed."""
