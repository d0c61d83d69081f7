"""Random definitions with contacts of a random snapshot as examples: one is right where the oracle says so."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.evaluator import members
from oracle.fields import Form
from oracle.strategies import ALL, Case, cases
from segbatch import Segment
from segbatch.authoring.examples.evaluate import check_examples
from segbatch.authoring.examples.snapshots import BySnapshot, ByValues
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.definitions.definition import Definition, Definitions
from ways import lists_folder


class NotWritableError(Exception):
    """A value has no form in JSON that an example can have."""


def written(value: Any) -> Any:
    """Return a cell as a person writes it into an example."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case Decimal() if Decimal(str(float(value))) == value:
            return float(value)
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
        case date():
            return value.isoformat()
        case dict():
            return {key: written(child) for key, child in value.items()}
        case [(str(), _), *_] if len(dict(value)) == len(value):
            return {key: written(child) for key, child in value}
        case list() if not any(isinstance(item, tuple) for item in value):
            return [written(item) for item in value]
        case _:
            raise NotWritableError


def is_named(column: str, fields: set[str]) -> bool:
    """Return whether rules may read a column."""
    name = column.lower()
    return name in {"id", "project_id"} or any(f"{field.lower()}.".startswith(f"{name}.") for field in fields)


def example(row: Mapping[str, Any], form: Form, fields: set[str]) -> dict[str, Any] | None:
    """Return the fields that rules read as an example; None if one cannot be written, or its JSON is broken."""
    contact = dict[str, Any]()
    for name, value in row.items():
        cell = value
        if not is_named(name, fields):
            continue
        if name == "custom_fields" and form == "json" and value is not None:
            try:
                cell = json.loads(value)
            except ValueError:
                return None
            if not isinstance(cell, dict):
                return None
        if name == "custom_fields" and form == "map" and value == []:
            cell = {}
        try:
            contact[name] = written(cell)
        except NotWritableError:
            return None
    return contact


def definitions_of(case: Case, examples: Mapping[str, Any]) -> Iterator[Definition]:
    for segment_id, data in case.segments.items():
        with suppress(ValueError):
            yield Definition(Segment.model_validate({**data, "examples": examples.get(segment_id)}))


@pytest.mark.parametrize("form", ["struct", "json", "map"])
@given(data=st.data())
def test_an_example_is_right_where_the_oracle_says_so(form: Form, data: st.DataObject) -> None:
    case = data.draw(cases(ALL, form))
    rows, schema = case.table.to_pylist(), case.table.schema
    fields = Definitions(tuple(definitions_of(case, {})), ()).fields()
    contacts = {number: example(row, form, fields) for number, row in enumerate(rows)}
    known = {number: contact for number, contact in contacts.items() if contact is not None}
    if not known:
        return
    side = data.draw(st.fixed_dictionaries({number: st.booleans() for number in known}))
    inside, outside = ([number for number in known if side[number] is wanted] for wanted in (True, False))
    examples = {"in": [known[number] for number in inside], "out": [known[number] for number in outside]}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.parquet"
        pq.write_table(case.table, path)
        options = EvaluationOptions(
            path, as_of=case.options["as_of"], timezone=case.options["timezone"], allow_empty=True
        )
        definitions = Definitions(
            tuple(definitions_of(case, dict.fromkeys(case.segments, examples))), (), lists_folder()
        )
        prepared = prepare(options, definitions)
        typed = BySnapshot(options, prepared)
        found = [*check_examples(prepared.definitions, prepared.plan.failed, ByValues(options, prepared.clock), typed)]
    for planned in prepared.plan.segments:
        segment_id = planned.definition.segment_id
        expected = members(case.segments[segment_id], rows, schema, **case.options)
        wrong = {f"$.examples.in[{i}]" for i, number in enumerate(inside) if not expected[number]}
        wrong |= {f"$.examples.out[{i}]" for i, number in enumerate(outside) if expected[number]}
        assert {problem.path for problem in found if problem.segment_id == segment_id} == wrong
