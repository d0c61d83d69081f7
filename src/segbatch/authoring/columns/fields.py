"""The fields that rules can name: their operators, and the values that authors can choose from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import Any, get_args

import polars as pl

from segbatch.authoring.columns.field_values import FieldCounter
from segbatch.authoring.columns.profile import UNIQUE_SHARE, plain_value
from segbatch.authoring.columns.value_sketch import LEAST_CONTACTS
from segbatch.compiler.clock import read_clock
from segbatch.compiler.lowering import LOWERING_ERRORS, lower
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.typed_test import FieldType
from segbatch.engine.local import evaluate_predicates
from segbatch.errors import DatabaseError, SnapshotError, UsageError
from segbatch.model.operators import OperatorName, shape_of
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.types import Kind, element_type, kind_of
from segbatch.snapshot.related.sources import Tables, TableSource, sources_of
from segbatch.snapshot.related.tables import open_rows
from segbatch.snapshot.schema_file import type_name

_BATCH = 50_000
_MOST_CONTACTS = 200_000
"""The contacts that are looked at for keys in JSON texts and maps."""

_MOST_COUNTED = 200_000
"""Above this number of counts, those of equal values are summed."""

_VALUES: dict[str, tuple[Any, ...]] = {
    "nothing": (None,),
    "one": ("a", 1, True, "2025-01-01", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    "text": ("a",),
    "list": (("a",), (1,), (True,), ("2025-01-01",), ("6ba7b810-9dad-11d1-80b4-00c04fd430c8",)),
    "pair": (("a", "b"), (1, 2), ("2025-01-01", "2025-01-02")),
    "duration": ("1d",),
    "days": ("1d",),
}
"""For each form of value, values of all types that fields have."""


@dataclass(frozen=True, slots=True)
class FieldOfRules:
    """A field that rules can name.

    Attributes:
        path: The field as rules name it.
        type: The type that rules read it as.
        operators: The operators that the type supports.
        table: The related table that has the field; None for a field of the contacts.
    """

    path: str
    type: str
    operators: tuple[OperatorName, ...]
    table: str | None = None


def operators_for(dtype: pl.DataType) -> tuple[OperatorName, ...]:
    """Return the operators that a type of field supports."""
    return _operators(kind_of(dtype), kind_of(element_type(dtype)))


@cache
def _operators(kind: Kind, element: Kind) -> tuple[OperatorName, ...]:
    return tuple(name for name in get_args(OperatorName) if _is_supported(name, FieldType(kind, element)))


def _is_supported(operator: OperatorName, field: FieldType) -> bool:
    """Return whether the compiler accepts a rule with the operator and some value."""
    if operator in {"in_list", "not_in_list"}:
        operator = "in"
    clock = read_clock(None, "UTC", datetime.now(UTC))
    for value in _VALUES.get(shape_of(operator), ()):
        try:
            lower(Rule.model_validate({"field": "f", "operator": operator, "value": value}), field, clock)
        except LOWERING_ERRORS:
            continue
        return True
    return False


def list_fields(
    prepared: PreparedEvaluation, among: str | None, going_on: Callable[[], None] = lambda: None
) -> tuple[FieldOfRules, ...]:
    """List the columns, and the fields in them that some contact has.

    Fields in JSON texts and maps are those of the first 200,000 contacts.

    Args:
        among: A planned segment with the contacts to look at; all contacts by default.
        going_on: Called after each batch of contacts; an exception that it raises stops the listing.
    """
    snapshot = prepared.snapshot.with_texts(prepared.snapshot.schema)
    counter = FieldCounter(snapshot.schema, snapshot.forms, snapshot.schema.alias, is_table=False)
    counter.add(snapshot.empty_frame(snapshot.schema), pl.Series([], dtype=pl.String))
    left = _MOST_CONTACTS
    for batch in snapshot.batches({*snapshot.schema, *prepared.plan.leaves}, _BATCH):
        frame = _only(prepared, among, batch.frame)
        counter.add(frame, pl.int_range(frame.height, eager=True))
        left -= frame.height
        going_on()
        if left <= 0:
            break
    columns = {snapshot.schema.alias: "custom_fields"} if snapshot.schema.alias else {}
    names = {columns.get(name, name) for name in snapshot.schema}
    return tuple(
        FieldOfRules(found.path, type_name(found.dtype), operators_for(found.dtype))
        for found in counter.fields()
        if found.present or found.path in names
    )


def list_table_fields(tables: Tables | None) -> tuple[FieldOfRules, ...]:
    """List the columns of related tables, and the fields in them that their types have.

    Keys in JSON texts and maps are left out, because they may be those of other projects. So are tables that cannot be
    read: rules on them have errors of their own.
    """
    return tuple(chain.from_iterable(_fields_of_table(name, source) for name, source in sources_of(tables).items()))


def _fields_of_table(name: str, source: TableSource) -> Iterator[FieldOfRules]:
    try:
        rows = open_rows(name, source)
    except (DatabaseError, SnapshotError, UsageError):
        return
    counter = FieldCounter(rows.schema, rows.forms, rows.schema.alias, is_table=True)
    counter.add(rows.empty_frame(rows.schema), pl.Series([], dtype=pl.String))
    for found in counter.fields():
        yield FieldOfRules(found.path, type_name(found.dtype), operators_for(found.dtype), name)


def frequent_values(
    prepared: PreparedEvaluation, field: str, among: str, going_on: Callable[[], None] = lambda: None
) -> tuple[tuple[str | int | float | bool, int], ...]:
    """Count the values of a field that at least five contacts have, the most frequent ones first.

    Fields with very many values that are almost all different, such as e-mail addresses, have none.

    Args:
        field: A field that the plan reads.
        among: A planned segment with the contacts to look at.
        going_on: Called after each batch of contacts; an exception that it raises stops the count.
    """
    found = prepared.plan.fields[field]
    is_list = found.kind is Kind.LIST
    dtype = element_type(found.dtype) if is_list else found.dtype
    if kind_of(dtype) in {Kind.LIST, Kind.STRUCT, Kind.OTHER, Kind.NOTHING}:
        return ()
    counts, present, most = list[pl.DataFrame](), 0, _MOST_COUNTED
    for batch in prepared.snapshot.batches(prepared.plan.leaves, _BATCH):
        values = _only(prepared, among, batch.frame).select(found.expr.alias("v"))
        values = (values.select(pl.col("v").list.unique()).explode("v") if is_list else values).drop_nulls()
        present += values.height
        counts.append(values.group_by("v").agg(pl.len().alias("n")))
        if sum(count.height for count in counts) > most:
            counts = [_summed(counts)]
            most = max(most, 2 * counts[0].height)
            if counts[0].height >= UNIQUE_SHARE * present:
                return ()
        going_on()
    kept = _summed(counts).filter(pl.col("n") >= LEAST_CONTACTS) if counts else pl.DataFrame({"v": [], "n": []})
    return tuple(_plain(kept.sort("n", descending=True, maintain_order=True), dtype))


def _summed(counts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(counts).group_by("v", maintain_order=True).agg(pl.col("n").sum()).sort("v")


def _plain(counts: pl.DataFrame, dtype: pl.DataType) -> Iterator[tuple[str | int | float | bool, int]]:
    for value, number in counts.iter_rows():
        yield plain_value(value, dtype), number


def _only(prepared: PreparedEvaluation, among: str | None, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the contacts of a batch that are in a segment."""
    if among is None:
        return frame
    planned = prepared.plan_of(among)
    results = evaluate_predicates(prepared.plan, frame)
    return frame.filter(results.frame.select(results.expression_of(planned.condition)).to_series())
