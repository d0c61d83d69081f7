"""Rules on related tables as SQL: one join per table, each aggregate once, and what a dialect cannot express."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlglot import parse_one

from builders import orders, rule, write_contacts, write_segment
from segbatch import DefinitionError, TableSource
from segbatch.sql.generate import write_sql
from segbatch.sql.names import DIALECTS

if TYPE_CHECKING:
    from segbatch.snapshot.related.sources import Tables

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
PAID = rule("status", "eq", "paid")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_contacts(Path("contacts.parquet"), {"status": ["active", "new", None], "orders_1": ["x", "y", "z"]})
    orders = {
        "contact_id": ["a", "a", "a", "b", "zz", None],
        "placed_at": [datetime(2025, 6, day, tzinfo=UTC) if day else None for day in (1, 2, 20, 0, 3, 4)],
        "status": ["paid", "open", "paid", "paid", "paid", "paid"],
        "amount": pa.array(
            [Decimal("10.00"), Decimal("5.50"), None, Decimal("1.00"), None, None], pa.decimal128(10, 2)
        ),
        "rate": [1.0, float("nan"), 2.0, float("inf"), 0.0, 0.0],
        "day": [date(2025, 6, 1), None, date(2025, 6, 16), date(2025, 6, 15), None, None],
    }
    pq.write_table(pa.table(orders), "orders.parquet")


def sql(*rules: dict[str, Any], time: str | None = "placed_at", dialect: str = "duckdb", **options: Any) -> str:
    write_segment(Path("segments"), "s", *rules, **options)
    tables: Tables = {"orders": TableSource("orders.parquet", time=time), "other": "orders.parquet"}
    table = None if dialect == "duckdb" else "crm.contacts"
    return write_sql("s", "contacts.parquet", tables=tables, as_of=NOW, dialect=dialect, table=table)


def members(*rules: dict[str, Any], **options: Any) -> str:
    with duckdb.connect() as connection:
        return "".join(sorted(found for (found,) in connection.execute(sql(*rules, **options)).fetchall()))


def test_each_table_is_joined_once_and_each_aggregate_is_a_column() -> None:
    paid = orders("gte", 1, PAID)
    any_of = {"match": "any", "rules": [{**paid, "value": 2}, orders("lt", 50, PAID, aggregate="sum", field="amount")]}
    other = {**orders("gte", 1), "table": "other"}
    assert sql(paid, any_of, other, PAID) == (
        "-- S (s), as of 2025-06-15T12:00:00+00:00\n"
        "SELECT id\n"
        "FROM READ_PARQUET('contacts.parquet')\n"
        "LEFT JOIN (\n"
        "  SELECT\n"
        "    contact_id AS orders2_contact,\n"
        "    COUNT(*) FILTER(WHERE status = 'paid') AS orders2_1,\n"
        "    SUM(amount) FILTER(WHERE status = 'paid') AS orders2_2\n"
        "  FROM READ_PARQUET('orders.parquet')\n"
        "  WHERE placed_at <= CAST('2025-06-15 12:00:00+00:00' AS TIMESTAMPTZ) OR placed_at IS NULL\n"
        "  GROUP BY contact_id\n"
        ") AS orders2 ON orders2_contact = id\n"
        "LEFT JOIN (\n"
        "  SELECT\n"
        "    contact_id AS other_contact,\n"
        "    COUNT(*) AS other_1\n"
        "  FROM READ_PARQUET('orders.parquet')\n"
        "  GROUP BY contact_id\n"
        ") AS other ON other_contact = id\n"
        "WHERE COALESCE(orders2_1, 0) >= 1\n"
        "  AND (\n"
        "    COALESCE(orders2_1, 0) >= 2\n"
        "    OR COALESCE(orders2_2, 0) < 50.00\n"
        "  )\n"
        "  AND COALESCE(other_1, 0) >= 1\n"
        "  AND status = 'paid'"
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (orders("gte", 1), "ab"),
        (orders("eq", 0), "c"),
        (orders("eq", 2), "a"),
        (orders("eq", 1, PAID), "ab"),
        (orders("eq", 1, {"match": "none", "rules": [PAID]}), "a"),
        (orders("eq", 1, {"match": "any", "rules": [rule("amount", "gt", 5), rule("rate", "empty")]}, PAID), "a"),
        (orders("empty"), ""),
        (orders("eq", 15.5, aggregate="sum", field="amount"), "a"),
        (orders("exists", aggregate="sum", field="rate"), "abc"),
        (orders("eq", 7.75, aggregate="avg", field="amount"), "a"),
        (orders("empty", aggregate="avg", field="amount"), "c"),
        (orders("neq", 1, aggregate="max", field="rate"), "bc"),
        (orders("lt", 5, missing="include", aggregate="min", field="amount"), "bc"),
        (orders("eq", 2, aggregate="count_distinct", field="status"), "a"),
        (orders("eq", "open", aggregate="last", field="status"), "a"),
        (orders("eq", "PAID", ignore_case=True, aggregate="first", field="status"), "a"),
        (orders("empty", aggregate="first", field="status"), "bc"),
    ],
)
def test_an_aggregate_is_compared_as_in_a_run(written: dict[str, Any], expected: str) -> None:
    assert members(written) == expected
    everyone = set("abc")
    assert members(written, match="none") == "".join(sorted(everyone - set(expected)))


def test_rows_later_than_the_run_do_not_exist() -> None:
    assert members(orders("eq", 3), time=None) == "a"
    assert members(orders("eq", 3)) == ""
    assert members(orders("eq", 2), time="day") == "a"
    assert "WHERE day <= CAST('2025-06-15' AS DATE) OR day IS NULL" in sql(orders("eq", 2), time="day")


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("aggregate", ["min", "last"])
def test_times_without_a_zone_are_in_utc_in_any_session(unit: str, aggregate: str) -> None:
    times = pa.array([datetime(2025, 6, 1, 23), datetime(2025, 6, 2, 23)], pa.timestamp(unit))  # noqa: DTZ001
    pq.write_table(pa.table({"contact_id": ["a", "b"], "at": times}), "orders.parquet")
    of_time = {"aggregate": aggregate, "field": "at"}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        for operator, value in (("gte", "2025-06-02T00:00:00Z"), ("gt", "2025-06-01"), ("within_last", "13d")):
            text = sql(orders(operator, value, **of_time), time="at")
            assert connection.execute(text).fetchall() == [("b",)], text


def test_a_column_of_nulls_has_no_values() -> None:
    pq.write_table(pa.table({"contact_id": ["a"], "x": pa.nulls(1)}), "orders.parquet")
    assert members(orders("exists", aggregate="max", field="x"), time=None) == ""
    assert members(orders("eq", 0, aggregate="sum", field="x"), time=None) == "abc"


def test_columns_of_contacts_and_times_may_be_nulls() -> None:
    pq.write_table(pa.table({"contact_id": pa.nulls(2), "at": pa.nulls(2)}), "orders.parquet")
    assert members(orders("eq", 0), time="at") == "abc"
    pq.write_table(pa.table({"contact_id": ["a", "b"], "at": pa.nulls(2)}), "orders.parquet")
    assert members(orders("eq", 1), time="at") == "ab"
    assert members(orders("exists", aggregate="last", field="at"), time="at") == ""
    assert members(orders("empty", aggregate="first", field="contact_id"), time="at") == "abc"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_counts_sums_and_extremes_are_written_in_every_dialect(dialect: str) -> None:
    rules = [
        orders("gte", 1, PAID),
        orders("gte", 20, aggregate="sum", field="amount"),
        orders("gt", "a", aggregate="max", field="status"),
        orders("gte", 2, aggregate="count_distinct", field="status"),
    ]
    text = sql(*rules, dialect=dialect)
    assert parse_one(text, dialect=dialect).find_all is not None
    if dialect != "duckdb":
        assert "FROM crm.orders\n" in text


def test_clickhouse_gets_null_for_contacts_without_rows() -> None:
    settings = "SETTINGS join_use_nulls = 1, aggregate_functions_null_for_empty = 1"
    assert sql(orders("gte", 1), dialect="clickhouse").endswith(f"\n{settings}")
    assert "SETTINGS" not in sql(PAID, dialect="clickhouse")


def test_postgres_orders_texts_by_code_point() -> None:
    assert 'MAX((status) COLLATE "C")' in sql(orders("exists", aggregate="max", field="status"), dialect="postgres")


def test_sums_of_whole_numbers_do_not_overflow() -> None:
    pq.write_table(pa.table({"contact_id": ["a", "a"], "n": [2**63 - 1, 2**63 - 1]}), "orders.parquet")
    total = orders("eq", 2**64 - 2, aggregate="sum", field="n")
    assert members(total, time=None) == "a"
    assert "SUM(CAST(n AS DECIMAL(38, 0)))" in sql(total, time=None, dialect="spark")
    assert "SUM(CAST(n AS BIGNUMERIC))" in sql(total, time=None, dialect="bigquery")


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "duckdb"])
def test_other_dialects_refuse_first_and_last(dialect: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        sql(orders("eq", "open", aggregate="last", field="status"), dialect=dialect)
    assert str(refused.value).endswith(
        f"$.rules[0]: 'last' is not supported for {dialect}; use --dialect duckdb, or change the rule"
    )


def test_a_rule_on_rows_that_a_dialect_cannot_express_is_refused_with_its_place() -> None:
    with pytest.raises(DefinitionError) as refused:
        sql(orders("gte", 1, PAID, rule("status", "matches", "^p")), dialect="postgres")
    assert "$.rules[0].where[1]: a regular expression may mean something else in postgres" in str(refused.value)


def test_an_alias_is_no_longer_than_databases_allow() -> None:
    write_segment(Path("segments"), "s", {**orders("gte", 1), "table": "x" * 128})
    text = write_sql("s", "contacts.parquet", tables={"x" * 128: "orders.parquet"}, as_of=NOW)
    assert f"COUNT(*) AS {'x' * 40}_1\n" in text


@pytest.mark.parametrize("name", ["orders", "2x", "-", "select", "Tickets"])
def test_any_name_of_a_table_is_an_alias(name: str) -> None:
    write_segment(Path("segments"), "s", {**orders("gte", 1), "table": name})
    text = write_sql("s", "contacts.parquet", tables={name: "orders.parquet"}, as_of=NOW)
    with duckdb.connect() as connection:
        assert connection.execute(text).fetchall() == [("a",), ("b",)]
