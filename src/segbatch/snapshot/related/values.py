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
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.related.aggregation import aggregate_rows
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.partitions import (
    RANGE,
    TIME,
    ArrangedRows,
    Partitions,
    arrange,
    condition_column,
    value_column,
)
from segbatch.snapshot.related.query import TableCounts, TableQuery
from segbatch.snapshot.related.row_numbers import ORPHAN, ContactRows

if TYPE_CHECKING:
    from segbatch.snapshot.batch import Batch

_BATCH = 500_000
_AHEAD = 2
_EXISTS = "exists"


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
        self._has_times = any(aggregate.function in {"first", "last"} for aggregate in query.aggregates)
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
        rows = contacts.find(comparable_ids(ids_as_series(batch.ids)))
        columns = _columns_of(self._query, batch.frame, has_times=self._has_times)
        is_known = rows != ORPHAN
        exists = np.ones(len(rows), np.bool_)
        if self._query.exists is not None:
            exists = columns.get_column(_EXISTS).to_numpy()
            columns = columns.drop(_EXISTS)
        counts = TableCounts(len(rows), int((~is_known).sum()), int((~exists).sum()))
        wanted = np.flatnonzero(is_known & exists & self._meet_any(columns))
        kept = pl.DataFrame([column.gather(wanted) for column in columns.iter_columns()])
        return counts, arrange(rows[wanted], kept)

    def _meet_any(self, columns: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return the rows that at least one aggregate needs."""
        if any(aggregate.condition is None for aggregate in self._query.aggregates):
            return np.ones(columns.height, np.bool_)
        names = [condition_column(index) for index in range(len(self._query.conditions))]
        return columns.select(pl.any_horizontal(names)).to_series().to_numpy()

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


def _columns_of(query: TableQuery, frame: pl.DataFrame, *, has_times: bool) -> pl.DataFrame:
    """Return the columns of a batch that the aggregates need."""
    results = frame.select(predicate.alias(str(number)) for number, predicate in enumerate(query.predicates))
    conditions = [condition.alias(condition_column(index)) for index, condition in enumerate(query.conditions)]
    values = [expr.alias(value_column(index)) for index, expr in enumerate(query.values)]
    values += [query.time.alias(TIME)] if has_times and query.time is not None else []
    values += [query.exists.alias(_EXISTS)] if query.exists is not None else []
    found: Sequence[pl.Series] = [*results.select(conditions).iter_columns(), *frame.select(values).iter_columns()]
    return pl.DataFrame(found) if found else pl.DataFrame(height=frame.height)
