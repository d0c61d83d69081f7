"""The files of a store, and the steps that all changes of its segments have in common."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segbatch.definitions.definition import BrokenDefinition, Definition, Entry
from segbatch.definitions.discovery import find_files
from segbatch.definitions.exclusions import Source
from segbatch.definitions.store import files
from segbatch.definitions.store.entries import read_entries, read_segment_at
from segbatch.definitions.store.files import ChangedMeanwhileError
from segbatch.definitions.store.index import Index
from segbatch.definitions.store.json_edit import replace_definition
from segbatch.definitions.store.visibility import View
from segbatch.definitions.store.write_lock import WriteLock
from segbatch.errors import BrokenSegmentError, NotFoundError, StaleError, StoreError
from segbatch.model.limits import MAX_ID_LENGTH
from segbatch.platform.files import UnflushedError, Warn, unflushed, warn_caller
from segbatch.text import did_you_mean, printable, shown

_LOCK_TIMEOUT = 30.0
_COMPARED = {False: 2_000, True: 100}
"""Maximum number of ids to search for a suggestion; more would dominate the response time. Lower for a served store."""


class StoreFiles:
    """The segments in a folder of JSON files, or in a single file."""

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

    def _replace(self, entry: Entry, file: Path, was: bytes, definition: Mapping[str, Any]) -> bytes:
        """Replace a definition in its file, and return the new content of the file."""
        content = replace_definition(was, entry, definition)
        with self._changing(file):
            files.replace(file, content, was)
        return content

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
