"""Store of definitions in a folder of JSON files that programs and people change concurrently."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segbatch.definitions.definition import BrokenDefinition, Definition, Entry
from segbatch.definitions.json_layout import write_definition
from segbatch.definitions.source import Source
from segbatch.definitions.store import files, updates
from segbatch.definitions.store.entries import read_entries, read_segment_at
from segbatch.definitions.store.files import ChangedMeanwhileError, WriteLock
from segbatch.definitions.store.index import Index
from segbatch.definitions.store.json_edit import remove_definition, replace_definition
from segbatch.definitions.store.visibility import View, ensure_unreferenced
from segbatch.errors import BrokenSegmentError, StaleError, StoreError, UsageError
from segbatch.model.segment import Segment
from segbatch.platform.files import UnflushedError, Warn, unflushed, warn_caller
from segbatch.text import printable, shown

_LOCK_TIMEOUT = 30.0


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

    @property
    def lists(self) -> Path:
        """The default folder of the lists that rules name."""
        return self._source.lists

    def list(self, project: str | None = None, *, shared: bool = True) -> tuple[Entry, ...]:
        """Return all segments, ordered by id; broken ones are included."""
        self._index.ensure_exists()
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
        return self._index.get(segment_id, self._view(project, shared=shared))[0]

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
            raise UsageError(
                f"{printable(str(self._path))}: is a file; a new segment is saved as a separate file, so pass a folder"
            )
        updates.new_definition(sent, "new" if sent.get("id") is None else sent["id"], self._clock())
        if not self._served:  # a folder that disappears while it is served may be on a disk that is gone too
            with files.translate_write_errors(self._path):
                self._path.mkdir(parents=True, exist_ok=True)
        self._index.ensure_exists()
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
        self._index.ensure_exists()
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
        self._index.ensure_exists()
        return self._write_lock.run_exclusively(lambda: self._delete(segment_id, if_match, view, force=force))

    def rename(self, segment_id: str, new_id: str, *, project: str | None = None) -> tuple[Definition, tuple[str, ...]]:
        """Give a segment another id, record the old one in it, and change the references of other segments.

        Each file is replaced atomically, that of the segment first. After a failure in between, repeat the call.

        Returns:
            The segment, and the ids of the segments whose references were changed.

        Raises:
            UsageError: It is the id that the segment has.
            NotFoundError: No segment has the old id.
            AlreadyThereError: Another segment has the new id.
            DefinitionError: The new id is not valid, or the definition has errors.
            StoreError: A file cannot be written, or a segment that references it cannot be read.
        """
        if segment_id == new_id:
            raise UsageError(f"{shown(new_id)} is already the id of the segment; choose another")
        view = self._view(project, shared=True)
        self._index.ensure_exists()
        return self._write_lock.run_exclusively(lambda: self._rename(segment_id, new_id, view))

    def _add(self, sent: Mapping[str, Any]) -> Definition:
        entries = self._index.all(View())
        with files.translate_read_errors(self._path):
            names = {name.casefold() for name in os.listdir(self._path)}  # noqa: PTH208 - as in `discovery`
        definition, name = updates.new_segment(sent, entries, names, self._clock())
        file = self._path / name
        if self._source.excludes(file.name):
            message = "would not be read, because --exclude excludes it; choose another id"
            raise StoreError(message, printable(str(file)))
        content = write_definition(definition).encode()
        with self._changing(file):
            files.add(file, content)
        return self._written(file, content, "$", View())

    def _update(self, segment_id: str, changes: Mapping[str, Any], if_match: str | None, view: View) -> Definition:
        entry, file, was = self._open(segment_id, if_match, view)
        definition = updates.with_update_time(entry, updates.apply_changes(entry, changes), self._clock())
        if definition is None:
            return self._written(file, was, entry.path, view)
        return self._written(file, self._replace(entry, file, was, definition), entry.path, view)

    def _rename(self, segment_id: str, new_id: str, view: View) -> tuple[Definition, tuple[str, ...]]:
        everything = self._index.all(View())
        users = updates.ensure_references_can_change(everything, segment_id)
        renamed = updates.find_renamed(everything, segment_id, new_id) or self._change_id(
            everything, segment_id, new_id, view
        )
        for user in users:
            entry, file, was = self._open(user, None, View())
            self._replace(entry, file, was, updates.rename_references(entry, segment_id, new_id, self._clock()))
            self._index.read_again(file)
        return renamed, users

    def _change_id(self, everything: Iterable[Entry], segment_id: str, new_id: str, view: View) -> Definition:
        entry, file, was = self._open(segment_id, None, view)
        updates.ensure_unused(everything, segment_id, new_id)
        content = self._replace(entry, file, was, updates.rename_definition(entry, new_id, self._clock()))
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

    def _view(self, project: str | None, *, shared: bool) -> View:
        return View(project, shared, self._served)

    @contextmanager
    def _changing(self, file: Path) -> Iterator[None]:
        """Run a change of a file; if only the flush of its folder fails, the change is made and a warning is issued."""
        try:
            yield
        except UnflushedError as error:
            self._warn(unflushed(file, error))

    def _replace(self, entry: Entry, file: Path, was: bytes, definition: Mapping[str, Any]) -> bytes:
        """Replace a definition in its file, and return the new content of the file."""
        content = replace_definition(was, entry, definition)
        with self._changing(file):
            files.replace(file, content, was)
        return content

    def _open(self, segment_id: str, if_match: str | None, view: View) -> tuple[Entry, Path, bytes]:
        """Return the current state of a segment, its file, and the content of the file."""
        known, file = self._index.get(segment_id, view)
        if known.content is None:
            raise BrokenSegmentError(known.problems if isinstance(known, BrokenDefinition) else ())
        was = files.read(file)
        here = [entry for entry in read_entries(was, file) if entry.segment_id == segment_id and view.shows(entry)]
        if len(here) != 1 or here[0].content is None:
            self._index.read_again(file)
            raise ChangedMeanwhileError
        if if_match not in {None, here[0].etag}:
            message = "was changed by another user since it was read; read it again and repeat the change"
            raise StaleError(f"segment {shown(segment_id)} {message}", here[0].file)
        return here[0], file, was

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
