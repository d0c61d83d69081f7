"""Lists inside contacts as tables: structs, JSON objects and single values, each against the same rows in a file."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts
from segbatch import Segment
from segbatch.sql.generate import write_sql

from .making import all_values, members, on, prepared, write_table

ORDERS: list[list[dict[str, Any] | None] | None] = [
    [{"status": "paid", "amount": 5, "to": {"city": "Bonn"}}, {"status": "open", "amount": 7, "to": None}],
    None,
    [],
    [None, {"status": "paid", "amount": None, "to": {"city": None}}],
]
ITEM = pa.struct([("status", pa.string()), ("amount", pa.int64()), ("to", pa.struct([("city", pa.string())]))])
PAID = [{"field": "status", "operator": "eq", "value": "paid"}]
RULES: list[dict[str, Any]] = [
    {},
    {"where": PAID},
    {"where": [{"match": "none", "rules": PAID}]},
    {"where": [{"field": "to.city", "operator": "exists"}]},
    {"aggregate": "sum", "field": "amount"},
    {"aggregate": "max", "field": "status"},
    {"aggregate": "count_distinct", "field": "to.city"},
    {"aggregate": "avg", "field": "amount", "where": PAID},
]


def as_struct(path: Path) -> str:
    write_contacts(path, {"orders": pa.array(ORDERS, pa.list_(ITEM))})
    return "orders"


def as_large_list(path: Path) -> str:
    write_contacts(path, {"orders": pa.array(ORDERS, pa.large_list(ITEM))})
    return "orders"


def as_part_of_a_struct(path: Path) -> str:
    values = [None if orders is None else {"orders": orders} for orders in ORDERS]
    write_contacts(path, {"custom_fields": pa.array(values, pa.struct([("orders", pa.list_(ITEM))]))})
    return "custom_fields.orders"


def as_json(path: Path) -> str:
    write_contacts(path, {"custom_fields": [json.dumps({"orders": orders}) for orders in ORDERS]})
    return "custom_fields.orders"


def as_text(path: Path) -> str:
    write_contacts(path, {"properties": [None if orders is None else json.dumps({"o": orders}) for orders in ORDERS]})
    return "properties.o"


@pytest.mark.parametrize("form", [as_struct, as_large_list, as_part_of_a_struct, as_json, as_text])
def test_a_list_of_objects_equals_a_table_with_its_rows(tmp_path: Path, form: Any) -> None:
    contacts = tmp_path / "contacts.parquet"
    path = form(contacts)
    rows = [{"contact_id": "abcd"[i], **(row or {})} for i, orders in enumerate(ORDERS) for row in orders or ()]
    schema = pa.schema([("contact_id", pa.string()), *((field.name, field.type) for field in ITEM)])
    table = write_table(tmp_path / "orders.parquet", pa.Table.from_pylist(rows, schema))
    inside, outside = [on(path, **rule) for rule in RULES], [on("rows", **rule) for rule in RULES]
    found = prepared(contacts, {"rows": table}, *inside, *outside)
    assert not found.plan.failed
    expected = all_values(found, outside)
    assert expected[0] == [2, 0, 0, 2]
    assert expected[4] == [12, 0, 0, 0]
    assert all_values(found, inside) == expected


@pytest.mark.parametrize("form", ["list", "json"])
def test_a_list_of_single_values_is_a_table_with_one_column(tmp_path: Path, form: str) -> None:
    tags: list[Any] = [["new", "eu", "new"], [], None, ["old", None]]
    columns = {"tags": tags} if form == "list" else {"custom_fields": [json.dumps({"tags": one}) for one in tags]}
    path = "tags" if form == "list" else "custom_fields.tags"
    contacts = write_contacts(tmp_path / "contacts.parquet", columns)
    is_new = [{"field": "value", "operator": "starts_with", "value": "n"}]
    rules = [
        on(path),
        on(path, where=is_new),
        on(path, aggregate="count_distinct", field="value"),
        on(path, aggregate="max", field="value"),
    ]
    found = prepared(contacts, None, *rules)
    assert not found.plan.failed
    assert all_values(found, rules) == [[3, 0, 0, 2], [2, 0, 0, 0], [2, 0, 0, 1], ["new", None, None, "old"]]


def test_every_element_is_that_no_element_is_not(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"scores": [[5, 6], [5, 1], [], None]})
    low = [{"field": "value", "operator": "lt", "value": 5}]
    found = prepared(contacts, None, on("scores", where=low, operator="eq", value=0))
    assert members(found) == {"s0": ["a", "c", "d"]}


def test_lists_without_values_have_no_values(tmp_path: Path) -> None:
    contacts = write_contacts(
        tmp_path / "contacts.parquet", {"none": pa.array([[None], [], None], pa.list_(pa.null()))}
    )
    rules = [on("none"), on("none", aggregate="max", field="value"), on("none", aggregate="sum", field="value")]
    found = prepared(contacts, None, *rules)
    assert not found.plan.failed
    assert all_values(found, [rules[0], rules[2]]) == [[1, 0, 0], [0, 0, 0]]
    assert members(found)["s1"] == []


def test_a_key_that_no_contact_has_is_a_list_without_rows_and_a_warning(tmp_path: Path) -> None:
    columns = {"custom_fields": ['{"orders": [{"n": 1}]}', "{}"]}
    contacts = write_contacts(tmp_path / "contacts.parquet", columns)
    rules = [on("custom_fields.ordrs", operator="eq", value=0), on("custom_fields.orders", aggregate="max", field="m")]
    found = prepared(contacts, None, *rules)
    assert members(found) == {"s0": ["a", "b"], "s1": []}
    messages = [(problem.path, problem.message) for problem in found.plan.warnings]
    assert messages[0][0] == "$.rules[0].table"
    assert messages[0][1].endswith("so it is missing for every contact; did you mean 'orders'?")
    assert messages[1][0] == "$.rules[0].field"
    assert prepared(contacts, None, rules[0], strict=True).plan.failed.keys() == {"s0"}


@pytest.mark.parametrize(
    ("rule", "place", "message"),
    [
        (on("status"), "table", "'status' is text; a table in contacts is a list of objects or values"),
        (on("stats"), "table", "the run was not given a table 'stats'; pass it with --table stats=PATH"),
        (
            on("orders", aggregate="first", field="status"),
            "aggregate",
            "'first' needs a time column, and the list 'orders' in contacts has none; use 'min' or 'max'",
        ),
        (
            on("orders", aggregate="sum", field="amout"),
            "field",
            "the list 'orders' has no column 'amout'; did you mean 'amount'?",
        ),
        (
            on("tags", aggregate="max", field="values"),
            "field",
            "the list 'tags' has no column 'values'; did you mean 'value'?",
        ),
    ],
)
def test_a_rule_that_does_not_fit_a_list_has_its_message(
    tmp_path: Path, rule: dict[str, Any], place: str, message: str
) -> None:
    columns = {"status": ["x"] * 4, "orders": pa.array(ORDERS, pa.list_(ITEM)), "tags": [["x"]] * 4}
    contacts = write_contacts(tmp_path / "contacts.parquet", columns)
    (problem,) = prepared(contacts, None, rule).plan.failed["s0"]
    assert (problem.path, problem.message) == (f"$.rules[0].{place}", message)


@pytest.mark.parametrize("form", [as_struct, as_json, None])
def test_explain_and_sql_read_the_elements(tmp_path: Path, form: Any) -> None:
    contacts = tmp_path / "contacts.parquet"
    path = form(contacts) if form else "tags"
    if form is None:
        write_contacts(contacts, {"tags": [["x", "y"], ["x"], [], None]})
    field = "value" if form is None else "status"
    rule = on(path, where=[{"field": field, "operator": "exists"}], operator="gte", value=2)
    segment = Segment.model_validate({"id": "s", "name": "S", "rules": [rule]})
    for contact, is_member in (("a", True), ("b", False), ("c", False)):
        found = segbatch.explain(contacts, segment, contact, segments=tmp_path)
        assert found.member is is_member
    with duckdb.connect() as connection:
        assert connection.execute(write_sql(segment, contacts, tmp_path)).fetchall() == [("a",)]


@pytest.mark.parametrize("form", [as_struct, as_json])
def test_a_frame_without_rows_has_the_columns_of_a_batch(tmp_path: Path, form: Any) -> None:
    contacts = tmp_path / "contacts.parquet"
    path = form(contacts)
    (query,) = prepared(contacts, None, on(path, aggregate="max", field="status")).plan.queries
    (batch,) = query.table.batches(query.leaves, 100)
    empty = query.table.empty_frame(query.leaves)
    assert (empty.height, empty.columns) == (0, batch.frame.columns)
    assert batch.ids.type == query.table.id_type
