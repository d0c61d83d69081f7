"""Rules in command-line syntax."""

from typing import Any

import pytest

from segbatch import DefinitionError
from segbatch.definitions.rule_syntax import read_rules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status eq active", {"field": "status", "operator": "eq", "value": "active"}),
        ("  seats  gte  50 ", {"field": "seats", "operator": "gte", "value": 50}),
        ('zip eq "01234"', {"field": "zip", "operator": "eq", "value": "01234"}),
        ("zip eq 01234", {"field": "zip", "operator": "eq", "value": "01234"}),
        ("ratio gt NaN", {"field": "ratio", "operator": "gt", "value": "NaN"}),
        ("city eq New York", {"field": "city", "operator": "eq", "value": "New York"}),
        ("unsubscribed eq true", {"field": "unsubscribed", "operator": "eq", "value": True}),
        ('plan in ["pro", "team"]', {"field": "plan", "operator": "in", "value": ["pro", "team"]}),
        ("seats between [1, 5]", {"field": "seats", "operator": "between", "value": [1, 5]}),
        ("email exists", {"field": "email", "operator": "exists"}),
        ("phone starts_with 555", {"field": "phone", "operator": "starts_with", "value": "555"}),
        ("phone matches [5]", {"field": "phone", "operator": "matches", "value": "[5]"}),
        ('phone matches "[5]"', {"field": "phone", "operator": "matches", "value": "[5]"}),
        ("seen within_last 30d", {"field": "seen", "operator": "within_last", "value": "30d"}),
        ("email empty  ", {"field": "email", "operator": "empty"}),
        ("name eq O'Brien", {"field": "name", "operator": "eq", "value": "O'Brien"}),
        ("name eq \"'x'\"", {"field": "name", "operator": "eq", "value": "'x'"}),
        ("name matches ['x']", {"field": "name", "operator": "matches", "value": "['x']"}),
        ("in_segment vips", {"operator": "in_segment", "value": "vips"}),
        (
            '{"field": "a b", "operator": "neq", "value": 1, "missing": "exclude"}',
            {"field": "a b", "operator": "neq", "value": 1, "missing": "exclude"},
        ),
        (
            '{"match": "any", "rules": [{"field": "a", "operator": "empty"}]}',
            {"match": "any", "rules": [{"field": "a", "operator": "empty"}]},
        ),
    ],
)
def test_a_rule_is_read_as_it_is_meant(text: str, expected: dict[str, Any]) -> None:
    assert read_rules([text]).segment.to_json()["rules"] == [expected]


def test_rules_are_combined_by_match() -> None:
    segment = read_rules(["a exists", "b exists"], "any").segment
    assert (segment.match, len(segment.rules)) == ("any", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status", "a rule is FIELD OPERATOR [VALUE], such as 'status eq active', or a rule's JSON"),
        ("", "a rule is FIELD OPERATOR [VALUE], such as 'status eq active', or a rule's JSON"),
        ("status is x", "'is' is not an operator; did you mean 'eq'?"),
        ("status eqq x", "'eqq' is not an operator; did you mean 'eq'?"),
        ("seats gte", "'gte' needs a 'value'; to find contacts without a value, use 'empty' or 'exists'"),
        ("in_segment", "'in_segment' needs a 'value', the id of a segment"),
        ("plan in pro", 'the value is a list such as ["pro", "team"]; found \'pro\''),
        (
            "seen within_last 30",
            "'30' is not a valid duration; write it like '90min', '36h', '30d', '12w', '6mo' or '2y'",
        ),
        ("a..b eq 1", "'a..b' has an empty part; a path looks like 'custom_fields.plan'"),
        ("city exists now", "'exists' takes no value; remove 'now'"),
        ("city empty false", "'empty' takes no value; remove 'false'"),
        ("plan is 'pro'", "'is' is not an operator; did you mean 'eq'?"),
        (
            "paid in [1, 0.12345678901234567890]",
            (
                "a JSON number cannot keep all digits of 0.12345678901234567890 and would become 0.12345678901234568; "
                'write it as a text, in quotes: "0.12345678901234567890"'
            ),
        ),
        ("plan eq 'pro'", 'JSON uses double quotes, not single quotes; write "pro"'),
        ("plan in ['pro', 'x']", 'JSON uses double quotes, not single quotes; write ["pro", "x"]'),
        ("seen within_last '30d'", 'JSON uses double quotes, not single quotes; write "30d"'),
        ("in_segment 'vips'", 'JSON uses double quotes, not single quotes; write "vips"'),
        (
            "a eq null",
            "null is not a value, and 'eq' needs one; to find contacts without a value, use 'empty' or 'exists'",
        ),
        (
            '{"feild": "a"',
            "not JSON at line 1, column 14: the file ends here; it may be truncated, or a closing bracket is missing",
        ),
    ],
)
def test_a_wrong_rule_is_named_as_it_was_typed(text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_rules([text, "fine exists"])
    assert str(caught.value) == f"--rule '{text}': {message}"


def test_all_wrong_rules_are_reported_at_once() -> None:
    with pytest.raises(DefinitionError) as caught:
        read_rules(["a", "b is 1"])
    assert len(caught.value.problems) == 2


def test_rules_that_are_too_many_are_one_error() -> None:
    with pytest.raises(DefinitionError, match="there are 1,001 rules"):
        read_rules(["a exists"] * 1001)
