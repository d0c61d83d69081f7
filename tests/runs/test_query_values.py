"""Results of queries: plain values, the first rows, and DuckDB's messages for errors."""

import math
import time
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from segbatch.runs.query import Answer, ask


def asked(sql: str, most_rows: int = 10) -> Answer:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return ask(connection, sql, most_rows)


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("NULL", None),
        ("TRUE", True),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("1.50", Decimal("1.50")),
        ("0.1::DOUBLE", 0.1),
        ("'inf'::DOUBLE", math.inf),
        ("'a'", "a"),
        ("'a'::ENUM('a')", "a"),
        ("'[1, 2]'::JSON", "[1, 2]"),
        ("DATE '2025-06-01'", "2025-06-01"),
        ("'0044-03-15 (BC)'::DATE", "0044-03-15 (BC)"),
        ("TIMESTAMP '2025-06-01 10:00:00'", "2025-06-01 10:00:00"),
        ("TIMESTAMPTZ '2025-06-01 10:00:00+02'", "2025-06-01 08:00:00+00"),
        ("'infinity'::TIMESTAMP", "infinity"),
        ("'2025-06-01 10:00:00.123456789'::TIMESTAMP_NS", "2025-06-01 10:00:00.123456789"),
        ("INTERVAL 1 MONTH", "1 month"),
        ("TIMETZ '10:00:00+02'", "10:00:00+02"),
        ("'\\xAA'::BLOB", "\\xAA"),
        ("'101'::BIT", "101"),
        ("'6f9619ff-8b86-d011-b42d-00c04fc964ff'::UUID", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("[TIMESTAMPTZ '2025-06-01 10:00:00+00', NULL]", ["2025-06-01 10:00:00+00", None]),
        ("{'a': 1, 'b': DATE '2025-06-01'}", {"a": 1, "b": "2025-06-01"}),
        ("MAP {'a': [1.5]}", {"a": [1.5]}),
        ("NULL::INTEGER[]", None),
    ],
)
def test_a_value_is_plain(sql: str, value: Any) -> None:
    assert asked(f"SELECT {sql}").rows == ((value,),)


def test_no_column_is_lost_where_two_have_one_name() -> None:
    answer = asked("SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS A")
    assert len({name.lower() for name in answer.columns}) == 4
    assert answer.columns[:2] == ("a", "a_1")
    assert answer.rows == ((1, 2, 3, 4),)


def test_of_a_large_answer_only_the_first_rows_are_made() -> None:
    began = time.monotonic()
    answer = asked("SELECT a.range FROM range(1_000_000) a, range(1_000_000) b", 5)
    assert (len(answer.rows), answer.complete) == (5, False)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "sql",
    [
        "FROM range(3) ORDER BY 1 DESC",
        "FROM range(3) ORDER BY 1 DESC; -- ;",
        "SET threads = 1; FROM range(3) ORDER BY 1 DESC;",
    ],
)
def test_the_order_is_kept_and_text_after_a_statement_is_ignored(sql: str) -> None:
    assert asked(sql, 3) == Answer(("range",), ((2,), (1,), (0,)), complete=True)


@pytest.mark.parametrize(
    "sql", ["SHOW TABLES", "DESCRIBE SELECT 1", "SET threads = 1", "CREATE TEMP TABLE t (a INTEGER)"]
)
def test_statements_other_than_select_are_run(sql: str) -> None:
    assert asked(sql).complete


@pytest.mark.parametrize(
    "sql",
    ["SELECT nope", "SELECT nope(1)", "FORM a", "SELECT 'x'::INT", "SELECT\nx::INT FROM (VALUES ('1'), ('x')) t(x)"],
)
def test_an_error_is_that_of_duckdb_with_its_place(sql: str) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as told:
        connection.execute(sql).fetchall()
    with pytest.raises(duckdb.Error) as ours:
        asked(sql)
    assert str(ours.value) == str(told.value)
