"""Checking published files against their recorded sizes and checksums."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import duckdb

from segbatch.errors import PublishError
from segbatch.model.manifest import History, Manifest, PastRun, repeat_options
from segbatch.runs.verification import (
    CHANGED,
    MISSING,
    RESTORE,
    FileToRead,
    Progress,
    Verified,
    check_settled,
    find_size_fault,
)
from segbatch.storage.catalog_rebuild import shows
from segbatch.storage.changes_files import find_changes
from segbatch.storage.keep import FEWEST
from segbatch.storage.layout import CATALOGUE, CURRENT, MANIFEST, RUNS
from segbatch.storage.manifest_io import ensure_published, last_published, read_history_of, read_manifest
from segbatch.storage.retention import has_members
from segbatch.storage.run_files import is_changes
from segbatch.storage.sql_paths import literal, literal_source

_CHUNK = 1 << 20
_PAUSE = 1.0
_RELINK = "fix it with segbatch relink"
_ELSEWHERE = "names files that are elsewhere"


def verify(output: Path, *, every_run: bool = False, progress: Progress | None = None) -> Verified:
    """Read the published files and compare them with their recorded sizes and checksums.

    The changes of all runs are read, since `membership_changes` shows them. Members are read for the published run
    only, unless `every_run` is set.

    Args:
        output: The output folder. A run may be at work on it.
        every_run: Whether to read the members of all runs that keep theirs.
        progress: Called with the number of bytes read and the total.

    Raises:
        UsageError: Nothing is published in the folder.
    """
    return check_settled(
        partial(_pointer, output), lambda _pointer: _verified(output, every_run=every_run, progress=progress)
    )


def _pointer(output: Path) -> bytes | None:
    try:
        return (output / CURRENT).read_bytes()
    except OSError:
        return None


def _verified(output: Path, *, every_run: bool, progress: Progress | None) -> Verified:
    found = Verified()
    history = _history(output, found)
    to_read: list[FileToRead] = []
    for number, past in enumerate(history.runs):
        later = len(history.runs) - 1 - number
        is_spared = later < FEWEST  # must have members; if they are missing, that is a problem
        is_read = not later or (every_run and (is_spared or has_members(output / RUNS / past.folder)))
        found.runs += is_read
        to_read += _files_of(output, past, found, later=later, with_members=is_read)
    found.files, found.size = len(to_read), sum(file.written.size for file in to_read)
    done = 0
    for file in to_read:
        found.problems += _faults(output, file, partial(_tell, progress, done, found.size))
        done += file.written.size
    if history.runs:
        found.problems += _faults_of_catalogue(output, history)
    return found


def _tell(progress: Progress | None, done: int, total: int, read: int) -> None:
    if progress:
        progress(done + read, total)


def _history(output: Path, found: Verified) -> History:
    """Read the history of published runs.

    If `current` or the history cannot be read, record a problem and read as much as possible.
    """
    try:
        folder = ensure_published(output)
    except PublishError as error:
        found.problems.append(str(error))
        last = last_published(output)
        if last is None:
            return History(runs=())
        folder = last
    try:
        return read_history_of(output / RUNS / folder)
    except PublishError as error:
        found.problems.append(str(error))
        return History(runs=())


def _files_of(output: Path, past: PastRun, found: Verified, *, later: int, with_members: bool) -> Iterator[FileToRead]:
    """Yield the files of a run that are to be read. An unreadable manifest is recorded as a problem."""
    folder = output / RUNS / past.folder
    manifest = _manifest(folder, past, found)
    again = f"or run the snapshot of that run again with {repeat_options(past.run)}"
    remedy = RESTORE if later else f"{RESTORE}, {again}"
    for written in manifest.files if manifest else ():
        has_changes = is_changes(written.path)
        if with_members or (has_changes and past.changes):
            yield FileToRead(past.folder, written, remedy, may_go=later >= FEWEST and not has_changes)


def _manifest(folder: Path, past: PastRun, found: Verified) -> Manifest | None:
    try:
        manifest = read_manifest(folder)
    except PublishError as error:
        found.problems.append(str(error))
        return None
    if manifest.run != past.run:
        found.problems.append(f"{folder / MANIFEST}: is that of another run, or was changed; {RESTORE}")
        return None
    return manifest


def _faults(output: Path, file: FileToRead, read: Callable[[int], None]) -> Iterator[str]:
    """Yield the problem of a file, if any."""
    run_folder = output / RUNS / file.folder
    path = run_folder / file.written.path
    try:
        fault = find_size_fault(path.stat().st_size, file.written)
        if fault is None and _digest(path, read) != file.written.sha256:
            fault = CHANGED
    except (FileNotFoundError, NotADirectoryError):
        fault = None if file.may_go and not has_members(run_folder) else MISSING
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    if fault:
        yield f"{path}: {fault}; {file.remedy}"


def _digest(path: Path, read: Callable[[int], None]) -> str:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            read(size)
    return digest.hexdigest()


def _faults_of_catalogue(output: Path, history: History) -> Iterator[str]:
    """Yield the problem of the catalogue, if any. Try twice, since a run replaces it shortly after its publication."""
    fault = _fault_of_catalogue(output, history)
    if fault:
        time.sleep(_PAUSE)
        fault = _fault_of_catalogue(output, history)
    if fault:
        on_a_mount = ", or with relink --to FILE if the output is read-only" if fault == _ELSEWHERE else ""
        yield f"{output / CATALOGUE}: {fault}; {_RELINK}{on_a_mount}"


def _fault_of_catalogue(output: Path, history: History) -> str | None:
    last = history.runs[-1]
    if not (output / CATALOGUE).is_file():
        return "is missing"
    if not shows(output, last.run):
        return "does not show the published run"
    changes = find_changes(output, history).sources
    try:
        with duckdb.connect(str(output / CATALOGUE), read_only=True) as connection:
            views = dict(connection.execute("SELECT view_name, sql FROM duckdb_views()").fetchall())
            connection.execute("SELECT count(*), max(length(definition)), max(error) FROM segments").fetchall()
    except duckdb.Error as error:
        return f"is damaged: {str(error).splitlines()[0]}"
    if literal(output / RUNS / last.folder)[1:-1] + os.sep not in views.get("membership", ""):
        return _ELSEWHERE
    if not _names(views.get("membership_changes", ""), changes):
        return "does not show all changes"
    return None


def _names(sql: str, sources: Iterable[Path]) -> bool:
    return all(literal_source(source) in sql for source in sources)
