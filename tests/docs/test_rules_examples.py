"""Each row of the example tables in docs/rules.md is evaluated."""

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from segbatch import DefinitionError, Segment, compile_segment
from segbatch.model.operators import OPERATORS
from segbatch.snapshot.arrow.polars_types import polars_schema, to_frame

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"

TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "float": pa.float32(),
    "decimal": pa.decimal128(10, 2),
    "boolean": pa.bool_(),
    "date-time": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "binary": pa.binary(),
    "struct": pa.struct({"a": pa.int64()}),
}

OPERATOR_GROUPS = [
    frozenset({"eq", "neq"}),
    frozenset({"contains", "not_contains"}),
    frozenset({"gt", "lt", "gte", "lte"}),
    frozenset({"exists", "empty"}),
    frozenset({"blank", "not_blank"}),
    frozenset({"in", "not_in"}),
]

AS_OF = dt.datetime(2025, 6, 15, 12, tzinfo=dt.UTC)

RULE = re.compile(
    r"(?P<operator>\w+)(?: (?P<value>.+?))?(?P<ignoring> ignoring case)?"
    r"(?: missing (?P<missing>\w+))?(?: in (?P<timezone>[A-Z]\w+/\w+))?"
)


def examples() -> list[tuple[str, str, str, str]]:
    """Return the rows of the tables under `<!-- examples -->`: column, contact's value, rule, whether it matches."""
    rows: list[tuple[str, str, str, str]] = []
    for table in PAGE.read_text().split("<!-- examples -->\n\n")[1:]:
        body = table.split("\n\n", 1)[0].splitlines()[2:]
        for line in body:
            column, has, rule, holds = (cell.strip().strip("`") for cell in line.strip("|").split(" | "))
            rows.append((column, has, rule, holds))
    return rows


def arrow_type(column: str) -> pa.DataType:
    if column.startswith("list of "):
        return pa.list_(arrow_type(column.removeprefix("list of ")))
    return TYPES[column]


def cell(written: str, kind: pa.DataType) -> Any:
    """Parse the value of a contact in the table: JSON, with dates and times as texts."""
    value = json.loads(written, parse_float=Decimal if pa.types.is_decimal(kind) else float)
    if pa.types.is_list(kind) and value is not None:
        return [cell(json.dumps(item), kind.value_type) for item in value]
    if isinstance(value, str):
        if pa.types.is_timestamp(kind):
            return dt.datetime.fromisoformat(value)
        if pa.types.is_date(kind):
            return dt.date.fromisoformat(value)
        if pa.types.is_time(kind):
            return dt.time.fromisoformat(value)
    return value


def answer(column: str, has: str, rule: str) -> str:
    kind = arrow_type(column)
    table = pa.table({"it": pa.array([cell(has, kind)], kind)})
    parts = RULE.fullmatch(rule)
    assert parts, rule
    written = {"field": "it", "operator": parts["operator"], "missing": parts["missing"]}
    if parts["value"]:
        written["value"] = json.loads(parts["value"])
    if parts["ignoring"]:
        written["ignore_case"] = True
    try:
        segment = Segment.model_validate({"id": "s", "name": "S", "rules": [written]})
        condition = compile_segment(
            segment, polars_schema(table.schema), timezone=parts["timezone"] or "UTC", as_of=AS_OF
        )
    except (DefinitionError, ValidationError):
        return "error"
    held = to_frame(table).select(condition.alias("in")).get_column("in").to_list()
    return {(True,): "yes", (False,): "no"}[tuple(held)]


@pytest.mark.parametrize(("column", "has", "rule", "holds"), examples())
def test_an_example_of_the_rule_reference_has_the_documented_result(
    column: str, has: str, rule: str, holds: str
) -> None:
    assert answer(column, has, rule) == holds


@pytest.mark.parametrize("group", OPERATOR_GROUPS)
@pytest.mark.parametrize("column", ["text", "integer", "boolean", "date-time", "date", "list"])
def test_every_column_type_has_an_example_for_every_group_of_operators(column: str, group: frozenset[str]) -> None:
    assert any(kind.split(" of ")[0] == column and rule.split()[0] in group for kind, _, rule, _ in examples())


def test_the_table_of_operators_lists_every_operator() -> None:
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in PAGE.read_text().splitlines() if "|" in line))
    head = next(line for line in PAGE.read_text().splitlines() if line.startswith("| column | value may be |"))
    assert set(OPERATORS) <= {*named, *re.findall(r"`(\w+)`", head)}


def test_every_operator_on_a_field_has_an_example() -> None:
    assert {rule.split()[0] for _, _, rule, _ in examples()} == set(OPERATORS) - {
        "in_list",
        "not_in_list",
        "in_segment",
        "not_in_segment",
        "sample",
    }
