"""The aggregates of all contacts, in the order of the contacts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from segbatch.platform.bounded_executor import map_ahead
from segbatch.snapshot.related.aggregation import aggregate_rows
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.partitions import RANGE, ArrangedRows, Partitions, arrange
from segbatch.snapshot.related.query import TableCounts, TableQuery
from segbatch.snapshot.related.row_numbers import ORPHAN, ContactRows
from segbatch.snapshot.related.table_rows import read_rows, select_rows

if TYPE_CHECKING:
    from segbatch.snapshot.batch import Batch

_BATCH = 500_000
_AHEAD = 2


class TableValues:
    """The aggregates of a table: one pass over it, then the values of the contacts in their order.

    Attributes:
        counts: The rows that were read.
    """

    def __init__(self, query: TableQuery, contacts: int) -> None:
        """Begin without rows.

        Args:
            query: The aggregates.
            contacts: The number of contacts.
        """
        self.counts = TableCounts()
        self._query, self._contacts = query, contacts
        self._stack = ExitStack()
        self._partitions = Partitions(contacts)
        self._begun = 0
        self._waiting: list[Future[pl.DataFrame]] = []
        self._current = pl.DataFrame()

    def __enter__(self) -> Self:
        """Return the values; leaving the block deletes temporary files."""
        self._stack.enter_context(self._partitions)
        self._pool = self._stack.enter_context(ThreadPoolExecutor(_AHEAD, "aggregate"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the work that was begun, and delete temporary files."""
        for future in self._waiting:
            future.cancel()
        self._stack.close()

    def read(self, contacts: ContactRows) -> None:
        """Read the whole table. Other threads arrange batches while the next one is read.

        Raises:
            SnapshotError: A file cannot be read, is damaged, or was written while it was read.
        """
        batches = self._query.table.batches(self._query.leaves, _BATCH)
        for counts, rows in map_ahead(self._pool, partial(self._arrange, contacts), batches, _AHEAD):
            self.counts = self.counts.plus(counts.rows, counts.orphans, counts.later)
            self._partitions.add(rows)

    def _arrange(self, contacts: ContactRows, batch: "Batch") -> tuple[TableCounts, ArrangedRows]:
        """Find the contacts of a batch of rows, and sort the rows that an aggregate needs."""
        rows = read_rows(self._query, batch)
        numbers = contacts.find(rows.contacts)
        is_known = numbers != ORPHAN
        counts = TableCounts(len(numbers), int((~is_known).sum()), rows.later)
        wanted = np.flatnonzero(is_known & rows.is_needed)
        return counts, arrange(numbers[wanted], select_rows(rows.columns, wanted))

    def add_needed(self, contacts: ContactRows, ids: pl.Series, columns: pl.DataFrame) -> int:
        """Add rows that aggregates need if their contacts are known, in the order of the table.

        Args:
            ids: The ids of the contacts of the rows, as `comparable_ids` returns them.
            columns: The columns of `TableRows`.

        Returns:
            The number of rows that belong to no contact.
        """
        numbers = contacts.find(ids)
        known = np.flatnonzero(numbers != ORPHAN)
        self._partitions.add(arrange(numbers[known], select_rows(columns, known)))
        return len(numbers) - len(known)

    def take(self, number: int) -> pl.DataFrame:
        """Return the aggregates of the next contacts, one column per aggregate."""
        parts = list[pl.DataFrame]()
        while number:
            if not self._current.height:
                self._current = self._next()
            parts.append(self._current[:number])
            self._current = self._current[number:]
            number -= parts[-1].height
        return pl.concat(parts, rechunk=True) if parts else pl.DataFrame(schema=dict(self._query.columns))

    def _next(self) -> pl.DataFrame:
        while len(self._waiting) < _AHEAD and self._begun < len(self._partitions):
            self._waiting.append(self._pool.submit(self._aggregate, self._begun))
            self._begun += 1
        return self._waiting.pop(0).result()

    def _aggregate(self, index: int) -> pl.DataFrame:
        """Compute the aggregates of a range of contacts."""
        contacts = min(RANGE, self._contacts - index * RANGE)
        return aggregate_rows(self._query, self._partitions.read(index), contacts)


def with_aggregates(
    batches: Iterator["Batch"], queries: Sequence[TableQuery], ids: Callable[[], Iterable[pl.Series]]
) -> Iterator["Batch"]:
    """Add the aggregates of related tables to the batches of a snapshot.

    Args:
        batches: All contacts.
        queries: The aggregates of each table.
        ids: Reads the ids of all contacts.
    """
    with ExitStack() as stack:
        contacts = ContactRows(map(comparable_ids, ids()))
        tables = [stack.enter_context(TableValues(query, contacts.contacts)) for query in queries]
        for table in tables:
            table.read(contacts)
        del contacts
        counts = {query.name: table.counts for query, table in zip(queries, tables, strict=True)}
        for batch in batches:
            frames = [batch.frame, *(table.take(len(batch.ids)) for table in tables)]
            yield replace(batch, frame=pl.concat(frames, how="horizontal"), tables=counts)
