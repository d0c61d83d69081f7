"""The result of checking an output, and what checks of a folder and of a store have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from segbatch.model.manifest import PublishedFile

RESTORE = "restore it from a copy"
MISSING = "is missing"
CHANGED = "was changed: its checksum differs from the one in the manifest"

_TRIES = 3
_Pointer = TypeVar("_Pointer")

Progress = Callable[[int, int], None]
"""Called regularly with the number of bytes read and the total."""


@dataclass(slots=True)
class Verified:
    """The result of a check.

    Attributes:
        runs: The number of runs whose members were checked.
        size: The recorded size of these files in bytes.
        problems: The problems found, one line each.
    """

    runs: int = 0
    files: int = 0
    size: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file of a run that is to be read.

    Attributes:
        folder: The name of the run's folder.
        written: The record of the file in the manifest.
        remedy: The advice if the file is damaged or missing.
        may_go: Whether the file may be pruned.
    """

    folder: str
    written: PublishedFile
    remedy: str
    may_go: bool


def check_settled(pointer: Callable[[], _Pointer], check: Callable[[_Pointer], Verified]) -> Verified:
    """Check an output, up to three times if runs are published meanwhile, as problems may mix old and new files.

    Args:
        pointer: Returns what names the published run.
        check: Checks the output with this pointer.
    """
    for _ in range(_TRIES):
        before = pointer()
        found = check(before)
        if not found.problems or pointer() == before:
            break
    return found


def find_size_fault(size: int, written: PublishedFile) -> str | None:
    """Return the fault of a file with the given size, if it is not the recorded one."""
    return None if size == written.size else f"has {size:,} bytes instead of {written.size:,}"
