"""Rows of related tables that an aggregate of one contact was made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa

from segbatch.authoring.explain.far_times import value_in
from segbatch.authoring.explain.reports import Rows
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.model.rule import TableRule
from segbatch.snapshot.fields.json_numbers import plain_number
from segbatch.snapshot.fields.resolution import Field, resolve
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import matches_id
from segbatch.snapshot.related.query import Aggregate, TableQuery
from segbatch.snapshot.related.reductions import extremes, no_values

MOST_ROWS = 5
"""Number of rows that are shown for an aggregate."""

_BATCH = 500_000
_TIME, _VALUE = "time", "value"
_OF_ONE_ROW = {"min", "max", "first", "last"}


@dataclass(frozen=True, slots=True)
class ContactRows:
    """The rows of one contact in the related tables of a plan.

    Attributes:
        prepared: The plan and its tables.
        frames: For each table with rows of the contact, these rows, with the columns that rules read.
    """

    prepared: PreparedEvaluation
    frames: Mapping[str, pl.DataFrame]

    def of_rule(self, rule: TableRule) -> Rows:
        """Return the rows that the aggregate of a rule was made of, the latest first if the table has a time column.

        If the aggregate is the value of a single row, this row comes before the others.
        """
        if rule.table not in self.frames:
            return Rows(0)
        query = next(query for query in self.prepared.snapshot.queries if query.name == rule.table)
        aggregate = next(one for one in query.aggregates if one.key == rule.key)
        rows = self._in_order(query, _kept(query, aggregate, self.frames[rule.table]))
        source = _source(query, aggregate, rows)
        if source is not None:
            others = pl.int_range(rows.height, eager=True)
            rows = rows[pl.concat([others.filter(others == source), others.filter(others != source)])]
        fields = [(name, resolve(name, query.table.schema)) for name in dict.fromkeys(self._names(rule))]
        shown = tuple(_values(row, fields) for row in rows[:MOST_ROWS].iter_slices(1))
        return Rows(rows.height, shown, has_source=source is not None)

    def _in_order(self, query: TableQuery, rows: pl.DataFrame) -> pl.DataFrame:
        if query.time is None:
            return rows
        order = rows.select(query.time.alias(_TIME)).to_series()
        return rows[order.arg_sort(descending=True, nulls_last=True)]

    def _names(self, rule: TableRule) -> Iterator[str]:
        """Yield the columns to show: the time of the row, and those that the rule names."""
        time = self.prepared.tables[rule.table].time
        if time is not None:
            yield time.leaf
        if rule.field is not None:
            yield rule.field
        yield from (name for _, row in rule.row_rules() for name in row.fields)


def read_rows(prepared: PreparedEvaluation, contact_id: object) -> ContactRows:
    """Read the rows of a contact in the tables that the plan reads.

    Raises:
        SnapshotError: A table cannot be read to its end.
    """
    queries = prepared.snapshot.queries
    found = {query.name: _rows(query, contact_id) for query in queries}
    return ContactRows(prepared, {name: rows for name, rows in found.items() if rows is not None})


def _rows(query: TableQuery, contact_id: object) -> pl.DataFrame | None:
    """Return the rows of a contact in a table, if any."""
    found = list[pl.DataFrame]()
    if pa.types.is_null(query.table.id_type):
        return None  # the rows belong to no contact
    for batch in query.table.batches(query.leaves, _BATCH):
        is_own = matches_id(ids_as_series(batch.ids), query.table.id_type, contact_id).fill_null(value=False)
        if is_own.any():
            found.append(batch.frame.filter(is_own))
    return pl.concat(found) if found else None


def _kept(query: TableQuery, aggregate: Aggregate, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that count: they existed, meet the condition and have what is aggregated."""
    is_kept = pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True)
    if query.exists is not None:
        is_kept &= rows.select(query.exists.alias("exists")).to_series()
    if aggregate.condition is not None:
        results = rows.select(predicate.alias(str(number)) for number, predicate in enumerate(query.predicates))
        is_kept &= results.select(query.conditions[aggregate.condition].alias("condition")).to_series()
    if aggregate.value is not None:
        is_timed = aggregate.function in {"first", "last"} and query.time is not None
        needed = query.time if is_timed and query.time is not None else query.values[aggregate.value]
        is_kept &= rows.select(needed.is_not_null().alias("needed")).to_series()
    return rows.filter(is_kept)


def _source(query: TableQuery, aggregate: Aggregate, rows: pl.DataFrame) -> int | None:
    """Return the number of the row that has the value of an aggregate; None if it is made of all rows, or of none."""
    if aggregate.function not in _OF_ONE_ROW or aggregate.value is None or not rows.height:
        return None
    is_min = aggregate.function in {"min", "first"}
    values = rows.select(query.values[aggregate.value].alias(_VALUE)).to_series()
    is_candidate = pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True)
    if aggregate.function in {"first", "last"} and query.time is not None:
        times = rows.select(query.time.alias(_TIME)).to_series()
        is_candidate = times == (times.min() if is_min else times.max())
    present = values.filter(is_candidate & values.is_not_null())
    nobody = np.zeros(len(present), np.intp)
    best = extremes(no_values(1, aggregate.dtype), nobody, present, is_min=is_min).cast(values.dtype)
    return (is_candidate & values.eq_missing(best.new_from_index(0, len(values)))).arg_max()


def _values(row: pl.DataFrame, fields: list[tuple[str, Field]]) -> dict[str, object]:
    return {name: _plain(value_in(row.select(field.expr.alias("value")).to_series())) for name, field in fields}


def _plain(value: object) -> object:
    """Return a value as JSON can contain it."""
    match plain_number(value):
        case datetime() as moment:
            return moment.isoformat().replace("+00:00", "Z")
        case date() as day:
            return day.isoformat()
        case Decimal() as number:
            return float(number) if number == Decimal(str(float(number))) else str(number)
        case list() as items:
            return [_plain(item) for item in items]
        case None | str() | bool() | int() | float() as plain:
            return plain
        case _:
            return "an object"
