"""The change files of all runs, which the view `membership_changes` shows.

The membership does not depend on them. A lost change file is left out with a warning, and does not stop a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import Problem
from segbatch.model.manifest import History, PastRun
from segbatch.storage.layout import CHANGES, RUNS

_UNREADABLE = "cannot be read by DuckDB"


@dataclass(frozen=True, slots=True)
class PastChanges:
    """The change files of past runs.

    Attributes:
        files: The readable files, oldest first, with their run ids.
        lost: One warning per file that is missing or damaged.
    """

    files: Mapping[Path, str]
    lost: Sequence[Problem]

    @property
    def newest_first(self) -> Sequence[Path]:
        """The files in the order for DuckDB, newest first.

        DuckDB applies the types of the first file to all files. Files of older versions may have ids of fewer bits.
        """
        return tuple(self.files)[::-1]

    def without(self, broken: Iterable[Path]) -> "PastChanges":
        """Return a copy without files that turned out to be unreadable, with a warning for each."""
        gone = set(broken)
        files = {path: run_id for path, run_id in self.files.items() if path not in gone}
        lost = (_warning(path, _UNREADABLE, run_id) for path, run_id in self.files.items() if path in gone)
        return PastChanges(files, (*self.lost, *lost))


def find_changes(output: Path, history: History) -> PastChanges:
    """Find the change files of all runs, and check their sizes and Parquet footers."""
    files, lost = dict[Path, str](), list[Problem]()
    for past in history.runs:
        path = output / RUNS / past.folder / CHANGES
        fault = _fault(path, past) if past.changes else None
        if fault:
            lost.append(_warning(path, fault, past.run.run_id))
        elif past.changes:
            files[path] = past.run.run_id
    return PastChanges(files, lost)


def _fault(path: Path, past: PastRun) -> str | None:
    try:
        size = path.stat().st_size
        if past.changes_size is not None and size != past.changes_size:
            return f"has {size:,} bytes instead of {past.changes_size:,}"
        pq.read_metadata(path)
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except (OSError, pa.ArrowException) as error:
        has_reason = isinstance(error, OSError) and error.strerror
        return f"cannot be read: {error.strerror}" if has_reason else "is damaged"
    return None


def _warning(path: Path, fault: str, run_id: str) -> Problem:
    without = f"membership_changes and membership_history lack the changes of run {run_id}"
    remedy = "restore it from a copy and run segbatch relink; segbatch verify lists all lost files"
    return Problem(f"{fault}; {without}; {remedy}", file=str(path), severity="warning")
