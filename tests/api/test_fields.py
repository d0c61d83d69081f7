"""Test the fields that rules can name, and the values that authors can choose from."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import httpx
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asking import Asking
from builders import write_contacts
from segbatch.authoring.columns.fields import operators_for
from segbatch.model.operators import OperatorName
from segbatch.snapshot.related.sources import TableSource

ROWS = 12
CONTACTS = pa.table(
    {
        "id": [f"c{number}" for number in range(ROWS)],
        "plan": ["pro"] * 6 + ["Premium"] * 5 + ["rare"],
        "age": [30] * 7 + list(range(5)),
        "tags": [["vip", "vip"]] * 6 + [None] * 6,
        "created": pa.array([0] * ROWS, pa.timestamp("us", "UTC")),
        "project_id": ["p"] * 6 + ["q"] * 6,
        "custom_fields": ['{"tier": 1}'] * 6 + ['{"secret": "x"}'] * 6,
    }
)


class Fields(Asking):
    def get(self, path: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1") as client:
                return await client.get(path, headers=self.headers)

        return asyncio.run(send())

    def values(self, query: str) -> list[tuple[Any, int]]:
        answer = self.get(f"/fields/values?field={query}")
        assert answer.status_code == 200, answer.text
        return [(one["value"], one["contacts"]) for one in answer.json()["values"]]


@pytest.fixture
def ask(tmp_path: Path) -> Fields:
    return Fields(tmp_path, contacts=str(write_contacts(tmp_path / "contacts.parquet", CONTACTS)))


@pytest.mark.slow
def test_fields_have_types_and_operators(ask: Fields) -> None:
    found = {field["name"]: field for field in ask.get("/fields").json()["fields"]}
    assert {name: field["type"] for name, field in found.items()} == {
        "id": "text",
        "plan": "text",
        "age": "number",
        "tags": "list of text",
        "created": "date-time",
        "project_id": "text",
        "custom_fields": "object",
        "custom_fields.secret": "text",
        "custom_fields.tier": "number",
    }
    assert "starts_with" in found["plan"]["operators"]
    assert "starts_with" not in found["age"]["operators"]
    assert "within_last" in found["created"]["operators"]
    assert found["age"]["table"] is None


@pytest.mark.slow
def test_fields_of_related_tables_come_last_without_keys_in_json_texts(ask: Fields, tmp_path: Path) -> None:
    orders = {"contact_id": ["c1"], "amount": [9.5], "placed": [{"city": "Bonn"}], "notes": ['{"secret": 1}']}
    pq.write_table(pa.table(orders), tmp_path / "orders.parquet")
    tables = {"orders": TableSource(tmp_path / "orders.parquet"), "gone": TableSource(tmp_path / "gone.parquet")}
    ask.service.tables = tables
    found = ask.get("/fields").json()["fields"]
    names = [(field["table"], field["name"], field["type"]) for field in found]
    assert names[-5:] == [
        ("orders", "contact_id", "text"),
        ("orders", "amount", "number"),
        ("orders", "placed", "object"),
        ("orders", "placed.city", "text"),
        ("orders", "notes", "text"),
    ]
    assert {table for table, *_ in names} == {None, "orders"}
    assert "gte" in found[-4]["operators"]


@pytest.mark.slow
def test_project_sees_only_fields_and_values_of_its_contacts(ask: Fields) -> None:
    assert ask.values("custom_fields.secret") == [("x", 6)]
    assert ask.values("plan") == [("pro", 6), ("Premium", 5)]
    ask.as_project("p")
    names = [field["name"] for field in ask.get("/fields").json()["fields"]]
    assert "custom_fields.tier" in names
    assert "custom_fields.secret" not in names
    assert ask.values("plan") == [("pro", 6)]
    assert ask.values("custom_fields.secret") == []
    ask.as_project("nobody")
    assert ask.values("plan") == []


@pytest.mark.slow
def test_values_are_chosen_by_prefix_and_rare_ones_are_hidden(ask: Fields) -> None:
    assert ask.values("plan&prefix=P") == [("pro", 6), ("Premium", 5)]
    assert ask.values("plan&prefix=pre") == [("Premium", 5)]
    assert ask.values("plan&prefix=P&limit=1") == [("pro", 6)]
    assert ask.values("plan&prefix=rare") == []
    assert ask.values("age") == [(30, 7)]
    assert ask.values("tags") == [("vip", 6)]
    assert ask.values("custom_fields.tier") == [(1, 6)]
    assert ask.values("custom_fields") == []
    assert ask.values("id") == []


@pytest.mark.slow
def test_unknown_fields_and_wrong_parameters_are_refused(ask: Fields) -> None:
    for query, status, code in (
        ("field=plna", 404, "no-field"),
        ("field=", 400, "bad-request"),
        ("field=a..b", 404, "no-field"),
        ("", 400, "bad-request"),
        ("field=plan&limit=101", 400, "bad-request"),
        ("field=plan&field=age", 400, "bad-request"),
        ("field=plan&more=1", 400, "bad-request"),
    ):
        answer = ask.get(f"/fields/values?{query}")
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code)
    ask.service.contacts = None
    for path in ("/fields", "/fields/values?field=plan"):
        assert ask.get(path).json()["type"].endswith("nothing-published")


@pytest.mark.slow
def test_project_needs_its_column_to_see_fields(ask: Fields, tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", CONTACTS.drop(["project_id"]))
    assert ask.get("/fields").status_code == 200
    ask.as_project("p")
    for path in ("/fields", "/fields/values?field=plan"):
        assert ask.get(path).status_code == 422


@pytest.mark.parametrize(
    ("dtype", "some", "none"),
    [
        (pl.String(), {"eq", "gt", "contains", "matches", "in_list", "blank"}, {"within_last"}),
        (pl.Int64(), {"eq", "gt", "between", "in"}, {"contains", "matches", "within_last"}),
        (pl.Boolean(), {"eq", "neq", "exists"}, {"gt", "contains"}),
        (pl.Date(), {"gt", "within_last", "older_than", "anniversary_within_next"}, {"matches"}),
        (pl.List(pl.String()), {"contains", "in"}, {"gt", "starts_with"}),
        (pl.Struct([]), {"exists", "empty"}, {"eq", "in"}),
    ],
)
def test_operators_are_those_that_the_compiler_accepts(dtype: pl.DataType, some: set[str], none: set[str]) -> None:
    found = set(operators_for(dtype))
    assert some <= found
    assert not none & found
    assert not found & {"in_segment", "not_in_segment", "sample"}
    assert found <= set(get_args(OperatorName))
