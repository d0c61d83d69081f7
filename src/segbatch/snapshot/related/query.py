"""Aggregates of a related table, as plain data that can be pickled."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl
import pyarrow as pa

from segbatch.model.operators import AggregateName

if TYPE_CHECKING:
    from segbatch.snapshot.batch import Batch


class RowSource(Protocol):
    """The rows of a related table.

    Attributes:
        schema: The columns of the rows.
        id_type: The type of the ids of contacts.
    """

    @property
    def schema(self) -> Mapping[str, pl.DataType]: ...  # noqa: D102 - an attribute

    @property
    def id_type(self) -> pa.DataType: ...  # noqa: D102 - an attribute

    def empty_frame(self, leaves: Iterable[str]) -> pl.DataFrame:
        """Return a frame without rows that has the columns at some paths."""

    def batches(self, leaves: Iterable[str], rows: int) -> Iterator["Batch"]:
        """Read all rows in batches; their ids are the contacts of the rows."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One value per contact.

    Attributes:
        key: The name of the column with the values.
        function: How rows become one value.
        dtype: The type of the values in frames.
        condition: The number of the condition that rows must meet; None for all rows.
        value: The number of the column that is aggregated; None for `count`.
    """

    key: str
    function: AggregateName
    dtype: pl.DataType
    condition: int | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True)
class TableQuery:
    """All aggregates of one related table, which are computed in one pass over it.

    Attributes:
        name: The name of the table in rules.
        table: The rows of the table.
        leaves: The dotted paths of the columns to read.
        predicates: The distinct rules of all conditions, each a boolean expression that is never null.
        conditions: The distinct conditions, over columns that are named by the number of their predicate.
        values: The distinct columns to aggregate.
        aggregates: The distinct aggregates.
        exists: A boolean expression that is true for the rows that existed at the time of the run; None for all.
        time: The time of a row as a whole number, for `first` and `last`; None if the table has no time column.
        time_column: The name of the time column.
    """

    name: str
    table: RowSource
    leaves: frozenset[str]
    predicates: tuple[pl.Expr, ...]
    conditions: tuple[pl.Expr, ...]
    values: tuple[pl.Expr, ...]
    aggregates: tuple[Aggregate, ...]
    exists: pl.Expr | None = None
    time: pl.Expr | None = None
    time_column: str | None = None

    @property
    def columns(self) -> Mapping[str, pl.DataType]:
        """The columns of the aggregates, with their types."""
        return {aggregate.key: aggregate.dtype for aggregate in self.aggregates}

    @property
    def needs_times(self) -> bool:
        """Whether an aggregate depends on the times of the rows."""
        return any(aggregate.function in {"first", "last"} for aggregate in self.aggregates)


@dataclass(frozen=True, slots=True)
class TableCounts:
    """The number of rows of a table that were read.

    Attributes:
        rows: All rows.
        orphans: Rows whose contact is null or not in the snapshot.
        later: Rows that did not exist yet at the time of the run.
    """

    rows: int = 0
    orphans: int = 0
    later: int = 0

    @property
    def has_rows(self) -> bool:
        """Whether there are rows of contacts of the snapshot, and rows that existed at the time of the run."""
        return max(self.orphans, self.later) < self.rows

    def plus(self, rows: int, orphans: int, later: int) -> "TableCounts":
        """Return the counts with those of one more batch."""
        return TableCounts(self.rows + rows, self.orphans + orphans, self.later + later)
