"""Lists inside contacts as related tables, in SQL."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from builders import rule, write_contacts, write_segment
from segbatch import DefinitionError
from segbatch.sql.generate import write_sql
from segbatch.sql.names import DIALECTS

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    items = pa.list_(pa.struct([("sku", pa.string()), ("n", pa.int64()), ("contact", pa.string())]))
    columns = {
        "tags": [["vip", "new", None], ["vip"], [], None],
        "numbers": pa.array([[1, 2], [5], None, None]),
        "items": pa.array([[{"sku": "x", "n": 1, "contact": "q"}, None], [{"sku": "y", "n": 5}], [], None], items),
        "custom_fields": ['{"orders": [{"n": 1, "a": {"b": 2}}, {"n": 2.5}]}', '{"orders": []}', "{}", None],
        "element": ["e"] * 4,
        "void": pa.nulls(4),
    }
    write_contacts(Path("contacts.parquet"), columns)


def on(table: str, operator: str, value: Any = None, *where: dict[str, Any], **more: Any) -> dict[str, Any]:
    written: dict[str, Any] = {"table": table, **more, "operator": operator}
    written |= {} if value is None else {"value": value}
    return written | ({"where": list(where)} if where else {})


def sql(*rules: dict[str, Any], dialect: str = "duckdb") -> str:
    write_segment(Path("segments"), "s", *rules)
    table = None if dialect == "duckdb" else "crm.contacts"
    return write_sql("s", "contacts.parquet", as_of=NOW, dialect=dialect, table=table)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (on("tags", "gte", 1), "ab"),
        (on("tags", "eq", 3), "a"),
        (on("tags", "eq", 0), "cd"),
        (on("tags", "eq", 1, rule("value", "empty")), "a"),
        (on("tags", "eq", 0, rule("value", "neq", "vip")), "bcd"),
        (on("numbers", "eq", 3, aggregate="sum", field="value"), "a"),
        (on("items", "eq", 2), "a"),
        (on("items", "gte", 5, aggregate="max", field="n"), "b"),
        (on("items", "eq", 1, rule("sku", "empty")), "a"),
        (on("items", "eq", "q", aggregate="min", field="contact"), "a"),
        (on("custom_fields.orders", "gte", 1), "a"),
        (on("custom_fields.orders", "eq", 3.5, aggregate="sum", field="n"), "a"),
        (on("custom_fields.orders", "eq", 1, rule("a.b", "eq", 2)), "a"),
        (on("custom_fields.nope", "eq", 0), "abcd"),
        (on("void", "eq", 0), "abcd"),
    ],
)
def test_the_elements_of_a_list_are_rows(written: dict[str, Any], expected: str) -> None:
    with duckdb.connect() as connection:
        assert "".join(sorted(found for (found,) in connection.execute(sql(written)).fetchall())) == expected


def test_a_list_of_texts_is_unnested() -> None:
    assert sql(on("tags", "gte", 2)).splitlines()[3:9] == [
        "LEFT JOIN (",
        "  SELECT",
        "    contact AS tags2_contact,",
        "    COUNT(*) AS tags2_1",
        "  FROM (SELECT id AS contact, UNNEST(tags) AS value FROM READ_PARQUET('contacts.parquet')) AS elements",
        "  GROUP BY contact",
    ]


@pytest.mark.parametrize(
    ("dialect", "function"), [("postgres", "UNNEST"), ("spark", "EXPLODE"), ("clickhouse", "arrayJoin")]
)
def test_dialects_with_a_function_for_rows_take_lists_of_texts(dialect: str, function: str) -> None:
    assert f"{function}(tags) AS" in sql(on("tags", "gte", 2, rule("value", "eq", "vip")), dialect=dialect)


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "duckdb"])
@pytest.mark.parametrize("table", ["items", "custom_fields.orders"])
def test_other_dialects_refuse_lists_of_objects(table: str, dialect: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        sql(on(table, "gte", 1), dialect=dialect)
    assert "$.rules[0].table: " in str(refused.value)


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery"])
def test_dialects_without_such_a_function_refuse_lists(dialect: str) -> None:
    with pytest.raises(DefinitionError, match="the elements of this list as rows are not supported"):
        sql(on("tags", "gte", 1), dialect=dialect)
