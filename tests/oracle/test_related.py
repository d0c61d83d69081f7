"""The evaluator on rules about related tables, held against the sentences of the contract."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .evaluator import Refused, check, members
from .related import RelatedTable
from .related_worlds import related_cases

if TYPE_CHECKING:
    from .fields import Form

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
CONTACTS = [{"id": "a"}, {"id": "b"}, {"id": "c"}]
ORDERS = pa.schema(
    [
        ("contact_id", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("status", pa.string()),
        ("amount", pa.decimal128(10, 2)),
        ("rate", pa.float64()),
        ("tags", pa.list_(pa.string())),
    ]
)


def order(contact: str | None, day: int | None, status: str | None, amount: str | None, rate: float | None) -> Any:
    at = None if day is None else datetime(2025, 6, day, tzinfo=UTC)
    cells = (contact, at, status, None if amount is None else Decimal(amount), rate, None)
    return dict(zip(ORDERS.names, cells, strict=True))


ROWS = [
    order("a", 1, "paid", "10.00", 1.0),
    order("a", 2, "open", "5.50", math.nan),
    order("a", 2, "paid", None, None),
    order("a", 20, "paid", "100.00", 2.0),
    order("b", None, "paid", "1.00", 0.5),
    order("nobody", 1, "paid", "1.00", 0.5),
    order(None, 1, "paid", "1.00", 0.5),
]


def found(time: str | None = None, **rule: Any) -> str:
    """Give the ids of the contacts that a rule about the orders holds."""
    table = RelatedTable(ORDERS, ROWS, time=time)
    written = {"table": "orders", **rule}
    held = members(
        {"id": "s", "rules": [written]},
        CONTACTS,
        pa.schema([("id", pa.string())]),
        as_of=NOW,
        tables={"orders": table},
    )
    return "".join(row["id"] for row, is_held in zip(CONTACTS, held, strict=True) if is_held)


PAID = [{"field": "status", "operator": "eq", "value": "paid"}]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"operator": "gte", "value": 1}, "ab"),
        ({"operator": "eq", "value": 0}, "c"),
        ({"operator": "eq", "value": 4}, "a"),
        ({"operator": "eq", "value": 3, "where": PAID}, "a"),
        ({"operator": "eq", "value": 3, "time": "at"}, "a"),
        ({"operator": "eq", "value": 2, "where": PAID, "time": "at"}, "a"),
        ({"operator": "empty"}, ""),
        ({"aggregate": "sum", "field": "amount", "operator": "eq", "value": 115.5}, "a"),
        ({"aggregate": "sum", "field": "amount", "operator": "eq", "value": 15.5, "time": "at"}, "a"),
        ({"aggregate": "sum", "field": "amount", "operator": "eq", "value": 0}, "c"),
        ({"aggregate": "sum", "field": "rate", "operator": "exists"}, "abc"),
        ({"aggregate": "avg", "field": "rate", "operator": "eq", "value": 1.5}, "a"),
        ({"aggregate": "avg", "field": "amount", "operator": "empty"}, "c"),
        ({"aggregate": "count_distinct", "field": "status", "operator": "eq", "value": 2}, "a"),
        ({"aggregate": "count_distinct", "field": "rate", "operator": "eq", "value": 2}, "a"),
        ({"aggregate": "max", "field": "status", "operator": "eq", "value": "paid"}, "ab"),
        ({"aggregate": "min", "field": "status", "operator": "eq", "value": "OPEN", "ignore_case": True}, "a"),
        ({"aggregate": "max", "field": "at", "operator": "within_last", "value": "14d", "time": "at"}, "a"),
        ({"aggregate": "max", "field": "at", "operator": "neq", "value": "2025-06-20"}, "bc"),
        ({"aggregate": "first", "field": "amount", "operator": "eq", "value": 10, "time": "at"}, "a"),
        ({"aggregate": "last", "field": "amount", "operator": "eq", "value": 5.5, "time": "at"}, "a"),
        ({"aggregate": "last", "field": "status", "operator": "eq", "value": "paid", "time": "at"}, "a"),
        ({"aggregate": "first", "field": "amount", "operator": "empty", "time": "at"}, "bc"),
        ({"aggregate": "max", "field": "rate", "operator": "lt", "value": 1, "missing": "include"}, "bc"),
        ({"operator": "eq", "value": 1, "where": [{"match": "any", "rules": [*PAID, *PAID]}, *PAID]}, "b"),
    ],
)
def test_an_aggregate_is_compared(rule: dict[str, Any], expected: str) -> None:
    assert found(**rule) == expected


@pytest.mark.parametrize(
    "rule",
    [
        {"operator": "gte", "value": 1, "field": "status"},
        {"operator": "gte", "value": 1, "aggregate": "sum"},
        {"operator": "gte", "value": 1, "aggregate": "sum", "field": "status"},
        {"operator": "gte", "value": 1, "aggregate": "sum", "field": "nope"},
        {"operator": "gte", "value": 1, "aggregate": "median", "field": "amount"},
        {"operator": "exists", "aggregate": "first", "field": "amount"},
        {"operator": "exists", "aggregate": "max", "field": "tags"},
        {"operator": "eq", "value": "pro"},
        {"operator": "in_segment", "value": "s"},
        {"operator": "gte", "value": 1, "table": "order"},
        {"operator": "gte", "value": 1, "where": []},
        {"operator": "gte", "value": 1, "where": [{"operator": "in_segment", "value": "s"}]},
        {"operator": "gte", "value": 1, "where": [{"table": "orders", "operator": "gte", "value": 1}]},
        {"operator": "gte", "value": 1, "where": [{"field": "id", "operator": "exists"}]},
    ],
)
def test_a_rule_without_a_meaning_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        found(**rule)


def inside(arrow: pa.DataType, cell: Any, form: Any = "struct", **rule: Any) -> bool:
    """Evaluate a rule about a list of one contact."""
    written, schema = {"operator": "gte", "value": 1, **rule}, pa.schema([("x", arrow), ("custom_fields", arrow)])
    row = {"x": cell, "custom_fields": cell}
    return members({"id": "s", "rules": [written]}, [row], schema, custom_fields_form=form)[0]


def test_the_elements_of_lists_are_rows() -> None:
    texts = pa.list_(pa.string())
    assert inside(texts, ["a", "b", None], table="x", value=3)
    assert inside(texts, ["a", "b", None], table="x", where=[{"field": "value", "operator": "empty"}])
    assert not inside(texts, None, table="x")
    assert not inside(texts, [], table="x")
    records = pa.list_(pa.struct([("n", pa.int64()), ("deep", pa.struct([("t", pa.string())]))]))
    cells = [{"n": 3, "deep": {"t": "x"}}, {"n": 4, "deep": None}, None]
    assert inside(records, cells, table="x", aggregate="sum", field="n", operator="eq", value=7)
    assert inside(records, cells, table="x", where=[{"field": "deep.t", "operator": "neq", "value": "x"}], value=2)
    data = json.dumps({"orders": [{"n": 3, "a.b": 1}, {"n": 4.5, "a": {"b": 2}}, {}, None], "tags": ["x", "y"]})
    json_rule = {"table": "custom_fields.orders", "form": "json"}
    assert inside(pa.string(), data, **json_rule, value=4)
    assert inside(pa.string(), data, **json_rule, aggregate="sum", field="n", operator="eq", value=7.5)
    assert inside(pa.string(), data, **json_rule, aggregate="max", field="a.b", operator="eq", value=2)
    assert not inside(pa.string(), data, **json_rule, aggregate="max", field="nope", operator="exists")
    assert inside(pa.string(), data, "json", table="custom_fields.tags", aggregate="max", field="value", value="y")
    assert inside(pa.string(), data, "json", table="custom_fields.nope", operator="eq", value=0)
    with pytest.raises(Refused):
        inside(pa.string(), "x", table="x")


def test_ids_are_alike_whatever_their_type() -> None:
    uuid = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    for arrow, ours, theirs in (
        (pa.int64(), 7, 7),
        (pa.uuid(), bytes.fromhex(uuid.replace("-", "")), bytes.fromhex(uuid.replace("-", ""))),
    ):
        table = RelatedTable(pa.schema([("who", arrow)]), [{"who": theirs}, {"who": None}], contact="who")
        rule = {"table": "t", "operator": "eq", "value": 1}
        schema = pa.schema([("id", arrow)])
        assert members({"id": "s", "rules": [rule]}, [{"id": ours}], schema, tables={"t": table}) == [True]


def test_rows_of_a_later_day_do_not_exist() -> None:
    schema = pa.schema([("contact_id", pa.string()), ("on", pa.date32())])
    days = [date(2025, 6, 15), date(2025, 6, 16), None]
    table = RelatedTable(schema, [{"contact_id": "a", "on": day} for day in days], time="on")
    options: dict[str, Any] = {"as_of": NOW, "tables": {"t": table}}
    for zone, number in (("UTC", 2), ("Pacific/Kiritimati", 3)):
        rule = {"table": "t", "operator": "eq", "value": number}
        held = members(
            {"id": "s", "rules": [rule]}, CONTACTS, pa.schema([("id", pa.string())]), timezone=zone, **options
        )
        assert held == [True, False, False]


@pytest.mark.parametrize("form", ["struct", "json"])
@given(data=st.data())
def test_none_is_the_complement_of_any_in_random_worlds(form: Form, data: st.DataObject) -> None:
    case = data.draw(related_cases(form=form))
    rows, schema = case.table.to_pylist(), case.table.schema
    for segment in case.segments.values():
        try:
            check(segment, schema, **case.options)
        except Refused:
            continue
        held, others = (members({**segment, "match": match}, rows, schema, **case.options) for match in ("any", "none"))
        assert held == [not other for other in others]
