"""Passes over all contacts of a snapshot, or over all rows of a table, that collect facts about its values.

What is collected from a part is plain data, and the parts can be read by several processes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

import polars as pl

from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.row_numbers import ORPHAN, ContactRows

if TYPE_CHECKING:
    from segbatch.snapshot.snapshot import Snapshot

_T = TypeVar("_T")

ReadRows = Callable[["Snapshot"], Iterator[tuple[pl.Series, pl.DataFrame]]]
"""A function from a part of a table to its rows: the ids of their contacts, and numbers in columns."""


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

    def sum_rows(self, contacts: "Snapshot", table: "Snapshot", read: "ReadRows") -> list[int]:
        """Add up numbers of the rows of a table that belong to a contact of a snapshot.

        Args:
            read: Yields the ids of the contacts of some rows of a part of the table, as `comparable_ids` returns them,
                with the numbers of each row. It can be pickled.

        Returns:
            The sum of each number.

        Raises:
            SnapshotError: A file cannot be read, or is damaged.
        """


class LocalScanner:
    """Reads a snapshot as one part, in this process."""

    def scan(self, snapshot: "Snapshot", look: "Callable[[Snapshot], _T]") -> list[_T]:
        """Call a function for the whole snapshot."""
        return [look(snapshot)]

    def sum_rows(self, contacts: "Snapshot", table: "Snapshot", read: "ReadRows") -> list[int]:
        """Add up numbers of the rows that belong to a contact."""
        return add_rows(ContactRows(map(comparable_ids, contacts.ids())), read(table))


def add_rows(known: ContactRows, rows: Iterable[tuple[pl.Series, pl.DataFrame]]) -> list[int]:
    """Return the sum of each number of the rows of known contacts."""
    totals = list[int]()
    for ids, numbers in rows:
        is_known = pl.Series(known.find(ids) != ORPHAN)
        sums = numbers.filter(is_known).select(pl.all().cast(pl.Int64).sum()).row(0)
        totals = [total + more for total, more in zip(totals or [0] * len(sums), sums, strict=True)]
    return totals


LOCAL = LocalScanner()
