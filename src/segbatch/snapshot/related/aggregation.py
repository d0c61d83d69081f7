"""Aggregation of the rows of a range of contacts, in chunks of bounded size.

Each function keeps one entry per contact of the range. Rows are added in the order of the table, so that sums of
floating-point numbers do not depend on how the rows are split into chunks.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, assert_never

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.platform.iterators import gather
from segbatch.snapshot.related.partitions import CONTACT, TIME, condition_column, value_column
from segbatch.snapshot.related.query import Aggregate, TableQuery
from segbatch.snapshot.related.reductions import as_units_of, exact_sums, extremes, means, no_values

Rows = npt.NDArray[np.intp]
Numbers = npt.NDArray[np.int64]

_CODE_BITS = 32
_MOST_ROWS = 1 << 20


def aggregate_rows(query: TableQuery, frames: Iterable[pl.DataFrame], contacts: int) -> pl.DataFrame:
    """Return the aggregates of a range of contacts, one column per aggregate.

    Args:
        frames: The rows of the contacts, in the order of the table.
        contacts: The number of contacts of the range.
    """
    order = sorted(query.aggregates, key=_sort_key)
    states = [_accumulator(aggregate, contacts) for aggregate in order]
    for rows in _joined(frames):
        chunk = _Chunk(rows, query)
        for state in states:
            state.add(chunk)
    values = {one.key: state.finish().alias(one.key) for one, state in zip(order, states, strict=True)}
    return pl.DataFrame([values[aggregate.key] for aggregate in query.aggregates])


def _joined(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Join small frames, and slice large ones, since the work for a frame depends on the number of contacts too."""
    for many in gather(frames, _MOST_ROWS, len):
        yield from pl.concat(many).iter_slices(_MOST_ROWS)


def _sort_key(aggregate: Aggregate) -> tuple[int, int]:
    """Sort aggregates by condition and column, since a chunk keeps the rows of the last ones."""
    condition = -1 if aggregate.condition is None else aggregate.condition
    return condition, -1 if aggregate.value is None else aggregate.value


class _Chunk:
    """Some rows of a table, in the order of the table.

    Only the rows of the last condition and value are kept, so aggregates should be added in this order.
    """

    def __init__(self, rows: pl.DataFrame, query: TableQuery) -> None:
        self._all = rows.get_column(CONTACT).to_numpy().astype(np.intp)
        self._conditions = [rows.get_column(condition_column(index)) for index in range(len(query.conditions))]
        self._values = [rows.get_column(value_column(index)) for index in range(len(query.values))]
        self._times = rows.get_column(TIME) if TIME in rows.columns else None
        self._condition: tuple[int, Rows] | None = None
        self._present: tuple[tuple[int | None, int], tuple[Rows, pl.Series]] | None = None

    def _indexes(self, condition: int) -> Rows:
        if self._condition is None or self._condition[0] != condition:
            self._condition = condition, np.flatnonzero(self._conditions[condition].to_numpy())
        return self._condition[1]

    def _of_condition(self, column: pl.Series, condition: int | None) -> pl.Series:
        return column if condition is None else column.gather(self._indexes(condition))

    def contacts(self, condition: int | None) -> Rows:
        """Return the contacts of the rows that meet a condition."""
        return self._all if condition is None else self._all[self._indexes(condition)]

    def present(self, condition: int | None, value: int) -> tuple[Rows, pl.Series]:
        """Return the contacts and the values of the rows that meet a condition and have a value."""
        key = condition, value
        if self._present is None or self._present[0] != key:
            contacts, values = self.contacts(condition), self._of_condition(self._values[value], condition)
            if values.null_count():
                is_present = values.is_not_null()
                contacts, values = contacts[is_present.to_numpy()], values.filter(is_present)
            self._present = key, (contacts, values)
        return self._present[1]

    def timed(self, condition: int | None, value: int) -> tuple[Rows, pl.Series, pl.Series]:
        """Return the contacts, the values and the times of the rows that meet a condition and have a time."""
        if self._times is None:
            raise AssertionError(value)
        contacts, times = self.contacts(condition), self._of_condition(self._times, condition)
        values = self._of_condition(self._values[value], condition)
        if times.null_count():
            has_time = times.is_not_null()
            contacts, values, times = contacts[has_time.to_numpy()], values.filter(has_time), times.filter(has_time)
        return contacts, values, times


class _Accumulator(Protocol):
    """The state of one aggregate for all contacts of a range."""

    def add(self, chunk: _Chunk) -> None:
        """Add the next rows."""

    def finish(self) -> pl.Series:
        """Return the values, one per contact."""


def _accumulator(aggregate: Aggregate, contacts: int) -> _Accumulator:
    """Return the empty state of an aggregate.

    Args:
        contacts: The number of contacts of the range.
    """
    match aggregate.function:
        case "count":
            return _Count(aggregate, contacts)
        case "count_distinct":
            return _CountDistinct(aggregate, contacts)
        case "sum":
            return _Sum(aggregate, contacts)
        case "avg":
            return _Mean(aggregate, contacts)
        case "min" | "max":
            return _Extreme(aggregate, contacts)
        case "first" | "last":
            return _InTime(aggregate, contacts)
        case _:
            assert_never(aggregate.function)


class _State:
    def __init__(self, aggregate: Aggregate, contacts: int) -> None:
        self._aggregate, self._contacts = aggregate, contacts

    def _present(self, chunk: _Chunk) -> tuple[Rows, pl.Series]:
        return chunk.present(self._aggregate.condition, self._value)

    @property
    def _value(self) -> int:
        if self._aggregate.value is None:
            raise AssertionError(self._aggregate)
        return self._aggregate.value


class _Count(_State):
    def __init__(self, aggregate: Aggregate, contacts: int) -> None:
        super().__init__(aggregate, contacts)
        self._number = np.zeros(contacts, np.int64)

    def add(self, chunk: _Chunk) -> None:
        self._number += np.bincount(chunk.contacts(self._aggregate.condition), minlength=self._contacts)

    def finish(self) -> pl.Series:
        return pl.Series(self._number)


class _CountDistinct(_State):
    def __init__(self, aggregate: Aggregate, contacts: int) -> None:
        super().__init__(aggregate, contacts)
        self._pairs: pa.Array | None = None
        self._of_pairs: Rows = np.empty(0, np.intp)

    def add(self, chunk: _Chunk) -> None:
        contacts, values = self._present(chunk)
        column = _comparable(values).to_arrow()
        if self._pairs is not None:
            contacts = np.concatenate([self._of_pairs, contacts])
            column = pa.concat_arrays([self._pairs, column])
        encoded = column.dictionary_encode()
        codes = encoded.indices.to_numpy().astype(np.int64)
        distinct = np.unique((contacts.astype(np.int64) << _CODE_BITS) | codes)
        self._of_pairs = distinct >> _CODE_BITS
        self._pairs = encoded.dictionary.take(pa.array(distinct & ((1 << _CODE_BITS) - 1)))

    def finish(self) -> pl.Series:
        return pl.Series(np.bincount(self._of_pairs, minlength=self._contacts)).cast(pl.Int64)


def _comparable(values: pl.Series) -> pl.Series:
    """Return values of which equal ones are equal in Arrow too: -0.0 becomes 0.0, and structs become hashes."""
    if values.dtype.is_nested():
        return values.hash()
    return values.set(values == 0, 0.0) if values.dtype.is_float() else values


class _Sum(_State):
    """The exact sum of whole numbers and decimals; doubles are added in the order of the rows."""

    def __init__(self, aggregate: Aggregate, contacts: int) -> None:
        super().__init__(aggregate, contacts)
        self._doubles = np.zeros(contacts, np.float64)
        self._whole = pl.zeros(contacts, pl.Int128, eager=True)

    def add(self, chunk: _Chunk) -> None:
        contacts, values = self._present(chunk)
        if values.dtype.is_float():
            with np.errstate(invalid="ignore", over="ignore"):  # of opposite infinities, the sum is NaN: missing
                np.add.at(self._doubles, contacts, values.cast(pl.Float64).to_numpy())
        else:
            self._whole = self._whole + exact_sums(contacts, values.to_physical(), self._contacts)

    def finish(self) -> pl.Series:
        dtype = self._aggregate.dtype
        return pl.Series(self._doubles) if dtype.is_float() else as_units_of(self._whole, dtype)

    def mean(self, counts: Numbers, unit: int) -> pl.Series:
        """Return the sums divided by the counts, rounded once; null if the count is 0.

        Args:
            unit: The number of units of a decimal in 1; 0 if the values are doubles.
        """
        if unit:
            return means(self._whole, counts, unit)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = pl.Series(self._doubles / counts)
        return found.set(pl.Series(counts == 0), None)


class _Mean(_State):
    def __init__(self, aggregate: Aggregate, contacts: int) -> None:
        super().__init__(aggregate, contacts)
        self._sum = _Sum(aggregate, contacts)
        self._counts = np.zeros(contacts, np.int64)
        self._unit = 0

    def add(self, chunk: _Chunk) -> None:
        self._sum.add(chunk)
        contacts, values = self._present(chunk)
        self._counts += np.bincount(contacts, minlength=self._contacts)
        if not values.dtype.is_float():
            self._unit = 10**values.dtype.scale if isinstance(values.dtype, pl.Decimal) else 1

    def finish(self) -> pl.Series:
        return self._sum.mean(self._counts, self._unit)


class _Extreme(_State):
    """The smallest or the largest value."""

    def __init__(self, aggregate: Aggregate, contacts: int) -> None:
        super().__init__(aggregate, contacts)
        self._best = no_values(contacts, aggregate.dtype)

    def add(self, chunk: _Chunk) -> None:
        contacts, values = self._present(chunk)
        self._best = extremes(self._best, contacts, values, is_min=self._aggregate.function == "min")

    def finish(self) -> pl.Series:
        return self._best


class _InTime(_State):
    """The value in the earliest or the latest row; of several with this time, the smallest or the largest value."""

    def __init__(self, aggregate: Aggregate, contacts: int) -> None:
        super().__init__(aggregate, contacts)
        self._is_first = aggregate.function == "first"
        self._values = no_values(contacts, aggregate.dtype)
        self._times = no_values(contacts, pl.Int64())

    def add(self, chunk: _Chunk) -> None:
        contacts, values, times = chunk.timed(self._aggregate.condition, self._value)
        before, self._times = self._times, extremes(self._times, contacts, times, is_min=self._is_first)
        outdated = before.ne_missing(self._times)
        is_best = (times == self._times.gather(contacts)) & values.is_not_null()
        known = self._values.set(outdated, None)
        self._values = extremes(known, contacts[is_best.to_numpy()], values.filter(is_best), is_min=self._is_first)

    def finish(self) -> pl.Series:
        return self._values
