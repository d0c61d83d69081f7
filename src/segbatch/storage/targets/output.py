"""The target at an output: a folder on a disk, or a store at an address.

See `segbatch.storage.layout` for the files of a folder, and `remote` for stores.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from segbatch.errors import Problem
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.storage.catalog_rebuild import ensure_catalogue
from segbatch.storage.changes_files import find_changes
from segbatch.storage.keep import Keep
from segbatch.storage.layout import CATALOGUE, MEMBERSHIP, RUNS, free_folder
from segbatch.storage.manifest_io import read_history, read_manifest
from segbatch.storage.output_lock import LockPolicy
from segbatch.storage.publish import own_output, publish, stage
from segbatch.storage.remote.addresses import open_publication
from segbatch.storage.retention import clear_dead_runs, has_members, prune
from segbatch.storage.state import State, open_state
from segbatch.storage.targets.base import Published, PublishTarget, Staged
from segbatch.storage.write_errors import Leftovers

_NOT_PRUNED = "not all members of old runs are removed; the next run tries again, or segbatch runs prune"


def open_target(output: str | Path) -> PublishTarget:
    """Return the target at a path or an address. No request is sent.

    Raises:
        UsageError: The text is a URL that runs cannot be published to.
    """
    publication = open_publication(output)
    if publication is None:
        return LocalTarget(Path(output))
    from segbatch.storage.targets.remote import RemoteTarget  # noqa: PLC0415 - only if needed

    return RemoteTarget(publication)


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """An output folder. It implements `PublishTarget`, which describes the methods."""

    output: Path

    @property
    def name(self) -> str:
        return str(self.output)

    @property
    def catalogue(self) -> Path:
        return self.output / CATALOGUE

    def membership(self, folder: str) -> Path:
        return self.output / RUNS / folder / MEMBERSHIP

    def lock(self, what: str, policy: LockPolicy) -> AbstractContextManager[None]:
        return own_output(self.output, what, policy)

    def repair(self) -> Sequence[Problem]:
        history = self.history()
        clear_dead_runs(self.output, history)
        return ensure_catalogue(self.output, history.runs[-1].run) if history.runs else ()

    def history(self) -> History:
        return read_history(self.output)

    def has_folder(self, folder: str) -> bool:
        return (self.output / RUNS / folder).exists()

    def has_members(self, run: PastRun) -> bool:
        return has_members(self.output / RUNS / run.folder)

    def lost_changes(self, history: History) -> Sequence[Problem]:
        return find_changes(self.output, history).lost

    def manifest(self, run: PastRun) -> Manifest:
        return read_manifest(self.output / RUNS / run.folder)

    def state(self, run: PastRun, remedy: str) -> State:
        return open_state(self.output / RUNS / run.folder, remedy)

    def free_folder(self, run_id: str) -> str:
        return free_folder(self.output, run_id)

    @contextmanager
    def stage(self, run_id: str) -> Iterator[Staged]:
        with stage(self.output, run_id) as path:
            yield Staged(path, self.free_folder(run_id))

    def publication(self, staged: Staged, id_type: pa.DataType) -> str | None:
        del staged, id_type  # the files of each run are in a folder of their own
        return None

    def publish(self, staged: Staged, manifest: Manifest, history: History) -> Published:
        return publish(self.output, staged, manifest, history)

    def prune(self, history: History, keep: Keep, now: datetime) -> Sequence[Problem]:
        left = Leftovers(self.output, f"run {history.runs[-1].run.run_id} is published")
        with left.collect_errors(_NOT_PRUNED):
            prune(self.output, history, keep, now)
        return left.warnings
