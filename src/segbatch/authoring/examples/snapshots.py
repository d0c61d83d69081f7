"""Small snapshots of the contacts of examples, with a plan for the segment that they belong to."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from segbatch.authoring.examples.contacts import ExampleContact, contacts_of, missing_columns
from segbatch.authoring.examples.values import JSON, arrow_of, column_array, stored_type
from segbatch.compiler.clock import Clock
from segbatch.compiler.plan import PlanInputs, make_plan
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare_over
from segbatch.compiler.relative_dates import read_relative
from segbatch.compiler.samples import IdColumn
from segbatch.definitions.definition import Definition, Definitions
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.keys import PROJECT_COLUMN, longest_key
from segbatch.snapshot.id_format import has_uuids
from segbatch.snapshot.locations import in_memory
from segbatch.snapshot.open_snapshot import open_files
from segbatch.snapshot.parquet.files import open_file

_NAME = "examples"
_ROW = "segbatch:row"
"""The column that numbers the contacts, because examples need no ids."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].+")
_COMPARING = {"eq", "neq", "gt", "gte", "lt", "lte", "between", "in", "not_in"}
_PRESENCE = {"exists", "empty", "blank", "not_blank"}


@dataclass(frozen=True, slots=True)
class PreparedExamples:
    """The contacts of the examples of a segment, and the plan of the segment over them.

    Attributes:
        contacts: The contacts, in the order of the rows.
        prepared: The plan, and the snapshot of the contacts.
    """

    contacts: Sequence[ExampleContact]
    prepared: PreparedEvaluation

    def rows(self) -> Iterator[tuple[ExampleContact, int, pl.DataFrame]]:
        """Yield each contact with the number of its row and a frame with this row only."""
        frames = self.prepared.snapshot.batches(self.prepared.plan.leaves, len(self.contacts))
        rows = (row for batch in frames for row in batch.frame.iter_slices(1))
        for number, (contact, row) in enumerate(zip(self.contacts, rows, strict=True)):
            yield contact, number, row


@dataclass(frozen=True, slots=True)
class ByValues:
    """Types taken from the values of all examples of a segment, as from JSON, or from a schema file.

    Attributes:
        options: The options of the evaluation; the contacts in them are not used.
        clock: The time of the evaluation.
        columns: The columns of a schema file; None to take the types from the values.
    """

    options: EvaluationOptions
    clock: Clock
    columns: Mapping[str, pl.DataType] | None = None

    def prepare(self, definition: Definition, closure: Definitions) -> PreparedExamples:
        """Prepare the examples of a segment.

        Args:
            closure: The segment, and all segments that it refers to.

        Raises:
            ExceptionGroup: Keys or values cannot be used; one `InvalidExampleError` for each.
        """
        contacts = contacts_of(definition.segment, self.columns)
        names = {*closure.fields(), *closure.tables, PROJECT_COLUMN, self.options.id_column}
        types = self._types(contacts, names)
        if self.columns is None:
            rules = (rule for entry in closure.good for _, rule in entry.segment.rule_paths())
            types |= _date_columns(contacts, rules)
        arrays = {name: column_array(name, arrow_type, contacts) for name, arrow_type in types.items()}
        table = pa.table({_ROW: pa.array(range(len(contacts)), pa.int64()), **arrays})
        snapshot = open_files([in_memory(_NAME, table)], _ROW).with_fields(names)
        ids = IdColumn(self.options.id_column, has_uuids=True)
        return PreparedExamples(contacts, prepare_over(snapshot, closure, self.options, self.clock, id_column=ids))

    def _types(self, contacts: Sequence[ExampleContact], names: set[str]) -> dict[str, pa.DataType]:
        if self.columns is not None:
            return {name: arrow_of(dtype) for name, dtype in self.columns.items()}
        present = {name: pl.String() for contact in contacts for name in contact.columns}
        if self.options.project is not None:
            names = names - {PROJECT_COLUMN}  # as in a run, all contacts then belong to the project
        return dict.fromkeys((*present, *missing_columns(sorted(names), present)), JSON)


@dataclass(frozen=True, slots=True)
class BySnapshot:
    """Types taken from a snapshot.

    Attributes:
        options: The options of the evaluation.
        prepared: The snapshot, opened for the definitions.
    """

    options: EvaluationOptions
    prepared: PreparedEvaluation

    def prepare(self, definition: Definition, closure: Definitions) -> PreparedExamples:
        """Prepare the examples of a segment without rules on tables; see `ByValues.prepare`."""
        snapshot = self.prepared.snapshot
        contacts = contacts_of(definition.segment, snapshot.schema)
        ids = IdColumn(snapshot.id_column, has_uuids(snapshot.id_type))
        plan = make_plan(
            closure.good,
            snapshot.schema,
            self.prepared.clock,
            project=self.options.project,
            contacts_of=self.options.project,
            inputs=PlanInputs(snapshot.empty_frame, ids, lists=self.prepared.lists),
        )
        given = {name for contact in contacts for name in contact.columns}
        read = {longest_key(path, snapshot.schema)[0] for path in snapshot.columns(plan.leaves)}
        arrays = {
            column.name: column_array(column.name, column.type, contacts)
            if column.name in given
            else pa.nulls(len(contacts), stored_type(column.type))
            for column in snapshot.arrow
            if column.name in given | read
        }
        files = (open_file(in_memory(_NAME, pa.table(arrays))),)
        reader = snapshot.reader and snapshot.reader.for_other_rows()
        small = replace(snapshot, files=files, queries=(), reader=reader)
        prepared = PreparedEvaluation(closure, small, self.prepared.clock, plan, self.prepared.lists)
        return PreparedExamples(contacts, prepared)


Preparer = ByValues | BySnapshot
"""The ways to give the contacts of examples their types."""


def _date_columns(contacts: Sequence[ExampleContact], rules: Iterable[Rule]) -> Mapping[str, pa.DataType]:
    """Return the columns that are dates or date-times in any snapshot that fits the rules.

    All their values are ISO 8601 texts, a rule compares them with such a text, and no rule reads them as text.
    """
    named: dict[str, list[Rule]] = {}
    for rule in rules:
        for field in rule.fields:
            named.setdefault(field, []).append(rule)
    inside = {field.partition(".")[0] for field in named if "." in field}
    types = ((name, _date_type(name, contacts, using)) for name, using in named.items() if name not in inside)
    return {name: found for name, found in types if found is not None}


def _date_type(name: str, contacts: Sequence[ExampleContact], rules: Sequence[Rule]) -> pa.DataType | None:
    values = [value for contact in contacts if (value := contact.columns.get(name)) is not None]
    compared = [value for rule in rules if rule.operator in _COMPARING for value in _rule_values(rule)]
    if not values or not all(map(_is_date, values)) or not any(map(_is_date, compared)):
        return None
    if not all(_fits_dates(rule) for rule in rules):
        return None
    dates = (*values, *(value for value in compared if _is_date(value)))
    return pa.date32() if all(map(_DAY.fullmatch, dates)) else pa.timestamp("us", "UTC")


def _rule_values(rule: Rule) -> tuple[Any, ...]:
    return rule.value if isinstance(rule.value, tuple) else (rule.value,)


def _fits_dates(rule: Rule) -> bool:
    """Return whether a rule can be one on dates."""
    if rule.read_as is not None or rule.value_field is not None or rule.ignore_case:
        return False
    if rule.operator in _COMPARING:
        return all(_is_date(value) or read_relative(value) is not None for value in _rule_values(rule))
    return rule.operator in _PRESENCE or rule.shape in {"duration", "days"}


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not (_DAY.fullmatch(value) or _MOMENT.fullmatch(value)):
        return False
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(value).astimezone(UTC).year > 0
    return False
