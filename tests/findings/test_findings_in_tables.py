"""Findings about rules on related tables that need no data: in `where`, and in the comparison of the aggregate."""

from pathlib import Path
from typing import Any

import pytest

import segbatch
from builders import orders, rule, write_segment

PAID, OPEN = rule("status", "eq", "paid"), rule("status", "eq", "open")
BIG, SMALL = rule("amount", "gt", 10), rule("amount", "lt", 5)


def total(operator: str, value: Any = None, *where: dict[str, Any], aggregate: str = "sum") -> dict[str, Any]:
    return orders(operator, value, *where, aggregate=aggregate, field="amount")


def group(match: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": match, "rules": list(rules)}


def found(folder: Path, *rules: dict[str, Any], match: str = "all") -> list[tuple[str, str | None]]:
    """Give the findings about some rules, each by its name and place."""
    write_segment(folder, "it", *rules, match=match)
    report = segbatch.lint(folder)
    assert report.errors == ()
    return [(entry.name, entry.problem.path) for entry in report.findings]


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ([BIG, SMALL], "where[1]"),
        ([rule("x", "exists"), rule("x", "empty")], "where[1]"),
        ([group("none", BIG), BIG], "where[1]"),
        ([group("any", group("all", BIG, SMALL), PAID)], "where[0].rules[0].rules[1]"),
        ([PAID, group("all", BIG, group("any", SMALL))], "where[1].rules[1].rules[0]"),
    ],
)
def test_a_condition_that_no_row_meets_is_found(tmp_path: Path, where: list[dict[str, Any]], place: str) -> None:
    contradiction = ("contradiction", f"$.rules[0].{place}")
    assert found(tmp_path, orders("gte", 1, *where)) == [contradiction]
    assert found(tmp_path, orders("gte", 1, *where), match="none") == [contradiction]
    assert found(tmp_path, group("any", group("all", orders("eq", 0, *where)), PAID)) == [
        ("contradiction", f"$.rules[0].rules[0].rules[0].{place}")
    ]


@pytest.mark.parametrize(
    "rules",
    [
        [orders("gte", 3), orders("lt", 3)],
        [orders("gte", 3, PAID, BIG), orders("eq", 1, BIG, PAID)],
        [total("gt", 100), total("lt", 50)],
        [total("neq", 5), total("eq", 5)],
        [total("exists", aggregate="max"), total("empty", aggregate="max")],
        [total("gt", 100, aggregate="avg"), total("lte", 50, aggregate="avg")],
        [
            orders("gte", 3, aggregate="count_distinct", field="x"),
            orders("lt", 2, aggregate="count_distinct", field="x"),
        ],
    ],
)
def test_comparisons_of_one_aggregate_that_exclude_each_other_are_found(
    tmp_path: Path, rules: list[dict[str, Any]]
) -> None:
    assert ("contradiction", "$.rules[1]") in found(tmp_path, *rules)
    assert ("contradiction", "$.rules[1]") not in found(tmp_path, *rules, match="any")


@pytest.mark.parametrize(
    "rules",
    [
        [orders("gte", 3, PAID), orders("lt", 3, OPEN)],
        [orders("gte", 3), {**orders("lt", 3), "table": "events"}],
        [total("gt", 100), total("lt", 50, aggregate="avg")],
        [total("gt", 100, aggregate="max"), total("lt", 50, aggregate="min")],
        [orders("gte", 3), rule("count of orders", "lt", 3)],
        [total("neq", 5, aggregate="max"), total("empty", aggregate="max")],
        [BIG, orders("gte", 1, SMALL)],
        [orders("gte", 1, BIG), orders("gte", 2, SMALL)],
        [orders("gte", 1, group("any", BIG, SMALL))],
        [orders("gte", 1, PAID, OPEN)],  # "status" may be a list
        [rule("amount", "exists")],
    ],
)
def test_rules_about_other_rows_or_aggregates_are_not_found(tmp_path: Path, rules: list[dict[str, Any]]) -> None:
    assert found(tmp_path, *rules) == []


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (orders("lt", 0), "never-holds"),
        (orders("eq", -1), "never-holds"),
        (orders("in", [-1, "-2"]), "never-holds"),
        (orders("between", [-5, -1]), "never-holds"),
        (orders("empty"), "never-holds"),
        (orders("blank"), "never-holds"),
        (orders("lte", -1, aggregate="count_distinct", field="x"), "never-holds"),
        (orders("gte", 0), "always-holds"),
        (orders("gt", -1), "always-holds"),
        (orders("neq", -1), "always-holds"),
        (orders("not_in", [-1]), "always-holds"),
        (orders("exists"), "always-holds"),
        (orders("not_blank"), "always-holds"),
    ],
)
def test_a_comparison_that_cannot_be_otherwise_is_found(tmp_path: Path, written: dict[str, Any], name: str) -> None:
    assert found(tmp_path, written) == [(name, "$.rules[0]")]


@pytest.mark.parametrize(
    "written",
    [
        orders("gt", 0),
        orders("eq", 0),
        orders("lte", 0),
        orders("neq", 0),
        orders("eq", "x"),
        total("lt", 0),
        total("exists", aggregate="avg"),
        total("exists"),  # infinity and minus infinity have no sum
        total("empty", aggregate="max"),
        orders("in", [*range(-101, 0)]),  # more values than are compared
    ],
)
def test_a_comparison_that_may_be_otherwise_is_not_found(tmp_path: Path, written: dict[str, Any]) -> None:
    assert found(tmp_path, written) == []


def test_the_messages_name_the_aggregate(tmp_path: Path) -> None:
    write_segment(tmp_path, "it", orders("lt", 0), orders("exists"), total("lt", 5), orders("gte", 1, BIG, SMALL))
    write_segment(tmp_path, "it2", total("gt", 9), total("lt", 5))
    messages = [entry.problem.message for entry in segbatch.lint(tmp_path).findings]
    fix = "'count' with 'gte' 1 finds contacts with rows, and 'eq' 0 those without"
    assert messages == [
        f"'count of orders' is never below 0, so 'lt' 0 matches no contact; {fix}",
        f"'count of orders' is never missing, so 'exists' matches every contact; {fix}",
        "'amount': 'lt' 5 and 'gt' 10 ($.rules[3].where[0]) can never match together; remove one of them",
        "'sum of amount in orders': 'lt' 5 and 'gt' 9 ($.rules[0]) can never match together; remove one of them",
    ]


@pytest.mark.parametrize(
    ("where", "name", "place"),
    [
        ([rule("status", "eq", "paid ")], "surrounding-space", "where[0].value"),
        ([rule("status", "in", ["a", "a"])], "duplicate-value", "where[0].value[1]"),
        ([PAID, group("any", rule("status", "contains", ""), BIG)], "empty-text", "where[1].rules[0].value"),
        ([rule("status", "exists", value=True)], "unused-value", "where[0].value"),
        ([PAID, rule("status", "in", ["paid"])], "duplicate-rule", "where[1]"),
        ([group("any", PAID, BIG, PAID)], "duplicate-rule", "where[0].rules[2]"),
    ],
)
def test_an_odd_rule_in_a_condition_is_found(
    tmp_path: Path, where: list[dict[str, Any]], name: str, place: str
) -> None:
    assert found(tmp_path, orders("gte", 1, *where)) == [(name, f"$.rules[0].{place}")]


def test_an_odd_comparison_of_an_aggregate_is_found(tmp_path: Path) -> None:
    status = {"aggregate": "last", "field": "status"}
    assert found(tmp_path, orders("eq", " paid", **status)) == [("surrounding-space", "$.rules[0].value")]
    assert found(tmp_path, orders("exists", 1, **status)) == [("unused-value", "$.rules[0].value")]


def test_rules_on_tables_with_the_same_meaning_are_found(tmp_path: Path) -> None:
    assert found(tmp_path, orders("gte", 1, PAID, BIG), orders("gte", 1, BIG, rule("status", "in", ["paid"]))) == [
        ("duplicate-rule", "$.rules[1]")
    ]
    write_segment(tmp_path / "two", "a", orders("eq", 1, PAID))
    write_segment(tmp_path / "two", "b", group("none", orders("neq", 1, group("all", PAID))))
    write_segment(tmp_path / "two", "c", orders("eq", 1, OPEN))
    assert [(entry.name, entry.problem.segment_id) for entry in segbatch.lint(tmp_path / "two").findings] == [
        ("same-meaning", "b")
    ]
