"""Rules on related tables: the keys, the defaults, and every mistake with its exact message."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from segbatch import Group, Rule, Segment, TableRule
from segbatch.definitions.definition import Definition
from segbatch.definitions.validation import validate
from segbatch.model.json_schema import segment_schema

VALIDATOR = Draft202012Validator(segment_schema())
COUNT = {"table": "orders", "operator": "gte", "value": 3}
PAID = {"field": "status", "operator": "eq", "value": "paid"}


def written(*rules: Any) -> dict[str, Any]:
    return {"id": "s", "name": "S", "rules": list(rules)}


def problems_of(*rules: Any) -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in validate(written(*rules))[1]]


def test_a_rule_on_a_table_counts_rows_by_default() -> None:
    segment, problems = validate(written(COUNT))
    assert not problems
    assert segment is not None
    assert segment.rules == (TableRule(table="orders", operator="gte", value=3),)
    assert [(path, rule.aggregate, rule.where) for path, rule in segment.table_rules()] == [
        ("$.rules[0]", "count", None)
    ]
    assert list(segment.rule_paths()) == []
    assert segment.to_json()["rules"] == [COUNT]


@pytest.mark.parametrize(
    "rule",
    [
        COUNT,
        {**COUNT, "where": [PAID, {"match": "none", "rules": [PAID]}]},
        {**COUNT, "where": None, "field": None, "aggregate": "count"},
        {
            "table": "orders",
            "aggregate": "sum",
            "field": "amount",
            "operator": "gt",
            "value": 100,
            "missing": "include",
        },
        {"table": "custom_fields.orders", "aggregate": "last", "field": "a.b", "operator": "exists"},
        {"table": "t", "aggregate": "first", "field": "x", "operator": "in", "value": ["A"], "ignore_case": True},
    ],
)
def test_valid_rules_load_and_fit_the_schema(rule: Any) -> None:
    assert problems_of(rule) == []
    assert VALIDATOR.is_valid(written(rule))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no table": (
        {"aggregate": "count", "operator": "gte", "value": 1},
        (
            "$.rules[0].table: 'table' is missing; it is the name of a related table such as \"orders\", or the path "
            'of a list such as "custom_fields.orders"'
        ),
    ),
    "empty table": (
        {**COUNT, "table": ""},
        (
            "$.rules[0].table: 'table' is empty; it is the name of a related table such as \"orders\", or the path "
            'of a list such as "custom_fields.orders"'
        ),
    ),
    "table with an empty part": (
        {**COUNT, "table": "a..b"},
        "$.rules[0].table: 'a..b' has an empty part; a path looks like 'custom_fields.plan'",
    ),
    "table is no text": ({**COUNT, "table": 5}, "$.rules[0].table: 'table' must be a text; found 5"),
    "where is no list": ({**COUNT, "where": PAID}, "$.rules[0].where: 'where' must be a list; found "),
    "where is empty": (
        {**COUNT, "where": []},
        (
            "$.rules[0].where: 'where' is empty; it is a list of rules over the columns of the table; leave it out to "
            "count every row"
        ),
    ),
    "unknown aggregate": (
        {**COUNT, "aggregate": "mean"},
        "$.rules[0].aggregate: 'mean' is not an aggregate; did you mean 'avg'?",
    ),
    "misspelt aggregate": (
        {**COUNT, "aggregate": "count_distnct"},
        "$.rules[0].aggregate: 'count_distnct' is not an aggregate; did you mean 'count_distinct'?",
    ),
    "odd aggregate": (
        {**COUNT, "aggregate": "variance"},
        (
            "$.rules[0].aggregate: 'variance' is not an aggregate; there are count, count_distinct, sum, avg, min, "
            "max, first, last"
        ),
    ),
    "count of a field": (
        {**COUNT, "field": "amount"},
        "$.rules[0].field: 'count' counts rows and takes no 'field'; use 'count_distinct', or remove it",
    ),
    "sum of nothing": (
        {**COUNT, "aggregate": "sum"},
        "$.rules[0].field: 'sum' needs a 'field', a column of the table",
    ),
    "no operator": (
        {"table": "orders", "value": 3},
        "$.rules[0].operator: 'operator' is missing; it is one of ",
    ),
    "no value": ({"table": "orders", "operator": "gte"}, "$.rules[0].value: 'gte' needs a 'value'; to find"),
    "null": (
        {**COUNT, "value": None},
        "$.rules[0].value: null is not a value, and 'gte' needs one; to find contacts without a value, use",
    ),
    "bad value": (
        {**COUNT, "operator": "in"},
        '$.rules[0].value: the value is a list such as ["pro", "team"]; found 3',
    ),
    "segment": (
        {**COUNT, "operator": "in_segment", "value": "vip"},
        "$.rules[0].operator: 'in_segment' is for segments; a rule on a table compares its aggregate",
    ),
    "unknown key": (
        {**COUNT, "wher": [PAID]},
        "$.rules[0].wher: 'wher' is not a key of a rule on a table; did you mean 'where'?",
    ),
    "missing on exists": (
        {**COUNT, "operator": "exists", "missing": "include"},
        "$.rules[0].missing: 'missing' does not apply to 'exists'; remove it",
    ),
    "ignore_case": (
        {**COUNT, "ignore_case": True},
        "$.rules[0].ignore_case: 'ignore_case' does not apply to 'gte'; remove it",
    ),
    "table in where": (
        {**COUNT, "where": [{"match": "any", "rules": [PAID, COUNT]}]},
        (
            "$.rules[0].where[0].rules[1].table: rules in 'where' are about the rows of one table; 'table' cannot be "
            "used here"
        ),
    ),
    "segment in where": (
        {**COUNT, "where": [PAID, {"operator": "in_segment", "value": "vip"}]},
        (
            "$.rules[0].where[1].operator: rules in 'where' are about the rows of a table, and a row is not in a "
            "segment; use 'in_segment' next to this rule"
        ),
    ),
    "bad rule in where": (
        {**COUNT, "where": [{"field": "status", "operator": "equals", "value": "paid"}]},
        "$.rules[0].where[0].operator: 'equals' is not an operator; did you mean 'eq'?",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_has_its_message(name: str) -> None:
    rule, message = BAD[name]
    found = problems_of(rule)
    assert len(found) == 1
    assert found[0].startswith(message)


@pytest.mark.parametrize("name", sorted(BAD.keys() - {"table in where", "segment in where"}))
def test_the_schema_refuses_a_mistake(name: str) -> None:
    assert not VALIDATOR.is_valid(written(BAD[name][0]))


def test_mistakes_of_several_conditions_are_reported_at_once() -> None:
    assert len(problems_of({**COUNT, "where": [COUNT, {"operator": "in_segment", "value": "a"}]})) == 2


def test_conditions_count_towards_the_limits() -> None:
    deep: Any = PAID
    for _ in range(29):
        deep = {"match": "all", "rules": [deep]}
    assert "groups are nested more than 30 levels deep" in problems_of({**COUNT, "where": [deep]})[0]
    assert "there are 1,002 rules" in problems_of({**COUNT, "where": [PAID] * 1001})[0]


def test_rules_in_python_take_the_models() -> None:
    where = (Group(match="any", rules=(Rule(field="status", operator="eq", value="paid"),)),)
    rule = TableRule(table="orders", where=where, operator="eq", value=0)
    segment = Segment(id="s", name="S", rules=(rule,))
    assert [path for path, _ in rule.row_rules()] == [".where[0].rules[0]"]
    assert rule.label == "count of orders"
    assert segment.to_json()["rules"][0]["where"][0]["match"] == "any"


def test_a_comparison_does_not_change_the_key() -> None:
    rule = TableRule(table="orders", aggregate="sum", field="amount", operator="eq", value=0)
    other = TableRule(table="orders", aggregate="sum", field="amount", operator="gt", value=9, missing="include")
    assert (rule.label, rule.key) == ("sum of amount in orders", other.key)
    assert other.as_rule("total") == Rule(field="total", operator="gt", value=9, missing="include")


def test_a_definition_is_written_with_one_condition_a_line() -> None:
    definition = Definition(Segment.model_validate(written({"where": [PAID], **COUNT})))
    assert definition.to_text().splitlines()[3:-1] == [
        '  "rules": [',
        "    {",
        '      "table": "orders",',
        '      "where": [',
        '        { "field": "status", "operator": "eq", "value": "paid" }',
        "      ],",
        '      "operator": "gte",',
        '      "value": 3',
        "    }",
        "  ]",
    ]
