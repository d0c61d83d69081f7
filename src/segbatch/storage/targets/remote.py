"""A target in a store: object storage, or tables of Delta or Iceberg."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from segbatch.errors import Problem, PublishError
from segbatch.model.manifest import History, Manifest, PastRun
from segbatch.platform.shutdown import shutdown
from segbatch.storage.keep import Keep
from segbatch.storage.layout import HISTORY, MANIFEST, MEMBERSHIP, STATE
from segbatch.storage.output_lock import LockedError, LockPolicy
from segbatch.storage.publish import extend_history, write_record
from segbatch.storage.remote.lease import Owner, hold_lease
from segbatch.storage.remote.local_copy import LocalCopy
from segbatch.storage.remote.publication import CLAIM, NewRun, Pointer, Publication, StoredRun
from segbatch.storage.remote.store import OutdatedError
from segbatch.storage.retention import Pruned, find_prunable
from segbatch.storage.run_files import STATE_FOLDER, changes_source, is_changes
from segbatch.storage.segment_history import RunSegments, find_reused
from segbatch.storage.state import State, open_state
from segbatch.storage.targets.base import Published, Staged
from segbatch.storage.write_errors import IN_DOUBT, NOTHING, Leftovers, translate_write_errors

_DEAD_AFTER = timedelta(days=1)
"""The time after its last write when a run that was not published counts as dead."""

_AT_ONCE = 4
_RESTORE = "restore it, or publish elsewhere (--output)"
_NOT_COPIED = "the copy on this machine lacks it; the next command fetches it"
_NOT_PRUNED = "not all files of old runs are removed; the next run tries again"

_Model = TypeVar("_Model", bound=BaseModel)


class RemoteTarget:
    """An output in a store. It implements `PublishTarget`, which describes the methods.

    The published run is read once, when the run begins. Publishing fails if another run was published since then.
    """

    def __init__(self, publication: Publication, copy: LocalCopy | None = None) -> None:
        """Create the target without sending requests.

        Args:
            copy: The copy on this machine, with the folders of unfinished runs and the members of the previous one.
        """
        self._publication = publication
        self._store = publication.store
        self._copy = LocalCopy(publication) if copy is None else copy
        self._read_pointer: Pointer | None = None
        self._listed: Mapping[str, StoredRun] | None = None
        self._is_in_doubt = False

    @property
    def name(self) -> str:
        return self._publication.name

    @property
    def catalogue(self) -> None:
        return None

    def membership(self, folder: str) -> str:
        return f"{self._store.address}/{self._publication.key(folder, MEMBERSHIP)}"

    @contextmanager
    def lock(self, what: str, policy: LockPolicy) -> Iterator[None]:
        with hold_lease(self._store, self.name, what, policy), translate_write_errors(self._copy.folder):
            self._read_pointer = self._listed = None
            yield

    def repair(self) -> Sequence[Problem]:
        """Remove the files of runs that died more than a day ago. Younger ones may belong to a run that is at work."""
        history, limit = self.history(), datetime.now(UTC) - _DEAD_AFTER
        known = {run.folder for run in history.runs} | {run.folder for run in history.taken_back}
        dead = [name for name, run in self._folders().items() if name not in known and run.modified < limit]
        left = self._leftovers("the output is as it was")
        if dead and self._publication.pointer() == self._pointer():  # otherwise one of them may be published by now
            with left.collect_errors("files of runs that died are left; the next run tries again"):
                self._publication.discard(dead)
        return left.warnings

    def history(self) -> History:
        folder = self._pointer().folder
        return History(runs=()) if folder is None else self._read(folder, HISTORY, History)

    def has_folder(self, folder: str) -> bool:
        return folder in self._folders()

    def has_members(self, run: PastRun) -> bool:
        return self._has_members(run.folder)

    def lost_changes(self, history: History) -> Sequence[Problem]:
        lost = []
        for past in history.runs:
            stored = self._folders().get(past.folder)
            sizes = [size for path, size in stored.files.items() if is_changes(path)] if stored else []
            if past.changes and (len(sizes) != (past.buckets or 1) or past.changes_size not in {None, sum(sizes)}):
                fault = f"has {sum(sizes):,} bytes instead of {past.changes_size:,}" if sizes else "is missing"
                message = f"{fault}; membership_changes and membership_history lack the changes of run"
                remedy = "restore it from a copy; segbatch verify lists all lost files"
                place = f"{self._store.address}/{self._publication.key(past.folder, changes_source(past))}"
                lost.append(Problem(f"{message} {past.run.run_id}; {remedy}", file=place, severity="warning"))
        return lost

    def manifest(self, run: PastRun) -> Manifest:
        return self._read(run.folder, MANIFEST, Manifest)

    def state(self, run: PastRun, remedy: str) -> State:
        if not self.has_members(run):
            raise PublishError(f"{self._address(run.folder, STATE)}: is missing; {remedy}")
        return open_state(self._copy.fetch(run.folder, STATE, f"{STATE_FOLDER}/"), remedy)

    def free_folder(self, run_id: str) -> str:
        return next(name for name in _folder_names(run_id) if not self.has_folder(name))

    @contextmanager
    def stage(self, run_id: str) -> Iterator[Staged]:
        folder = self._claim(run_id)
        with self._discard_unless_published(folder), self._copy.stage(folder) as path:
            yield Staged(path, folder)

    def publication(self, staged: Staged, id_type: pa.DataType) -> str | None:
        if not self._publication.has_tables:
            return None
        self._publication.check_id_type(id_type)
        return staged.folder

    def publish(self, staged: Staged, manifest: Manifest, history: History) -> Published:
        reused = find_reused(self._segments, history.runs, manifest.renamed)
        history = extend_history(history, staged.folder, manifest, reused)
        write_record(staged.path / MANIFEST, manifest)
        write_record(staged.path / HISTORY, history)
        self._upload(staged, [file.path for file in manifest.files])
        self._upload(staged, [MANIFEST, HISTORY])
        left = self._leftovers(f"run {manifest.run.run_id} is published")
        with shutdown.uninterruptible("the run may be published"):
            self._make_visible(NewRun(staged.folder, staged.path, manifest, history))
            shutdown.published_run_id = manifest.run.run_id
            shutdown.done_message = f"run {shutdown.published_run_id} is published"
            with left.collect_errors(_NOT_COPIED):
                self._copy.adopt(staged.folder, staged.path)
        return Published(history, left.warnings)

    def prune(self, history: History, keep: Keep, now: datetime) -> Sequence[Problem]:
        left = self._leftovers(f"run {history.runs[-1].run.run_id} is published")
        with left.collect_errors(_NOT_PRUNED):
            self.remove_old(history, keep, now)
        return left.warnings

    def remove_old(self, history: History, keep: Keep, now: datetime, *, dry_run: bool = False) -> Pruned:
        """Remove the members of old runs, and return what was removed.

        Args:
            dry_run: Only return what would be removed.

        Raises:
            PublishError: The storage refused. Some files may be removed.
        """
        found = find_prunable(history, keep, now, self._has_members, self._is_removable)
        if not dry_run:
            self._publication.retire([run.folder for run in found.runs])
            self._publication.discard(found.taken_back)
        return found

    def _pointer(self) -> Pointer:
        if self._read_pointer is None:
            self._read_pointer = self._publication.pointer()
        return self._read_pointer

    def _folders(self) -> Mapping[str, StoredRun]:
        if self._listed is None:
            self._listed = self._publication.folders()
        return self._listed

    def _has_members(self, folder: str) -> bool:
        stored = self._folders().get(folder)
        return stored is not None and stored.has_members

    def _is_removable(self, folder: str) -> bool:
        stored = self._folders().get(folder)
        return stored is not None and not stored.is_removed

    def _address(self, folder: str, path: str) -> str:
        return f"{self._store.address}/{self._publication.key(folder, path)}"

    def _leftovers(self, done: str) -> Leftovers:
        return Leftovers(self._copy.folder, done)

    def _segments(self, run: PastRun) -> RunSegments:
        return self._read(run.folder, MANIFEST, RunSegments)

    def _read(self, folder: str, path: str, model: type[_Model]) -> _Model:
        with suppress(ValidationError):
            found = self._store.read(self._publication.key(folder, path))
            if found is not None:
                return model.model_validate_json(found.data)
        raise PublishError(f"{self._address(folder, path)}: is missing or damaged; {_RESTORE}")

    def _claim(self, run_id: str) -> str:
        """Take an unused folder name, which no other run can take."""
        self._claimed = Owner.new(f"run {run_id}")
        for name in _folder_names(run_id):
            if not self.has_folder(name):
                with suppress(OutdatedError):
                    self._store.write_new(self._publication.key(name, CLAIM), self._claimed.data)
                    return name
        raise AssertionError

    def _ensure_claimed(self, folder: str) -> None:
        """Check that no other process took this run for dead, and removed its files."""
        found = self._store.read(self._publication.key(folder, CLAIM))
        if found is None or found.data != self._claimed.data:
            raise PublishError(f"{self.name}: another process removed the files of this run; {NOTHING}; run again")

    def _upload(self, staged: Staged, paths: Sequence[str]) -> None:
        def upload(path: str) -> None:
            self._store.upload(staged.path / path, self._publication.key(staged.folder, path))

        with ThreadPoolExecutor(_AT_ONCE, "upload") as pool:
            uploads = [pool.submit(upload, path) for path in paths]
            try:
                for one in uploads:
                    one.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _make_visible(self, new: NewRun) -> None:
        """Publish a run whose files are uploaded.

        Raises:
            LockedError: Another run was published meanwhile.
            PublishError: The run is not published, or the message says that it may be.
        """
        self._ensure_claimed(new.folder)
        try:
            self._publication.publish(new, self._pointer())
        except OutdatedError:
            message = "another run was published meanwhile, so this one is not; run again"
            raise LockedError(f"{self.name}: {message}") from None
        except PublishError as error:
            self._is_in_doubt = True  # the storage may still apply a request that it did not answer
            try:
                is_published = self._publication.pointer().folder == new.folder
            except PublishError:
                raise PublishError(f"{error}; {IN_DOUBT}") from None
            if not is_published:
                raise

    @contextmanager
    def _discard_unless_published(self, folder: str) -> Iterator[None]:
        """Remove the files of a run if the block does not publish it."""

        def undo() -> None:
            with suppress(PublishError):  # a later run removes them when they are a day old
                if not self._is_in_doubt and self._publication.pointer().folder != folder:
                    self._publication.discard([folder])

        with shutdown.cleanup(undo):
            yield


def _folder_names(run_id: str) -> Iterator[str]:
    """Yield the names that a run can have, in the order in which they are tried."""
    yield run_id
    yield from (f"{run_id}~{number}" for number in count(2))
