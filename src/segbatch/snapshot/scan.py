"""Passes over all contacts of a snapshot, or over all rows of a table, that collect facts about its values.

What is collected from a part is plain data, and the parts can be read by several processes.
"""

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from segbatch.snapshot.snapshot import Snapshot

_T = TypeVar("_T")


class Scanner(Protocol):
    """Reads snapshots in parts."""

    def scan(self, snapshot: "Snapshot", look: "Callable[[Snapshot], _T]") -> list[_T]:
        """Call a function for each part of a snapshot.

        Args:
            look: Collects facts about a part. It can be pickled, and so can its result.

        Returns:
            The results in the order of the parts, at least one.

        Raises:
            SnapshotError: A file cannot be read, or is damaged.
        """


class LocalScanner:
    """Reads a snapshot as one part, in this process."""

    def scan(self, snapshot: "Snapshot", look: "Callable[[Snapshot], _T]") -> list[_T]:
        """Call a function for the whole snapshot."""
        return [look(snapshot)]


LOCAL = LocalScanner()
