"""Options of related tables: every mistake with its exact message, from Python, the command line and settings."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts, write_segment
from segbatch import SnapshotError, UsageError
from segbatch.snapshot.related.sources import TableSource, as_texts, read_tables, sources_of

from .making import members, on, prepared, write_table

NAME_RULE = "a name has letters (A-Z, a-z), digits, '_' and '-', and at most 128 of them"
MISTAKES: dict[str, tuple[list[str], list[str], list[str], str]] = {
    "no '='": (["orders"], [], [], "'orders' has no '='; write NAME=PATH (--table)"),
    "no path": (["orders="], [], [], "'orders=' has nothing after '='; write NAME=PATH (--table)"),
    "no name": (["=orders/"], [], [], f"'' cannot be the name of a table; {NAME_RULE} (--table)"),
    "a dot": (["a.b=c"], [], [], f"'a.b' cannot be the name of a table; {NAME_RULE} (--table)"),
    "twice": (["a=1", "a=2"], [], [], "the table 'a' is given twice; keep one (--table)"),
    "contact of no table": ([], ["a=b"], [], "there is no table 'a'; pass --table too (--table-contact)"),
    "contact, misspelt": (
        ["orders=o"],
        ["ordrs=b"],
        [],
        "there is no table 'ordrs'; did you mean 'orders'? (--table-contact)",
    ),
    "time of another": (["orders=o"], [], ["x=b"], "there is no table 'x'; there are orders (--table-time)"),
    "contact without '='": (["a=1"], ["b"], [], "'b' has no '='; write NAME=COLUMN (--table-contact)"),
    "time without a column": (["a=1"], [], ["a="], "'a=' has nothing after '='; write NAME=COLUMN (--table-time)"),
    "time twice": (["a=1"], [], ["a=x", "a=y"], "the table 'a' is given twice; keep one (--table-time)"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_options_has_its_message(name: str) -> None:
    *options, message = MISTAKES[name]
    with pytest.raises(UsageError) as caught:
        read_tables(*options)
    assert str(caught.value) == message


def test_options_are_read() -> None:
    assert read_tables(["a=x=y.parquet", "b=s3://k/b/"], ["b=customer"], ["b=at"]) == {
        "a": TableSource("x=y.parquet"),
        "b": TableSource("s3://k/b/", "customer", "at"),
    }


def test_tables_of_the_settings_are_read() -> None:
    texts = as_texts({"a": {"path": "x", "time": "at"}, "b": {"path": "y", "contact": "c"}})
    assert read_tables(texts, ["a=other"], []) == {
        "a": TableSource("x", "other", "at"),
        "b": TableSource("y", "c"),
    }


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"a b": "x"}, f"'a b' cannot be the name of a table; {NAME_RULE} (tables)"),
        ({"a": 5}, "the table 'a': a table is a path or a TableSource; found a value of type int (tables)"),
        ({"a": {"contact": "x"}}, "the table 'a': 'path' is missing; its keys are path, contact, time (tables)"),
        (
            {"a": {"path": "x", "tiem": "at"}},
            "the table 'a': 'tiem' is not a key of a table; its keys are path, contact, time (tables)",
        ),
    ],
)
def test_a_mistake_in_tables_of_python_has_its_message(tables: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        sources_of(tables)
    assert str(caught.value) == message


def test_tables_of_python_are_paths_or_sources() -> None:
    source = TableSource("x", time="at")
    assert sources_of({"a": "x", "b": Path("x"), "c": source, "d": {"path": "x", "time": "at"}}) == {
        "a": TableSource("x"),
        "b": TableSource("x"),
        "c": source,
        "d": source,
    }


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    return write_contacts(tmp_path / "contacts.parquet", {"id": ["a", "b"], "status": ["x", "y"]})


ROWS = {"contact_id": ["a", "b", "a"], "status": ["paid", "open", None], "amount": [1, 2, 3], "tags": [["x"], [], None]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "{}/none.parquet"}, "{}/none.parquet: no such file"),
        (
            {"path": "{}/orders.parquet", "contact": "contct_id"},
            "the table 'orders' has no column 'contct_id'; did you mean 'contact_id'? (--table-contact orders=COLUMN)",
        ),
        (
            {"path": "{}/orders.parquet", "contact": "zzz"},
            (
                "the table 'orders' has no column 'zzz'; it has contact_id, status, amount, tags "
                "(--table-contact orders=COLUMN)"
            ),
        ),
        (
            {"path": "{}/orders.parquet", "contact": "tags"},
            (
                "the column 'tags' of the table 'orders' is a list of text; ids are text, whole numbers, UUIDs or "
                "bytes (--table-contact orders=COLUMN)"
            ),
        ),
        (
            {"path": "{}/orders.parquet", "contact": "amount"},
            (
                "the column 'amount' of the table 'orders' has whole numbers, and the ids of contacts are texts; "
                "export both in one type"
            ),
        ),
        (
            {"path": "{}/orders.parquet", "time": "status"},
            "the column 'status' of the table 'orders' is text, not a date or a date-time (--table-time orders=COLUMN)",
        ),
        (
            {"path": "{}/orders.parquet", "time": "statu"},
            "the table 'orders' has no column 'statu'; did you mean 'status'? (--table-time orders=COLUMN)",
        ),
    ],
)
def test_a_table_that_cannot_be_used_fails_the_segments_that_read_it(
    contacts: Path, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    write_table(tmp_path / "orders.parquet", ROWS)
    tables = {"orders": {key: text.format(tmp_path) for key, text in options.items()}}
    good = {"field": "status", "operator": "eq", "value": "x"}
    found = prepared(contacts, tables, on(), good)
    (problem,) = found.plan.failed["s0"]
    assert problem.path == "$.rules[0].table"
    assert problem.message.startswith(message.format(tmp_path))
    assert members(found) == {"s1": ["a"]}


MISUSES: list[tuple[dict[str, Any], str, str]] = [
    (on("ordrs"), ".table", "the run was not given a table 'ordrs'; did you mean 'orders'?"),
    (on("tickets"), ".table", "the run was not given a table 'tickets'; pass it with --table tickets=PATH"),
    (on(aggregate="sum", field="amout"), ".field", "the table 'orders' has no column 'amout'; did you mean 'amount'?"),
    (on(aggregate="sum", field="status"), ".field", "'sum' is not for 'status' (text): it needs numbers"),
    (
        on(aggregate="max", field="tags"),
        ".field",
        "'max' is not for 'tags' (list of text): it needs values with an order",
    ),
    (
        on(aggregate="count_distinct", field="tags"),
        ".field",
        "'count_distinct' is not for 'tags' (list of text): it needs single values",
    ),
    (
        on(aggregate="last", field="status"),
        ".aggregate",
        "'last' needs the time column of the table 'orders'; pass it with --table-time orders=COLUMN",
    ),
    (
        on(operator="contains", value="x"),
        ".operator",
        "'contains' is not for 'count of orders' (whole number): it needs a text or a list",
    ),
    (
        on(operator="eq", value="x"),
        ".value",
        "'x' cannot be compared with 'count of orders' (whole number): write a number",
    ),
    (
        on(where=[{"field": "amount", "operator": "eq", "value": "x"}]),
        ".where[0].value",
        "'x' cannot be compared with 'amount' (whole number): write a number",
    ),
    (
        on(where=[{"match": "any", "rules": [{"field": "amout", "operator": "exists"}]}]),
        ".where[0].rules[0].field",
        "the table 'orders' has no column 'amout'; did you mean 'amount'?",
    ),
]


@pytest.mark.parametrize("index", range(len(MISUSES)))
def test_a_rule_that_does_not_fit_its_table_has_its_message(contacts: Path, tmp_path: Path, index: int) -> None:
    rule, place, message = MISUSES[index]
    table = write_table(tmp_path / "orders.parquet", ROWS)
    found = prepared(contacts, {"orders": table}, rule, on())
    (problem,) = found.plan.failed["s0"]
    assert (problem.path, problem.message) == (f"$.rules[0]{place}", message)
    assert members(found) == {"s1": ["a", "b"]}


def test_numbers_too_long_for_a_sum_are_refused(contacts: Path, tmp_path: Path) -> None:
    texts = ['{"n": 1.5}', f'{{"n": {10**30}}}']
    table = write_table(tmp_path / "orders.parquet", {"contact_id": ["a", "b"], "custom_fields": texts})
    found = prepared(contacts, {"orders": table}, on(aggregate="sum", field="custom_fields.n"))
    message = "'sum' is not for 'custom_fields.n' (number of any length): its numbers are too long for it"
    assert found.plan.failed["s0"][0].message == message


def test_a_table_that_is_also_a_column_is_refused(contacts: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "orders.parquet", ROWS)
    with pytest.raises(UsageError) as caught:
        prepared(contacts, {"status": table}, on("status"))
    message = "'status' is a table and a column of the snapshot; give the table another name (--table)"
    assert str(caught.value) == message


def test_a_key_that_a_table_lacks_is_a_warning_and_strict_an_error(contacts: Path, tmp_path: Path) -> None:
    rows = {**ROWS, "custom_fields": pa.array([{"plan": "x"}] * 3)}
    table = write_table(tmp_path / "orders.parquet", rows)
    key = "custom_fields.pan"
    rules = [
        on(where=[{"field": key, "operator": "exists"}], operator="gte", value=1),
        on(aggregate="max", field=key, operator="empty"),
        on(aggregate="sum", field=key, operator="eq", value=0),
    ]
    found = prepared(contacts, {"orders": table}, *rules)
    assert members(found) == {"s0": [], "s1": ["a", "b"], "s2": ["a", "b"]}
    assert [problem.path for problem in found.plan.warnings] == [
        "$.rules[0].where[0].field",
        "$.rules[0].field",
        "$.rules[0].field",
    ]
    assert len(prepared(contacts, {"orders": table}, *rules, strict=True).plan.failed) == 3


def test_a_run_takes_tables_and_publishes_other_segments_without_them(contacts: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "orders.parquet", ROWS)
    write_segment(tmp_path / "segments", "buyers", on(operator="gte", value=2))
    write_segment(tmp_path / "segments", "x", {"field": "status", "operator": "eq", "value": "x"})
    report = segbatch.run(contacts, tmp_path / "segments", tmp_path / "output")
    assert {one.segment_id: one.status for one in report.segments} == {"buyers": "failed", "x": "ok"}
    report = segbatch.run(contacts, tmp_path / "segments", tmp_path / "output", tables={"orders": table})
    assert {one.segment_id: one.member_count for one in report.segments} == {"buyers": 1, "x": 1}


def test_a_damaged_table_fails_the_run(contacts: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "orders.parquet", {**ROWS, "note": [b"\xff\xfe", b"\xff", b"a"]})
    schema = pa.schema([("contact_id", pa.string()), ("note", pa.string())])
    cells = [pa.array(["a"]), pa.array([b"\xff"]).view(pa.string())]
    write_table(table, pa.Table.from_arrays(cells, schema=schema))
    found = prepared(contacts, {"orders": table}, on(where=[{"field": "note", "operator": "exists"}]))
    with pytest.raises(SnapshotError, match="the column 'note' has text that is not UTF-8"):
        members(found)


def test_warnings_about_a_table_are_those_of_the_run_and_strict_fails_its_segments(
    contacts: Path, tmp_path: Path
) -> None:
    texts = ["{", None, '{"n": 1}']
    write_table(tmp_path / "orders" / "1.parquet", {**ROWS, "custom_fields": texts, "STATE": ["x", None, "y"]})
    (tmp_path / "orders" / "2.csv").write_text("contact_id")
    rule = on(
        aggregate="sum",
        field="custom_fields.n",
        operator="gte",
        value=1,
        where=[{"field": "state", "operator": "exists"}],
    )
    found = prepared(contacts, {"orders": tmp_path / "orders"}, rule, on("gone"))
    warnings, notes = list(map(str, found.warnings)), list(map(str, found.notes))
    assert len(warnings) == 2
    assert all(text.startswith("the table 'orders': ") for text in (*warnings, *notes))
    assert "2.csv" in warnings[0]
    assert "the first is that of 'a' in row 1" in warnings[1]
    assert "'a'" not in str(found.warnings[1].hiding_ids())
    assert notes == ["the table 'orders': 'state' is read from the column 'STATE', whose name differs only in case"]
    failed = prepared(contacts, {"orders": tmp_path / "orders"}, rule, strict=True).plan.failed
    assert failed["s0"][0].message == f"{warnings[0]} (--strict)"


def test_a_table_that_no_rule_reads_is_not_opened(contacts: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "orders.parquet", ROWS)
    found = prepared(contacts, {"orders": table, "events": tmp_path / "none.parquet"}, on(operator="gte", value=2))
    assert members(found) == {"s0": ["a"]}
    assert [query.name for query in found.plan.queries] == ["orders"]
