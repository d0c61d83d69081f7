"""Any JSON value for any key of a definition is either valid or reported with its path."""

import json
from typing import Any

import pytest

from segbatch.definitions.validation import validate
from segbatch.model.rule import Group, Rule, TableRule
from segbatch.model.segment import Segment
from segbatch.model.strict import Strict, keys_of

TEXTS = ["", " ", "a..b", "a\0b", "eq", "x" * 300]
OTHERS: list[Any] = [None, 0, -1, 1.5, 10**30, True, [], [""], ["a"], [None], [[]], {}, {"a": 1}]
VALUES: list[Any] = [*TEXTS, *OTHERS]

RULE = {"field": "status", "operator": "eq", "value": "a"}
TABLE_RULE = {"table": "orders", "aggregate": "sum", "field": "amount", "operator": "gt", "value": 1}
GROUP = {"match": "all", "rules": [RULE]}
SEGMENT = {"id": "s", "name": "S", "rules": [RULE]}

OWNERS: dict[str, tuple[type[Strict], dict[str, Any]]] = {
    "rule": (Rule, RULE),
    "table rule": (TableRule, TABLE_RULE),
    "condition on rows": (Rule, RULE),
    "group": (Group, GROUP),
    "segment": (Segment, SEGMENT),
}


def definition(owner: str, part: dict[str, Any]) -> dict[str, Any]:
    if owner == "segment":
        return part
    if owner == "condition on rows":
        part = {"table": "orders", "where": [part], "operator": "gt", "value": 1}
    return SEGMENT | {"rules": [part]}


@pytest.mark.parametrize(
    ("owner", "key"), [(owner, key) for owner, (model, _) in OWNERS.items() for key in sorted(keys_of(model))]
)
def test_any_value_is_valid_or_has_a_problem_with_a_path(owner: str, key: str) -> None:
    for value in VALUES:
        data = definition(owner, {**OWNERS[owner][1], key: value})
        segment, problems = validate(json.loads(json.dumps(data)))
        assert (segment is None) == bool(problems), data
        assert all((problem.path or "").startswith("$") and problem.message for problem in problems), data
