"""Store of definitions in a folder of JSON files that programs and people change concurrently."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segbatch.definitions.definition import BrokenDefinition, Definition, Entry
from segbatch.definitions.discovery import find_files
from segbatch.definitions.exclusions import Source
from segbatch.definitions.json_layout import write_definition
from segbatch.definitions.store import files
from segbatch.definitions.store.entries import read_entries, read_segment_at
from segbatch.definitions.store.files import ChangedMeanwhileError
from segbatch.definitions.store.index import Index
from segbatch.definitions.store.json_edit import remove_definition, replace_definition
from segbatch.definitions.store.updates import (
    apply_changes,
    new_definition,
    unused_file_name,
    unused_id,
    with_update_time,
)
from segbatch.definitions.store.visibility import View, ensure_unreferenced
from segbatch.definitions.store.write_lock import WriteLock
from segbatch.errors import AlreadyThereError, BrokenSegmentError, NotFoundError, StaleError, StoreError, UsageError
from segbatch.model.limits import MAX_ID_LENGTH
from segbatch.model.segment import Segment
from segbatch.platform.files import UnflushedError, Warn, unflushed, warn_caller
from segbatch.text import did_you_mean, printable, shown

_LOCK_TIMEOUT = 30.0
_COMPARED = {False: 2_000, True: 100}
"""Maximum number of ids to search for a suggestion; more would dominate the response time. Lower for a served store."""


class SegmentStore:
    """The segments of a folder of JSON files, or of a single file.

    People may edit the files at the same time, so each is checked again before it is used or written. Threads can
    share a store, and several processes can each open one on the same folder.

    A method with a `project` argument sees only the segments of that project and, with `shared`, those without a
    project. Without `project` it sees all segments.
    """

    def __init__(
        self,
        path: str | Path | Source,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = _LOCK_TIMEOUT,
        served: bool = False,
        warn: Warn = warn_caller,
    ) -> None:
        """Open a store; nothing is read yet.

        Args:
            path: The folder, which does not need to exist before the first segment; or a JSON file; or a `Source`,
                which also has the exclusions.
            clock: Returns the time that is written into definitions.
            timeout: The seconds that a writer waits for other writers.
            served: Whether it is for clients that must not learn of each other (see `View`), nor recreate a missing
                folder.
            warn: Receives the warning that a change is made, but may not survive a power failure.
        """
        self._source = Source.of(path)
        self._path = self._source.path
        self._clock = clock
        self._served = served
        self._warn = warn
        self._index = Index(self._source)
        self._write_lock = WriteLock(self._path, timeout)

    def list(self, project: str | None = None, *, shared: bool = True) -> tuple[Entry, ...]:
        """Return all segments, ordered by id; broken ones are included."""
        self._ensure_exists()
        return self._index.all(self._view(project, shared=shared))

    def get(self, segment_id: str, *, project: str | None = None, shared: bool = True) -> Definition:
        """Return a segment.

        Raises:
            NotFoundError: No segment has that id.
            BrokenSegmentError: The segment cannot be read.
        """
        entry = self.find(segment_id, project=project, shared=shared)
        if isinstance(entry, BrokenDefinition):
            raise BrokenSegmentError(entry.problems)
        return entry

    def find(self, segment_id: str, *, project: str | None = None, shared: bool = True) -> Entry:
        """Return the entry with an id, even if it is broken.

        Raises:
            NotFoundError: No entry has that id.
        """
        return self._find(segment_id, self._view(project, shared=shared))[0]

    def create(self, data: Mapping[str, Any] | Segment) -> Definition:
        """Save a new segment in a separate file.

        Args:
            data: Its definition. Without an id, the id is derived from the name. The times are set by the store.

        Raises:
            DefinitionError: The definition is not valid.
            AlreadyThereError: A segment with that id exists.
            StoreError: The file cannot be written.
        """
        sent = data.to_json() if isinstance(data, Segment) else data
        with files.translate_read_errors(self._path):
            is_file = self._path.is_file()
        if is_file:
            raise UsageError(f"{self._shown}: is a file; a new segment is saved as a separate file, so pass a folder")
        new_definition(sent, "new" if sent.get("id") is None else sent["id"], self._clock())
        if not self._served:  # a folder that disappears while it is served may be on a disk that is gone too
            with files.translate_write_errors(self._path):
                self._path.mkdir(parents=True, exist_ok=True)
        self._ensure_exists()
        return self._write_lock.run_exclusively(lambda: self._add(sent))

    def update(
        self,
        segment_id: str,
        changes: Mapping[str, Any],
        if_match: str | None = None,
        *,
        project: str | None = None,
        shared: bool = True,
    ) -> Definition:
        """Change only the keys that are passed; null removes an optional key. Nothing is written if nothing changes.

        Args:
            segment_id: The id of the segment to change.
            changes: The keys to set.
            if_match: The ETag that the segment must have; None for any.
            project: See the class.
            shared: See the class.

        Raises:
            NotFoundError: No segment has that id.
            BrokenSegmentError: The segment cannot be read, and this change cannot fix it.
            DefinitionError: The changed definition would not be valid.
            StaleError: The segment does not have the ETag: it was changed in the meantime.
            StoreError: The file cannot be written.
        """
        view = self._view(project, shared=shared)
        self._ensure_exists()
        return self._write_lock.run_exclusively(lambda: self._update(segment_id, changes, if_match, view))

    def delete(
        self,
        segment_id: str,
        if_match: str | None = None,
        *,
        force: bool = False,
        project: str | None = None,
        shared: bool = True,
    ) -> Entry:
        """Remove a segment, with its file if that contains no other.

        Args:
            segment_id: The id of the segment to remove.
            if_match: The ETag that the segment must have; None for any.
            force: Whether to remove it even if others reference it, which then fail.
            project: See the class.
            shared: See the class.

        Returns:
            The removed entry.

        Raises:
            NotFoundError: No segment has that id.
            BrokenSegmentError: The segment cannot be distinguished from others.
            InUseError: Other segments reference it. With a `project`, segments of other projects are ignored, because
                the caller cannot see them. Segments without a project count even without `shared`; the message then
                does not contain their ids.
            StaleError: The segment does not have the ETag: it was changed in the meantime.
            StoreError: The file cannot be written.
        """
        view = self._view(project, shared=shared)
        self._ensure_exists()
        return self._write_lock.run_exclusively(lambda: self._delete(segment_id, if_match, view, force=force))

    @property
    def _shown(self) -> str:
        return printable(str(self._path))

    def _view(self, project: str | None, *, shared: bool) -> View:
        return View(project, shared, self._served)

    @contextmanager
    def _changing(self, file: Path) -> Iterator[None]:
        """Run a change of a file; if only the flush of its folder fails, the change is made and a warning is issued."""
        try:
            yield
        except UnflushedError as error:
            self._warn(unflushed(file, error))

    def _add(self, sent: Mapping[str, Any]) -> Definition:
        taken = {entry.segment_id.casefold(): entry for entry in self._index.all(View())}
        with files.translate_read_errors(self._path):
            names = {name.casefold() for name in os.listdir(self._path)}  # noqa: PTH208 - as in `discovery`
        own = sent.get("id")
        segment_id = (
            unused_id(sent["name"], {*taken, *(name.removesuffix(".json") for name in names)}) if own is None else own
        )
        definition = new_definition(sent, segment_id, self._clock())
        if twin := taken.get(segment_id.casefold()):
            message = f"the segment {shown(twin.segment_id)} already exists; choose another id, or update it"
            raise AlreadyThereError(message, twin.file)
        file = self._path / unused_file_name(segment_id, names)
        if self._source.excludes(file.name):
            message = "would not be read, because --exclude excludes it; choose another id"
            raise StoreError(message, printable(str(file)))
        content = write_definition(definition).encode()
        with self._changing(file):
            files.add(file, content)
        return self._written(file, content, "$", View())

    def _update(self, segment_id: str, changes: Mapping[str, Any], if_match: str | None, view: View) -> Definition:
        entry, file, was = self._open(segment_id, if_match, view)
        definition = with_update_time(entry, apply_changes(entry, changes), self._clock())
        if definition is None:
            return self._written(file, was, entry.path, view)
        content = replace_definition(was, entry, definition)
        with self._changing(file):
            files.replace(file, content, was)
        return self._written(file, content, entry.path, view)

    def _delete(self, segment_id: str, if_match: str | None, view: View, *, force: bool) -> Entry:
        entry, file, was = self._open(segment_id, if_match, view)
        if not force:
            ensure_unreferenced(self._index.all(replace(view, shared=True)), segment_id, view)
        rest = remove_definition(was, entry)
        with self._changing(file):
            if rest is None:
                files.remove(file, was)
            else:
                files.replace(file, rest, was)
        self._index.read_again(file)
        return entry

    def _open(self, segment_id: str, if_match: str | None, view: View) -> tuple[Entry, Path, bytes]:
        """Return the current state of a segment, its file, and the content of the file."""
        known, file = self._find(segment_id, view)
        if known.content is None:
            raise BrokenSegmentError(known.problems if isinstance(known, BrokenDefinition) else ())
        was = files.read(file)
        here = [entry for entry in read_entries(was, file) if entry.segment_id == segment_id and view.shows(entry)]
        match here:
            case [entry] if entry.content is not None:
                if if_match not in {None, entry.etag}:
                    message = "was changed by another user since it was read; read it again and repeat the change"
                    raise StaleError(f"segment {shown(segment_id)} {message}", entry.file)
                return entry, file, was
            case _:
                self._index.read_again(file)
                raise ChangedMeanwhileError

    def _written(self, file: Path, content: bytes, path: str, view: View) -> Definition:
        """Return a segment that was just written, from the written content, since reading the file could fail."""
        entry = read_segment_at(content, file, path)
        if self._index.read_again(file):
            return entry
        with suppress(StoreError):
            moved = self._index.find(entry.segment_id, view)
            if moved and isinstance(moved[0], Definition):
                return moved[0]
        return entry

    def _find(self, segment_id: str, view: View) -> tuple[Entry, Path]:
        self._ensure_exists()
        found = self._index.find(segment_id, view)
        if found is None:
            others = self._index.known(view, _COMPARED[self._served] + 1)
            is_quick = len(segment_id) <= MAX_ID_LENGTH and len(others) <= _COMPARED[self._served]
            near = did_you_mean(segment_id, others) if is_quick else ""
            raise NotFoundError(f"there is no segment {shown(segment_id)}{near}", self._shown)
        return found

    def _ensure_exists(self) -> None:
        with files.translate_read_errors(self._path):
            is_there = self._path.exists()
        if not is_there:
            find_files(self._path)  # raises an error with similar names
