"""The changes of all runs, which `membership_changes` shows: which of their files can still be read.

Who is in which segment is known without them, so a lost one stops no run: it is left out, and told of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import Problem
from segbatch.model.manifest import History, PastRun
from segbatch.storage.layout import CHANGES, RUNS

__all__ = ["PastChanges", "find_changes"]

_UNREADABLE = "cannot be read by DuckDB"


@dataclass(frozen=True, slots=True)
class PastChanges:
    """The files of changes that runs have.

    Attributes:
        files: Those that can be read, the oldest first, with the id of their run.
        lost: For each of the others, a warning.
    """

    files: Mapping[Path, str]
    lost: Sequence[Problem]

    @property
    def newest_first(self) -> Sequence[Path]:
        """The files as DuckDB reads them.

        It takes the types of the first file for those of all; those of older versions may have ids of fewer bits.
        """
        return tuple(self.files)[::-1]

    def without(self, broken: Iterable[Path]) -> "PastChanges":
        """Return the same without files that cannot be read after all."""
        gone = set(broken)
        files = {path: run_id for path, run_id in self.files.items() if path not in gone}
        lost = (_warning(path, _UNREADABLE, run_id) for path, run_id in self.files.items() if path in gone)
        return PastChanges(files, (*self.lost, *lost))


def find_changes(output: Path, history: History) -> PastChanges:
    """Look at the file of changes of every run that has some: its size, and the end of it, where Parquet begins.

    Args:
        output: The output folder.
        history: The runs.
    """
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
            return f"has {size:,} bytes and not {past.changes_size:,}"
        pq.read_metadata(path)
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except (OSError, pa.ArrowException) as error:
        is_told = isinstance(error, OSError) and error.strerror
        return f"cannot be read: {error.strerror}" if is_told else "is damaged"
    return None


def _warning(path: Path, fault: str, run_id: str) -> Problem:
    without = f"membership_changes and membership_history go without what changed with run {run_id}"
    remedy = "restore it from a copy and run segbatch relink; segbatch verify finds all that is lost"
    return Problem(f"{fault}; {without}; {remedy}", file=str(path), severity="warning")
