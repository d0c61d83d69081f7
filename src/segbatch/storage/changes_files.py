"""The change files of all runs, which the view `membership_changes` shows.

The membership does not depend on them. A lost change file is left out with a warning, and does not stop a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import Problem, PublishError
from segbatch.model.manifest import History, PastRun
from segbatch.storage.layout import RUNS
from segbatch.storage.manifest_io import read_manifest
from segbatch.storage.run_files import changes_source, is_changes, written_files

_UNREADABLE = "cannot be read by DuckDB"


@dataclass(frozen=True, slots=True)
class PastChanges:
    """The changes of past runs.

    Attributes:
        sources: The readable files, oldest first, with their run ids. The files of a run on a cluster are given by
            their folder.
        lost: One warning per file that is missing or damaged.
    """

    sources: Mapping[Path, str]
    lost: Sequence[Problem]

    @property
    def newest_first(self) -> Sequence[Path]:
        """The sources in the order for DuckDB, newest first.

        DuckDB applies the types of the first file to all files. Files of older versions may have ids of fewer bits.
        """
        return tuple(self.sources)[::-1]

    @property
    def newest_file(self) -> Path | None:
        """One of the files of the newest run; None if no run has changes."""
        return next((_first_file(source) for source in self.newest_first), None)

    def without(self, broken: Iterable[Path]) -> "PastChanges":
        """Return a copy without sources that turned out to be unreadable, with a warning for each."""
        gone = set(broken)
        sources = {path: run_id for path, run_id in self.sources.items() if path not in gone}
        lost = (_warning(path, _UNREADABLE, run_id) for path, run_id in self.sources.items() if path in gone)
        return PastChanges(sources, (*self.lost, *lost))


def find_changes(output: Path, history: History) -> PastChanges:
    """Find the change files of all runs, and check their sizes and Parquet footers.

    Of the files of a run on a cluster, only the first footer is read: there may be thousands.
    """
    sources, lost = dict[Path, str](), list[Problem]()
    for past in history.runs:
        if past.changes:
            folder = output / RUNS / past.folder
            source = folder / changes_source(past)
            faults = _faults(source, past) if past.buckets is None else _faults_of_buckets(folder, past)
            lost += (_warning(path, fault, past.run.run_id) for path, fault in faults.items())
            sources |= {} if faults else {source: past.run.run_id}
    return PastChanges(sources, lost)


def has_all_changes(folder: Path, past: PastRun) -> bool:
    """Return whether the folder of a run has all its files of changes, by their number and size."""
    try:
        if past.buckets is None:
            size = (folder / changes_source(past)).stat().st_size
            return past.changes_size is None or size == past.changes_size
        sizes = [path.stat().st_size for path in (folder / changes_source(past)).glob("*.parquet")]
    except (FileNotFoundError, NotADirectoryError):
        return False
    return len(sizes) == past.buckets and sum(sizes) == past.changes_size


def _faults(path: Path, past: PastRun) -> Mapping[Path, str]:
    """Return the fault of the only file of changes of a run, if it has one."""
    fault = _fault(path, past.changes_size)
    return {path: fault} if fault else {}


def _faults_of_buckets(folder: Path, past: PastRun) -> Mapping[Path, str]:
    """Return the faults of the files of changes of a run on a cluster. The manifest is read if there are any."""
    source = folder / changes_source(past)
    with suppress(OSError):
        if has_all_changes(folder, past):
            first = _first_file(source)
            fault = _fault(first, None)
            return {first: fault} if fault else {}
    try:
        written = written_files(read_manifest(folder), is_changes)
    except PublishError:
        written = ()
    faults = {folder / file.path: _fault(folder / file.path, file.size) for file in written}
    found = {path: fault for path, fault in faults.items() if fault}
    return found or {source: "does not have the recorded files"}


def _fault(path: Path, recorded: int | None) -> str | None:
    """Return the fault of a file, if any.

    Args:
        recorded: Its size in bytes; None if it is not known.
    """
    try:
        size = path.stat().st_size
        if recorded is not None and size != recorded:
            return f"has {size:,} bytes instead of {recorded:,}"
        pq.read_metadata(path)
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except (OSError, pa.ArrowException) as error:
        has_reason = isinstance(error, OSError) and error.strerror
        return f"cannot be read: {error.strerror}" if has_reason else "is damaged"
    return None


def _first_file(source: Path) -> Path:
    return min(source.glob("*.parquet")) if source.is_dir() else source


def _warning(path: Path, fault: str, run_id: str) -> Problem:
    without = f"membership_changes and membership_history lack the changes of run {run_id}"
    remedy = "restore it from a copy and run segbatch relink; segbatch verify lists all lost files"
    return Problem(f"{fault}; {without}; {remedy}", file=str(path), severity="warning")
