"""What a folder of definitions holds, read again only where a file changed.

A file is taken to be the same as long as its inode, size and times are. One that changed so lately that another change
could have the same times is read again. A single segment is looked up without looking at every file: the folders tell
whether a file came, went or was replaced, and the segment's own file is looked at; what an editor wrote in place into
another file is found by the next listing.

An id that is not there could be in any file, written in place. All files are looked at for it, but not again within a
second: else asking for what is not there would be a hundred times the work of asking for what is. An id that somebody
does not see is looked up like one that is not there, so that not even the time tells.
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

from segbatch.definitions.discovery import walk
from segbatch.definitions.exclusions import Source
from segbatch.definitions.store.entries import Entry, read_file
from segbatch.definitions.store.files import reading
from segbatch.definitions.store.visibility import View

__all__ = ["Index"]

_TICK = 50_000_000
"""So many nanoseconds after a change, the next one has other times on any file system in use."""

_BELIEVED = 1.0
"""Seconds for which an id that was in no file is taken to be in none that was there then."""

_VIEWS = 1_000
"""Projects whose ids are remembered until a file changes; where no key is needed, any can be named."""

_Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was when it was read; without a signature it is to be read again."""

    signature: _Signature | None
    listed: int | None
    entries: tuple[Entry, ...]


class Index:
    """The segments of a folder, or of a single file, by id. Threads can share it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._root = source.path
        self._mutex = threading.RLock()
        self._files: dict[str, _Seen] = {}
        self._by_id: defaultdict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, int] | None = None
        self._fresh = set[str]()
        self._looked_at_all = -_BELIEVED
        self._groups: list[list[Entry]] | None = None
        self._ids: dict[View, list[str]] = {}

    def all(self, view: View) -> tuple[Entry, ...]:
        """Return everything that somebody sees, ordered by id, after a look at every file."""
        with self._mutex:
            self._look(at_every_file=True)
            if self._groups is None:
                self._groups = [self._at(segment_id) for segment_id in self._by_id]
            found = [entry for group in self._groups for entry in view.merged(group)]
            return tuple(sorted(found, key=attrgetter("segment_id")))

    def find(self, segment_id: str, view: View) -> tuple[Entry, Path] | None:
        """Return what somebody sees at an id, and the first file that has it; None where that is nothing."""
        with self._mutex:
            if self._has_moved():
                self._look()
            for file in self._seen_in(segment_id, view):
                self._look_at(file)
            if len(self._seen_in(segment_id, view)) != 1:
                self._look_for_it()
            here = [entry for entry in view.merged(self._at(segment_id)) if entry.segment_id == segment_id]
            return (here[0], self._file_of(here[0])) if here else None

    def known(self, view: View, most: int) -> list[str]:
        """Return the ids that somebody sees, as far as they are known without another look; at most so many."""
        with self._mutex:
            if view not in self._ids:
                if len(self._ids) >= _VIEWS:
                    self._ids = {}
                seen = (
                    entry.segment_id for file in self._files.values() for entry in file.entries if view.shows(entry)
                )
                self._ids[view] = list(islice(seen, most))
            return self._ids[view]

    def read_again(self, file: Path) -> bool:
        """Take notice of a file that was just written or removed, and return whether it can be found."""
        with self._mutex:
            self._drop(str(file))
            is_there = os.path.exists(file)  # noqa: PTH110 - Path.exists raises where it may not look
            if is_there:
                self._read(str(file), None)
            return is_there

    def _file_of(self, entry: Entry) -> Path:
        """Return the file of an entry, which messages name so that it can be shown."""
        files = self._by_id[entry.segment_id]
        return Path(next(file for file in files if self._files[file].entries[0].file == entry.file))

    def _at(self, segment_id: str) -> list[Entry]:
        files = self._by_id.get(segment_id, [])
        files = files if len(files) == 1 else sorted(set(files))
        return [entry for file in files for entry in self._files[file].entries if entry.segment_id == segment_id]

    def _seen_in(self, segment_id: str, view: View) -> list[str]:
        """Return the files in which somebody sees an id; one that has it twice is there twice."""
        files = self._by_id.get(segment_id, [])
        entries = [(file, entry) for file in set(files) for entry in self._files[file].entries]
        return [file for file, entry in entries if entry.segment_id == segment_id and view.shows(entry)]

    def _look_for_it(self) -> None:
        """Look at every file, or if that was done lately, at those that were just being written."""
        if time.monotonic() - self._looked_at_all >= _BELIEVED:
            self._look(at_every_file=True)
        else:
            for file in tuple(self._fresh):
                self._look_at(file)

    def _has_moved(self) -> bool:
        """Tell whether files may have come, gone or been replaced since the last look."""
        if self._folders is None:
            return True
        now = time.time_ns()
        for folder, changed in self._folders.items():
            with suppress(OSError):
                current = os.stat(folder).st_mtime_ns  # noqa: PTH116 - as in `finding`
                if current == changed and current < now - _TICK:
                    continue
            return True
        return False

    def _look(self, *, at_every_file: bool = False) -> None:
        """Read the files that are new or replaced; of all others, those that changed, or trust that none did."""
        with reading(self._root):
            is_folder = self._root.is_dir()
        if not is_folder:
            self._look_at_one()
            return
        if at_every_file or self._folders is None:
            self._looked_at_all = time.monotonic()
        present, self._folders = set[str](), {}
        for folder in walk(self._source):
            self._folders[folder.path] = folder.changed
            if folder.error:
                present.add(folder.path)
                self._look_at(folder.path)
            for file in folder.files:
                present.add(file.path)
                seen = self._files.get(file.path)
                if at_every_file or seen is None or seen.listed != file.inode():
                    self._look_at(file.path, file.inode())
        for gone in self._files.keys() - present:
            if os.path.isfile(gone):  # noqa: PTH113 - a folder may pass over a file that is just being replaced
                self._look_at(gone)
            else:
                self._drop(gone)

    def _look_at_one(self) -> None:
        for gone in self._files.keys() - {str(self._root)}:
            self._drop(gone)
        self._folders = None
        self._look_at(str(self._root))

    def _look_at(self, file: str, listed: int | None = None) -> None:
        """Read a file again if it changed."""
        seen = self._files.get(file)
        signature = _signature(file)
        if seen is None or signature is None or signature != seen.signature:
            self._drop(file)
            self._read(file, listed)
        elif seen.listed != listed and listed is not None:
            self._files[file] = _Seen(signature, listed, seen.entries)

    def _read(self, file: str, listed: int | None) -> None:
        now = time.time_ns()
        signature = _signature(file)
        entries = read_file(Path(file))
        is_settled = signature is not None and max(signature[2:]) < now - _TICK
        self._files[file] = _Seen(signature if is_settled else None, listed, entries)
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
        found = os.stat(file)  # noqa: PTH116 - as in `finding`
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
