"""Jobs of the process that reads contacts: the fields that rules can name, their values, and those of contacts."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

from segbatch.authoring.columns.fields import FieldOfRules, frequent_values, list_fields, list_table_fields
from segbatch.authoring.columns.profile import plain_decimal
from segbatch.authoring.explain.far_times import value_in
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.definition import Definitions
from segbatch.engine.local import batch_rows, evaluate_predicates
from segbatch.interfaces.api.contact_jobs import GoingOn
from segbatch.snapshot.fields.json_numbers import plain_number
from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import UnreadableIdError, matches_any_id, matches_id, write_id
from segbatch.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class FieldsJob:
    """The fields that rules can name.

    Attributes:
        definitions: A segment with all contacts of the project, if there is a project.
        seconds: The time limit.
    """

    options: EvaluationOptions
    definitions: Definitions
    seconds: float

    def run(self, going_on: GoingOn) -> tuple[FieldOfRules, ...]:
        """List the fields, those of related tables last.

        Raises:
            DefinitionError: The contacts of the project are not known.
            SnapshotError: The contacts cannot be read.
        """
        prepared = prepare(self.options, self.definitions)
        among = next((one.segment_id for one in self.definitions.good), None)
        if among is not None:
            prepared.plan_of(among)
        return (*list_fields(prepared, among, going_on), *list_table_fields(self.options.tables))


@dataclass(frozen=True, slots=True)
class ValuesJob:
    """The frequent values of a field.

    Attributes:
        definitions: A segment with the contacts that have the field.
        field: The field as rules name it.
        seconds: The time limit.
    """

    options: EvaluationOptions
    definitions: Definitions
    field: str
    seconds: float

    def run(self, going_on: GoingOn) -> tuple[tuple[str | int | float | bool, int], ...]:
        """Count the values, the most frequent ones first.

        Raises:
            DefinitionError: The field does not exist, or the contacts of the project are not known.
            SnapshotError: The contacts cannot be read.
        """
        [probe] = self.definitions.good
        prepared = prepare(self.options, self.definitions)
        prepared.plan_of(probe.segment_id)
        return frequent_values(prepared, self.field, probe.segment_id, going_on)


@dataclass(frozen=True, slots=True)
class FieldsOfContactJob:
    """The fields of one contact.

    Attributes:
        definitions: A segment with all contacts of the project, if there is a project.
        contact: The id of the contact.
        seconds: The time limit.
    """

    options: EvaluationOptions
    definitions: Definitions
    contact: str
    seconds: float

    def run(self, going_on: GoingOn) -> dict[str, Any] | None:
        """Return the columns of the contact; None if it does not exist, or belongs to another project.

        Raises:
            SnapshotError: The contacts cannot be read.
        """
        prepared = prepare(self.options, self.definitions)
        snapshot = prepared.snapshot.with_texts(prepared.snapshot.schema)
        segment_ids = [one.segment_id for one in self.definitions.good]
        if prepared.plan.failed:
            return None
        for batch in snapshot.batches({*snapshot.schema, *prepared.plan.leaves}, batch_rows(1)):
            going_on()
            try:
                is_it = matches_id(ids_as_series(batch.ids), snapshot.id_type, self.contact).fill_null(value=False)
            except UnreadableIdError:
                return None
            if not is_it.any():
                continue
            row = batch.frame.filter(is_it).head(1)
            results = evaluate_predicates(prepared.plan, row)
            conditions = [results.expression_of(prepared.plan_of(one).condition) for one in segment_ids]
            is_theirs = all(results.frame.select(condition).item() for condition in conditions)
            return _fields_of(snapshot, row) if is_theirs else None
        return None


@dataclass(frozen=True, slots=True)
class FieldsOfMembersJob:
    """Chosen fields of some contacts.

    Attributes:
        definitions: A segment whose rules name the fields, and one with all contacts of the project, if there is one.
        probe: The id of the segment whose rules name the fields.
        whole_project: The id of the segment with all contacts of the project; None without a project.
        fields: The fields as rules name them.
        contacts: The ids of the contacts.
        seconds: The time limit.
    """

    options: EvaluationOptions
    definitions: Definitions
    probe: str
    whole_project: str | None
    fields: tuple[str, ...]
    contacts: tuple[str | int, ...]
    seconds: float

    def run(self, going_on: GoingOn) -> dict[str | int, dict[str, Any]]:
        """Return the values of the fields by contact, without contacts that do not exist or are of another project.

        Raises:
            DefinitionError: A field does not exist, or the contacts of the project are not known.
            SnapshotError: The contacts cannot be read.
        """
        prepared = prepare(self.options, self.definitions)
        for segment_id in (self.probe, self.whole_project):
            if segment_id is not None:
                prepared.plan_of(segment_id)
        snapshot, found = prepared.snapshot, dict[str | int, dict[str, Any]]()
        for batch in snapshot.batches(prepared.plan.leaves, batch_rows(1)):
            going_on()
            ids = ids_as_series(batch.ids)
            are_wanted = matches_any_id(ids, snapshot.id_type, self.contacts)
            if are_wanted.any():
                found.update(self._values(prepared, ids.filter(are_wanted), batch.frame.filter(are_wanted)))
            if len(found) == len(self.contacts):
                break
        return found

    def _values(
        self, prepared: PreparedEvaluation, ids: pl.Series, rows: pl.DataFrame
    ) -> Iterator[tuple[str | int, dict[str, Any]]]:
        """Yield the ids of the contacts in some rows that are in the project, each with its values."""
        if self.whole_project is not None:
            results = evaluate_predicates(prepared.plan, rows)
            condition = prepared.plan_of(self.whole_project).condition
            are_theirs = results.frame.select(results.expression_of(condition)).to_series()
            ids, rows = ids.filter(are_theirs), rows.filter(are_theirs)
        fields, forms = prepared.plan.fields, prepared.snapshot.forms
        columns = {name: rows.with_columns(fields[name].expr.alias("v")).get_column("v") for name in self.fields}
        are_json = {name: forms.get(fields[name].leaf) == "json" for name in columns}
        for row, contact_id in enumerate(ids.to_list()):
            values = {name: plain_number(value_in(column.slice(row, 1))) for name, column in columns.items()}
            yield (
                write_id(contact_id, prepared.snapshot.id_type),
                {name: _json_value(value, is_json=are_json[name]) for name, value in values.items()},
            )


def _fields_of(snapshot: Snapshot, row: pl.DataFrame) -> dict[str, Any]:
    """Return a row as JSON data, with JSON texts as the values in them."""
    found = row.select(name for name in row.columns if name in snapshot.schema).to_dicts()[0]
    alias = snapshot.schema.alias
    return {
        "custom_fields" if name == alias else name: _json_value(value, is_json=snapshot.forms.get(name) == "json")
        for name, value in found.items()
    }


def _json_value(value: Any, *, is_json: bool = False) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None  # JSON has neither NaN nor infinity
        case str():
            return _parsed(value) if is_json else value
        case Decimal():
            return plain_decimal(value)
        case bytes():
            return value.hex()
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)  # a column without a zone is in UTC
            return moment.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case dict():
            return {str(key): _json_value(inner) for key, inner in value.items()}
        case list():
            return [_json_value(inner) for inner in value]
        case None | bool() | int():
            return value
        case _:
            return str(value)


def _parsed(text: str) -> Any:
    """Return the value of a JSON text, or the text if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text
