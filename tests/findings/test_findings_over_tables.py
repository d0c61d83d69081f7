"""Findings about rules on related tables that need their rows."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import orders, rule, write_contacts, write_segment

ORDERS = {
    "contact_id": ["a", "a", "b", "zz"],
    "status": ["paid", "Open", "paid", "lost"],
    "amount": [10, 20, 30, None],
    "size": ["7", "30", "100", None],
    "tags": [["vip"], [], None, None],
    "void": pa.nulls(4, pa.string()),
    "cf": [{"plan": "pro"}, {"plan": "free"}, None, None],
}
PAID = rule("status", "eq", "paid")


def lint(folder: Path, *rules: dict[str, Any], **options: Any) -> list[segbatch.Finding]:
    write_segment(folder / "segments", "it", *rules)
    contacts = write_contacts(folder / "contacts.parquet", {"status": ["active", "new", "gone"]})
    pq.write_table(pa.table(ORDERS), folder / "orders.parquet")
    report = segbatch.lint(folder / "segments", contacts, tables={"orders": folder / "orders.parquet"}, **options)
    assert report.errors == ()
    return list(report.findings)


@pytest.mark.parametrize(
    ("where", "name", "place"),
    [
        (rule("status", "eq", "void"), "never-holds", ""),
        (rule("amount", "gt", 100), "never-holds", ""),
        (rule("status", "exists"), "always-holds", ""),
        (rule("status", "eq", "open"), "case-mismatch", ".value"),
        (rule("tags", "contains", "VIP"), "case-mismatch", ".value"),
        (rule("void", "exists"), "unknown-field", ".field"),
        (rule("cf.plam", "eq", "pro"), "unknown-field", ".field"),
        (rule("size", "gt", "30"), "text-order", ".value"),
        (rule("status", "contains", ""), "empty-text", ".value"),
    ],
)
def test_a_condition_is_counted_over_the_rows(tmp_path: Path, where: dict[str, Any], name: str, place: str) -> None:
    found = [(one.name, one.problem.path) for one in lint(tmp_path, orders("gte", 1, PAID, where))]
    assert (name, f"$.rules[0].where[1]{place}") in found


def test_a_condition_that_some_rows_meet_is_not_found(tmp_path: Path) -> None:
    assert lint(tmp_path, orders("gte", 1, PAID), orders("eq", 30, aggregate="max", field="amount")) == []


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (orders("gte", 5), "never-holds"),
        (orders("lt", 5), "always-holds"),
        (orders("eq", "Paid", aggregate="max", field="status"), "never-holds"),
        (orders("lt", 0), "never-holds"),
        (orders("gte", 0), "always-holds"),
    ],
)
def test_a_comparison_is_counted_over_the_contacts(tmp_path: Path, written: dict[str, Any], name: str) -> None:
    assert [(one.name, one.problem.path) for one in lint(tmp_path, written)] == [(name, "$.rules[0]")]


def test_the_type_of_a_column_decides_what_contradicts(tmp_path: Path) -> None:
    opposite = orders("gte", 1, PAID, rule("status", "eq", "lost"))
    assert [(one.name, one.problem.path) for one in lint(tmp_path, opposite)] == [
        ("never-holds", "$.rules[0]"),
        ("contradiction", "$.rules[0].where[1]"),
    ]
    ends = [orders("eq", one, aggregate="max", field="status") for one in ("paid", "Open")]
    assert ("contradiction", "$.rules[1]") in [(one.name, one.problem.path) for one in lint(tmp_path, *ends)]


def test_the_messages_name_the_table(tmp_path: Path) -> None:
    found = lint(tmp_path, orders("gte", 1, rule("status", "in", ["open", "void"]), rule("amount", "gt", 100)))
    assert [one.problem.message for one in found] == [
        "it matches none of 3 contacts",
        (
            "no row of the table 'orders' has 'open' in 'status', but some have 'Open'; write that, or add "
            '"ignore_case": true'
        ),
        "it matches none of 4 rows of the table 'orders'",
    ]
