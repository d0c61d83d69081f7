"""Keys of segments, rules and groups: unknown, missing, or with an invalid word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .conftest import write
from .making import (
    A_FIELD,
    A_LIST_OF_RULES,
    A_NODE,
    ABSENT,
    NEEDS_A_VALUE,
    NO_RULES,
    NULL_IS_NO_VALUE,
    OPERATOR_NAMES,
    SEGMENT_KEYS,
    group,
    nested,
    rule,
    segment,
)

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from .conftest import Program

IS_MISSING_OPERATOR = f"'operator' is missing; it is one of {OPERATOR_NAMES}"
IS_MISSING_MATCH = "'match' is missing; it is one of all, any, none"

UNKNOWN: dict[str, tuple[Any, str]] = {
    "of a segment": (
        segment(descripton="x"),
        "$.descripton: 'descripton' is not a key of a segment; did you mean 'description'?",
    ),
    "of a segment, like none": (
        segment(filters=[]),
        f"$.filters: 'filters' is not a key of a segment; its keys are {SEGMENT_KEYS}",
    ),
    "of a segment, in capitals": (
        segment(Match="any"),
        "$.Match: 'Match' is not a key of a segment; did you mean 'match'?",
    ),
    "of a segment, with odd characters": (
        segment(**{'a "b"\n': 1}),
        f'$["a \\"b\\"\\n"]: \'a "b"\\n\' is not a key of a segment; its keys are {SEGMENT_KEYS}',
    ),
    "name, misspelt": (
        segment(name=ABSENT, nmae="S"),
        "$.nmae: 'nmae' is not a key of a segment; did you mean 'name'?",
    ),
    "rules, misspelt": (
        segment(rules=ABSENT, rule=[]),
        "$.rule: 'rule' is not a key of a segment; did you mean 'rules'?",
    ),
    "of a rule": (
        segment(rule(mising="include")),
        "$.rules[0].mising: 'mising' is not a key of a rule; did you mean 'missing'?",
    ),
    "of a rule, like none": (
        segment(rule(comment="x")),
        (
            "$.rules[0].comment: 'comment' is not a key of a rule; "
            "its keys are field, operator, value, value_field, as, missing, ignore_case"
        ),
    ),
    "value, misspelt": (
        segment(rule(value=ABSENT, vlaue="x")),
        "$.rules[0].vlaue: 'vlaue' is not a key of a rule; did you mean 'value'?",
    ),
    "of a group": (
        segment(group(mach="all")),
        "$.rules[0].mach: 'mach' is not a key of a group; did you mean 'match'?",
    ),
    "of a group, like none": (
        segment(group(comment="x")),
        "$.rules[0].comment: 'comment' is not a key of a group; its keys are match, rules",
    ),
    "rules of a group, misspelt": (
        segment(group(rules=ABSENT, rule=[rule()])),
        "$.rules[0].rule: 'rule' is not a key of a group; did you mean 'rules'?",
    ),
}

MISSING: dict[str, tuple[Any, str]] = {
    "name": (segment(name=ABSENT), "$.name: 'name' is missing; it is the display name of the segment"),
    "rules": (segment(rules=ABSENT), f"$.rules: 'rules' is missing; {A_LIST_OF_RULES}"),
    "field": (segment(rule(field=ABSENT)), f"$.rules[0].field: 'field' is missing; {A_FIELD}"),
    "operator": (segment(rule(operator=ABSENT)), f"$.rules[0].operator: {IS_MISSING_OPERATOR}"),
    "field, with a NUL": (
        segment(rule(field="custom_fields.a\0b")),
        (
            "$.rules[0].field: 'custom_fields.a\\x00b' has a NUL character, which no column or key can have; "
            "rename the key"
        ),
    ),
    "value": (segment(rule(value=ABSENT)), f"$.rules[0].value: {NEEDS_A_VALUE}"),
    "value, being null": (segment(rule(value=None)), f"$.rules[0].value: {NULL_IS_NO_VALUE}"),
    "value of gt": (
        segment(rule(operator="gt", value=ABSENT)),
        f"$.rules[0].value: {NEEDS_A_VALUE.replace('eq', 'gt')}",
    ),
    "value of gt, being null": (
        segment(rule(operator="gt", value=None)),
        f"$.rules[0].value: {NULL_IS_NO_VALUE.replace('eq', 'gt')}",
    ),
    "value of in, being null": (
        segment(rule(operator="in", value=None)),
        '$.rules[0].value: null is not a value, and \'in\' needs one, a list such as ["pro", "team"]',
    ),
    "value of between": (
        segment(rule(operator="between", value=ABSENT)),
        "$.rules[0].value: 'between' needs a 'value', a list [low, high]",
    ),
    "value of starts_with, being null": (
        segment(rule(operator="starts_with", value=None)),
        "$.rules[0].value: null is not a value, and 'starts_with' needs one, a text",
    ),
    "as of another word": (
        segment({"field": "a", "operator": "eq", "value": 1, "as": "numbr"}),
        "$.rules[0].as: 'numbr' is not a value of 'as'; did you mean 'number'?",
    ),
    "as of a segment": (
        segment({"operator": "in_segment", "value": "b", "as": "text"}),
        "$.rules[0].as: 'as' does not apply to 'in_segment'; remove it",
    ),
    "value next to value_field": (
        segment(rule(value_field="b")),
        "$.rules[0].value_field: a rule has a 'value' or a 'value_field', not both; remove one of them",
    ),
    "value_field of contains": (
        segment({"field": "a", "operator": "contains", "value_field": "b"}),
        "$.rules[0].value_field: 'value_field' does not apply to 'contains'; remove it",
    ),
    "value_field with an empty part": (
        segment({"field": "a", "operator": "eq", "value_field": "b."}),
        "$.rules[0].value_field: 'b.' has an empty part; a path looks like 'custom_fields.plan'",
    ),
    "value of within_last, being null": (
        segment(rule(operator="within_last", value=None)),
        "$.rules[0].value: null is not a value, and 'within_last' needs one such as '30d'",
    ),
    "value of in_segment, being null": (
        segment(rule(operator="in_segment", value=None, field=ABSENT)),
        "$.rules[0].value: null is not a value, and 'in_segment' needs one, the id of a segment",
    ),
    "rules of a group": (
        segment(group(rules=ABSENT)),
        f"$.rules[0].rules: 'rules' is missing; {A_LIST_OF_RULES}",
    ),
    "match of a group": (segment(group(match=ABSENT)), f"$.rules[0].match: {IS_MISSING_MATCH}"),
    "match of a group in a group": (
        segment(rule(), group(rules=[rule(), group(match=ABSENT)])),
        f"$.rules[1].rules[1].match: {IS_MISSING_MATCH}",
    ),
    "rules of a group, alone": (segment({"match": "any"}), f"$.rules[0].rules: 'rules' is missing; {A_LIST_OF_RULES}"),
    "any rule": (segment(rules=[]), f"$.rules: {NO_RULES}"),
    "any rule of a group": (segment(group(rules=[])), "$.rules[0].rules: the group has no rules; add at least one"),
}

WORDS: dict[str, tuple[Any, str]] = {
    "operator": (
        segment(rule(operator="contain")),
        "$.rules[0].operator: 'contain' is not an operator; did you mean 'contains'?",
    ),
    "operator in capitals": (
        segment(rule(operator="GTE")),
        "$.rules[0].operator: 'GTE' is not an operator; did you mean 'gte'?",
    ),
    "operator of SQL": (segment(rule(operator="=")), "$.rules[0].operator: '=' is not an operator; did you mean 'eq'?"),
    "operator like none": (
        segment(rule(operator="zigzag")),
        f"$.rules[0].operator: 'zigzag' is not an operator; there are {OPERATOR_NAMES}",
    ),
    "operator that looks like markup": (
        segment(rule(operator="[/red]")),
        f"$.rules[0].operator: '[/red]' is not an operator; there are {OPERATOR_NAMES}",
    ),
    "operator that denies another": (
        segment(rule(operator="nin")),
        "$.rules[0].operator: 'nin' is not an operator; did you mean 'not_in'?",
    ),
    "operator that denies one without an opposite": (
        segment(rule(operator="not_between")),
        (
            "$.rules[0].operator: 'not_between' is not an operator; "
            'put a rule with \'between\' into a group {"match": "none", "rules": [...]}'
        ),
    ),
    "match that denies": (
        segment(match="not all"),
        (
            "$.match: 'not all' is not a value of 'match'; "
            'for "not all", put a group with "match": "all" into a group with "match": "none"'
        ),
    ),
    "match": (segment(match="every"), "$.match: 'every' is not a value of 'match'; there are all, any, none"),
    "match in capitals": (segment(match="ANY"), "$.match: 'ANY' is not a value of 'match'; did you mean 'any'?"),
    "match of a group": (
        segment(group(match="nobody")),
        "$.rules[0].match: 'nobody' is not a value of 'match'; there are all, any, none",
    ),
    "missing": (
        segment(rule(missing="included")),
        "$.rules[0].missing: 'included' is not a value of 'missing'; did you mean 'include'?",
    ),
    "missing like none": (
        segment(rule(missing="maybe")),
        "$.rules[0].missing: 'maybe' is not a value of 'missing'; there are include, exclude",
    ),
    "missing on exists": (
        segment(rule(operator="exists", value=ABSENT, missing="include")),
        "$.rules[0].missing: 'missing' does not apply to 'exists'; remove it",
    ),
    **{
        f"{key} on {operator}": (
            segment(rule(operator=operator, value=ABSENT, **{key: value})),
            f"$.rules[0].{key}: '{key}' does not apply to '{operator}'; remove it",
        )
        for operator in ("blank", "not_blank")
        for key, value in (("missing", "include"), ("missing", "exclude"), ("ignore_case", True))
    },
    "missing on empty": (
        segment(rule(operator="empty", value=ABSENT, missing="exclude")),
        "$.rules[0].missing: 'missing' does not apply to 'empty'; remove it",
    ),
    "in the second of two rules": (
        segment(rule(), rule(operator="contian")),
        "$.rules[1].operator: 'contian' is not an operator; did you mean 'contains'?",
    ),
    "deep in groups": (
        segment(rule(), group(rules=[rule(), group(match="none", rules=[rule(), rule(operator="exist")])])),
        "$.rules[1].rules[1].rules[1].operator: 'exist' is not an operator; did you mean 'exists'?",
    ),
    "under 29 groups": (
        segment(group(rules=[nested(27), "x"])),
        f"$.rules[0].rules[1]: {A_NODE}; found 'x'",
    ),
}


@pytest.mark.parametrize(("definition", "message"), UNKNOWN.values(), ids=list(UNKNOWN))
def test_an_unknown_key_is_refused_once_with_a_suggestion(program: Program, definition: object, message: str) -> None:
    write({"segments/bad.json": definition})
    program.finds([f"segments/bad.json: {message}"])
    program.fails_alone([f"segments/bad.json: {message}"])


@pytest.mark.parametrize(("definition", "message"), MISSING.values(), ids=list(MISSING))
def test_a_missing_key_is_reported_with_its_meaning(program: Program, definition: object, message: str) -> None:
    write({"segments/bad.json": definition})
    program.finds([f"segments/bad.json: {message}"])
    program.fails_alone([f"segments/bad.json: {message}"])


@pytest.mark.parametrize(("definition", "message"), WORDS.values(), ids=list(WORDS))
def test_an_unknown_word_is_refused_with_the_valid_ones(program: Program, definition: object, message: str) -> None:
    write({"segments/bad.json": definition})
    program.finds([f"segments/bad.json: {message}"])
    program.fails_alone([f"segments/bad.json: {message}"])
