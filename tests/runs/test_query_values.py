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


LONG = "12345678901234567890.123456789012345678"
LONG_TYPE = "DECIMAL(38, 18)"
NESTED: dict[str, Any] = {
    "[1.50, NULL]": ["1.50", None],
    "[[1.50, NULL], NULL, []]": [["1.50", None], None, []],
    "[-0.05, 1.10]::DECIMAL(5, 2)[2]": ["-0.05", "1.10"],
    f"['{LONG}'::{LONG_TYPE}]": [LONG],
    "[1234567890123456.78::DECIMAL(18, 2)]": ["1234567890123456.78"],
    f"{{'a': '{LONG}'::{LONG_TYPE}, 'b': 0.00, 'c': 'x'}}": {"a": LONG, "b": "0.00", "c": "x"},
    "{'odd \"name\"': 1.50, 'e': 'it''s'::ENUM('it''s')}": {'odd "name"': "1.50", "e": "it's"},
    "MAP {'a': 1.50, 'b': NULL}": {"a": "1.50", "b": None},
    "MAP {1.50: 'x'}": {"1.50": "x"},
    f"MAP {{1: [{{'a': MAP {{'b': '{LONG}'::{LONG_TYPE}}}}}]}}": {"1": [{"a": {"b": LONG}}]},
    "{'a': [1.50], 'b': NULL::STRUCT(c DECIMAL(5, 2)), 'd': NULL}": {"a": ["1.50"], "b": None, "d": None},
    "[row(1.50, 2), NULL]": [["1.50", 2], None],
    "union_value(a := 1.50)": {"a": "1.50"},
    "[1.50::UNION(n DECIMAL(5, 2), t VARCHAR), '1.50', NULL]": [{"n": "1.50"}, {"t": "1.50"}, None],
    "NULL::DECIMAL(5, 2)[]": None,
    "{'a': 1.50, 'b': 0.5::DOUBLE, 'c': TIMESTAMP '2025-06-01 10:00:00', 'd': '0044-03-15 (BC)'::DATE}": {
        "a": "1.50",
        "b": 0.5,
        "c": "2025-06-01 10:00:00",
        "d": "0044-03-15 (BC)",
    },
}
"""Nested values of SQL, with decimals as texts."""


def with_decimals_as_texts(value: object) -> object:
    match value:
        case Decimal():
            return str(value)
        case list():
            return [with_decimals_as_texts(item) for item in value]
        case dict():
            return {key: with_decimals_as_texts(item) for key, item in value.items()}
        case _:
            return value


@pytest.mark.parametrize("sql", NESTED)
def test_decimals_in_nested_values_keep_all_digits(sql: str) -> None:
    [[value]] = asked(f"SELECT {sql}").rows
    assert with_decimals_as_texts(value) == NESTED[sql]


def test_texts_that_look_like_decimals_stay_texts() -> None:
    assert asked("SELECT {'a': '1.50', 'b': 1.50}").rows == (({"a": "1.50", "b": Decimal("1.50")},),)


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
