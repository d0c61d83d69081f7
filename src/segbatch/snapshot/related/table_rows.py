"""The rows of a batch of a related table: which of them an aggregate needs, and the columns that it needs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.related.ids import comparable_ids
from segbatch.snapshot.related.partitions import TIME, condition_column, value_column
from segbatch.snapshot.related.query import TableQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segbatch.snapshot.batch import Batch

_EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a batch of a related table.

    Attributes:
        contacts: The ids of the contacts that the rows belong to, as `comparable_ids` returns them.
        columns: The results of the conditions, the values to aggregate, and the times if an aggregate depends on them.
        is_needed: Whether an aggregate needs the row, if its contact is in the snapshot.
        later: The number of rows that did not exist yet at the time of the run.
    """

    contacts: pl.Series
    columns: pl.DataFrame
    is_needed: npt.NDArray[np.bool_]
    later: int


def read_rows(query: TableQuery, batch: "Batch") -> TableRows:
    """Evaluate the conditions of a query over a batch of rows."""
    columns = _columns_of(query, batch.frame)
    is_needed = _meet_any(query, columns)
    later = 0
    if query.exists is not None:
        exists = columns.get_column(_EXISTS).to_numpy()
        columns = columns.drop(_EXISTS)
        is_needed, later = is_needed & exists, int((~exists).sum())
    return TableRows(comparable_ids(ids_as_series(batch.ids)), columns, is_needed, later)


def select_rows(columns: pl.DataFrame, rows: npt.NDArray[np.intp]) -> pl.DataFrame:
    """Return some rows of a frame."""
    return pl.DataFrame([column.gather(rows) for column in columns.iter_columns()])


def _meet_any(query: TableQuery, columns: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return the rows that meet the condition of at least one aggregate."""
    if any(aggregate.condition is None for aggregate in query.aggregates):
        return np.ones(columns.height, np.bool_)
    names = [condition_column(index) for index in range(len(query.conditions))]
    return np.asarray(columns.select(pl.any_horizontal(names)).to_series().to_numpy())


def _columns_of(query: TableQuery, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of a batch that the aggregates need."""
    results = frame.select(predicate.alias(str(number)) for number, predicate in enumerate(query.predicates))
    conditions = [condition.alias(condition_column(index)) for index, condition in enumerate(query.conditions)]
    values = [expr.alias(value_column(index)) for index, expr in enumerate(query.values)]
    values += [query.time.alias(TIME)] if query.needs_times and query.time is not None else []
    values += [query.exists.alias(_EXISTS)] if query.exists is not None else []
    found: Sequence[pl.Series] = [*results.select(conditions).iter_columns(), *frame.select(values).iter_columns()]
    return pl.DataFrame(found) if found else pl.DataFrame(height=frame.height)
