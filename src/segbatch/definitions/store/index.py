"""Cached index of a folder of definitions; only files that changed are read again.

A file counts as unchanged if its inode, size and times are unchanged. A file that changed so recently that another
change could have the same times is read again. The lookup of a single segment does not check every file: the times of
the folders show whether a file was added, removed or replaced, and only the segment's own file is checked. An in-place
change of another file is found by the next listing.

An unknown id could be in any file that was changed in place. All files are checked for it, but not again within a
second: otherwise a request for an unknown id would be a hundred times as expensive as for a known one. An id that a
view does not show is looked up like an unknown one, so that response times do not reveal it.
"""

import os
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path

from segbatch.definitions.definition import Entry
from segbatch.definitions.discovery import find_files, walk
from segbatch.definitions.source import Source
from segbatch.definitions.store.entries import read_file
from segbatch.definitions.store.files import translate_read_errors
from segbatch.definitions.store.visibility import View
from segbatch.errors import NotFoundError
from segbatch.model.limits import MAX_ID_LENGTH
from segbatch.text import did_you_mean, printable, shown

_CLOCK_TICK = 50_000_000
"""Nanoseconds after a change until the next change has different times on every file system in use."""

_UNKNOWN_ID_TTL = 1.0
"""Seconds until an id that was in no file is searched for again in the files that existed then."""

_VIEWS = 1_000
"""Maximum number of views with cached ids, until a file changes; without API keys, a client can name any project."""

_COMPARED = {False: 2_000, True: 100}
"""Maximum number of ids to search for a suggestion; more would dominate the response time. Lower for a served store."""

_Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _CachedFile:
    """A file as it was when it was read; without a signature, it must be read again."""

    signature: _Signature | None
    listed: int | None
    entries: tuple[Entry, ...]


class Index:
    """The segments of a folder, or of a single file, by id. Thread-safe."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._root = source.path
        self._mutex = threading.RLock()
        self._files: dict[str, _CachedFile] = {}
        self._by_id: defaultdict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, int] | None = None
        self._fresh = set[str]()
        self._checked_all = -_UNKNOWN_ID_TTL
        self._groups: list[list[Entry]] | None = None
        self._ids: dict[View, list[str]] = {}

    def all(self, view: View) -> tuple[Entry, ...]:
        """Return all entries of a view, ordered by id, after a check of every file."""
        with self._mutex:
            self._check_folder(at_every_file=True)
            if self._groups is None:
                self._groups = [self._entries_with(segment_id) for segment_id in self._by_id]
            found = [entry for group in self._groups for entry in view.merged(group)]
            return tuple(sorted(found, key=attrgetter("segment_id")))

    def ensure_exists(self) -> None:
        """Raise an error with similar names if the folder or the file does not exist."""
        with translate_read_errors(self._root):
            is_there = self._root.exists()
        if not is_there:
            find_files(self._root)

    def get(self, segment_id: str, view: View) -> tuple[Entry, Path]:
        """Return the entry of a view at an id, and the first file that contains it.

        Raises:
            NotFoundError: No entry of the view has that id.
        """
        self.ensure_exists()
        found = self.find(segment_id, view)
        if found is None:
            most = _COMPARED[view.served]
            others = self._known(view, most + 1)
            near = did_you_mean(segment_id, others) if len(segment_id) <= MAX_ID_LENGTH and len(others) <= most else ""
            raise NotFoundError(f"there is no segment {shown(segment_id)}{near}", printable(str(self._root)))
        return found

    def find(self, segment_id: str, view: View) -> tuple[Entry, Path] | None:
        """Return the entry of a view at an id, and the first file that contains it; None if the id is unknown."""
        with self._mutex:
            if self._folders_changed():
                self._check_folder()
            for file in self._files_in_view(segment_id, view):
                self._check_file(file)
            if len(self._files_in_view(segment_id, view)) != 1:
                self._search_files()
            here = [entry for entry in view.merged(self._entries_with(segment_id)) if entry.segment_id == segment_id]
            return (here[0], self._file_of(here[0])) if here else None

    def read_again(self, file: Path) -> bool:
        """Update the index for a file that was just written or removed; return whether the file exists."""
        with self._mutex:
            self._drop(str(file))
            is_there = os.path.exists(file)  # noqa: PTH110 - Path.exists raises without permission
            if is_there:
                self._read(str(file), None)
            return is_there

    def _known(self, view: View, most: int) -> list[str]:
        """Return at most `most` ids of a view, from the cache only."""
        with self._mutex:
            if view not in self._ids:
                if len(self._ids) >= _VIEWS:
                    self._ids = {}
                seen = (
                    entry.segment_id for file in self._files.values() for entry in file.entries if view.shows(entry)
                )
                self._ids[view] = list(islice(seen, most))
            return self._ids[view]

    def _file_of(self, entry: Entry) -> Path:
        """Return the path of an entry's file; the entry itself has only the name for messages."""
        files = self._by_id[entry.segment_id]
        return Path(next(file for file in files if self._files[file].entries[0].file == entry.file))

    def _entries_with(self, segment_id: str) -> list[Entry]:
        files = self._by_id.get(segment_id, [])
        files = files if len(files) == 1 else sorted(set(files))
        return [entry for file in files for entry in self._files[file].entries if entry.segment_id == segment_id]

    def _files_in_view(self, segment_id: str, view: View) -> list[str]:
        """Return the files that contain an id in a view; a file that contains it twice is listed twice."""
        files = self._by_id.get(segment_id, [])
        entries = [(file, entry) for file in set(files) for entry in self._files[file].entries]
        return [file for file, entry in entries if entry.segment_id == segment_id and view.shows(entry)]

    def _search_files(self) -> None:
        """Check every file, or if that was done less than a second ago, only recently written ones."""
        if time.monotonic() - self._checked_all >= _UNKNOWN_ID_TTL:
            self._check_folder(at_every_file=True)
        else:
            for file in tuple(self._fresh):
                self._check_file(file)

    def _folders_changed(self) -> bool:
        """Return whether files may have been added, removed or replaced since the last check."""
        if self._folders is None:
            return True
        now = time.time_ns()
        for folder, changed in self._folders.items():
            with suppress(OSError):
                current = os.stat(folder).st_mtime_ns  # noqa: PTH116 - as in `discovery`
                if current == changed and current < now - _CLOCK_TICK:
                    continue
            return True
        return False

    def _check_folder(self, *, at_every_file: bool = False) -> None:
        """Read the files that are new or replaced; of all others, read those that changed if `at_every_file` is set."""
        with translate_read_errors(self._root):
            is_folder = self._root.is_dir()
        if not is_folder:
            self._check_single_file()
            return
        if at_every_file or self._folders is None:
            self._checked_all = time.monotonic()
        present, self._folders = set[str](), {}
        for folder in walk(self._source):
            self._folders[folder.path] = folder.changed
            if folder.error:
                present.add(folder.path)
                self._check_file(folder.path)
            for file in folder.files:
                present.add(file.path)
                seen = self._files.get(file.path)
                if at_every_file or seen is None or seen.listed != file.inode():
                    self._check_file(file.path, file.inode())
        for gone in self._files.keys() - present:
            if os.path.isfile(gone):  # noqa: PTH113 - a listing may miss a file that is just being replaced
                self._check_file(gone)
            else:
                self._drop(gone)

    def _check_single_file(self) -> None:
        for gone in self._files.keys() - {str(self._root)}:
            self._drop(gone)
        self._folders = None
        self._check_file(str(self._root))

    def _check_file(self, file: str, listed: int | None = None) -> None:
        """Read a file again if it changed."""
        seen = self._files.get(file)
        signature = _signature(file)
        if seen is None or signature is None or signature != seen.signature:
            self._drop(file)
            self._read(file, listed)
        elif seen.listed != listed and listed is not None:
            self._files[file] = _CachedFile(signature, listed, seen.entries)

    def _read(self, file: str, listed: int | None) -> None:
        now = time.time_ns()
        signature = _signature(file)
        entries = read_file(Path(file))
        is_settled = signature is not None and max(signature[2:]) < now - _CLOCK_TICK
        self._files[file] = _CachedFile(signature if is_settled else None, listed, entries)
        if not is_settled:
            self._fresh.add(file)
        for entry in entries:
            self._by_id[entry.segment_id].append(file)
        self._groups, self._ids = None, {}

    def _drop(self, file: str) -> None:
        self._fresh.discard(file)
        seen = self._files.pop(file, None)
        if seen is not None:
            self._groups, self._ids = None, {}
            for entry in seen.entries:
                self._by_id[entry.segment_id].remove(file)
                if not self._by_id[entry.segment_id]:
                    del self._by_id[entry.segment_id]


def _signature(file: str) -> _Signature | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - as in `discovery`
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
