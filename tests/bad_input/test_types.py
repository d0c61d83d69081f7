"""Values with a wrong type, texts that are too short or too long, and invalid times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .conftest import write
from .making import A_FIELD, A_NODE, AN_ID, OPERATOR_NAMES, group, rule, segment

if TYPE_CHECKING:
    from .conftest import Program

A_VALUE = "a value is a text, a number, true or false"
BLANK = "the name is blank; it is the display name of the segment"
LIKE = "write it like 2025-06-01T10:00:00.000Z"
UTC_LIKE = "write it in UTC like 2025-06-01T10:00:00.000Z"
A_SHARE = "'max_change' must be a share from 0 to 10, such as 0.3 for 30 %"
A_TIME = "must be a time like 2025-06-01T10:00:00.000Z"

A_LIST = "the value is the name of a list without folder and extension: letters, digits, '-', '_' and '.'"
SAMPLE = "$.rules[0].value:"
A_SAMPLE = '{"seed": "spring", "from": 0, "to": 0.1}'


def sample(value: object) -> dict[str, Any]:
    return {"operator": "sample", "value": value}


TYPES: dict[str, tuple[Any, str]] = {
    "id number": (segment(id=5), "$.id: 'id' must be a text; found 5"),
    "id null": (segment(id=None), "$.id: 'id' must be a text; found null"),
    "project_id": (segment(project_id=1.5), "$.project_id: 'project_id' must be a text; found 1.5"),
    "name": (segment(name=["S"]), "$.name: 'name' must be a text; found [\"S\"]"),
    "description": (
        segment(description={"en": "x"}),
        '$.description: \'description\' must be a text; found {"en": "x"}',
    ),
    "list_id": (segment(list_id=True), "$.list_id: 'list_id' must be a text; found true"),
    "max_change text": (segment(max_change="lots"), "$.max_change: 'lots' is not a share; write it like 30% or 0.3"),
    "max_change true": (segment(max_change=True), f"$.max_change: {A_SHARE}; found true"),
    "max_change negative": (segment(max_change=-0.1), f"$.max_change: {A_SHARE}; found -0.1"),
    "max_change percent": (segment(max_change=30), f"$.max_change: {A_SHARE}; found 30"),
    "match": (segment(match=None), "$.match: null is not a value of 'match'; there are all, any, none"),
    "match list": (segment(match=["any"]), "$.match: [\"any\"] is not a value of 'match'; there are all, any, none"),
    "rules object": (segment(rules={"a": 1}), "$.rules: 'rules' must be a list; found {\"a\": 1}"),
    "rules text": (segment(rules="status = active"), "$.rules: 'rules' must be a list; found 'status = active'"),
    "rules null": (segment(rules=None), "$.rules: 'rules' must be a list; found null"),
    "created_at": (segment(created_at=1748772000), f"$.created_at: 'created_at' {A_TIME}; found 1748772000"),
    "updated_at": (segment(updated_at={"at": 1}), f"$.updated_at: 'updated_at' {A_TIME}; found {{\"at\": 1}}"),
    "$schema": (segment(**{"$schema": 5}), "$[\"$schema\"]: '$schema' must be a text; found 5"),
    "rule text": (segment("status = active"), f"$.rules[0]: {A_NODE}; found 'status = active'"),
    "rule null": (segment(rule(), None), f"$.rules[1]: {A_NODE}; found null"),
    "rule list": (segment([1, 2]), f"$.rules[0]: {A_NODE}; found [1, 2]"),
    "field": (segment(rule(field=5)), "$.rules[0].field: 'field' must be a text; found 5"),
    "field null": (
        segment(rule(field=None)),
        (
            "$.rules[0].field: 'field' is missing; "
            'it is a column such as "status", or a path such as "custom_fields.plan"'
        ),
    ),
    "operator": (segment(rule(operator=1)), f"$.rules[0].operator: 1 is not an operator; there are {OPERATOR_NAMES}"),
    "operator null": (
        segment(rule(operator=None)),
        f"$.rules[0].operator: null is not an operator; there are {OPERATOR_NAMES}",
    ),
    "value list": (
        segment(rule(value=["a", 1])),
        f"$.rules[0].value: {A_VALUE}; found [\"a\", 1]; for a list, use 'in'",
    ),
    "value object": (segment(rule(value={"a": None})), f'$.rules[0].value: {A_VALUE}; found {{"a": null}}'),
    "value long list": (
        segment(rule(value=["x" * 100])),
        f"$.rules[0].value: {A_VALUE}; found [\"{'x' * 57}…; for a list, use 'in'",
    ),
    "list by its path": (
        segment({"field": "email", "operator": "in_list", "value": "lists/vip.txt"}),
        f"$.rules[0].value: {A_LIST}; found 'lists/vip.txt'",
    ),
    "list of values": (
        segment({"field": "email", "operator": "not_in_list", "value": ["a"]}),
        f'$.rules[0].value: {A_LIST}; found ["a"]',
    ),
    "list null": (
        segment({"field": "email", "operator": "in_list", "value": None}),
        "$.rules[0].value: null is not a value, and 'in_list' needs one, the name of a list",
    ),
    "list without a field": (
        segment({"operator": "in_list", "value": "vip"}),
        f"$.rules[0].field: 'field' is missing; {A_FIELD}",
    ),
    "sample text": (segment(sample("10%")), f"{SAMPLE} the value is an object such as {A_SAMPLE}; found '10%'"),
    "sample null": (segment(sample(None)), f"{SAMPLE} null is not a value, and 'sample' needs one such as {A_SAMPLE}"),
    "sample unknown key": (
        segment(sample({"sed": "a", "from": 0, "to": 1})),
        f"{SAMPLE} 'sed' is not a key of a sample; did you mean 'seed'?",
    ),
    "sample other key": (
        segment(sample({"seed": "a", "percent": 5, "to": 1})),
        f"{SAMPLE} 'percent' is not a key of a sample; its keys are seed, from, to",
    ),
    "sample without keys": (
        segment(sample({"seed": "a"})),
        f"{SAMPLE} the sample has no 'from' and no 'to'; write it like {A_SAMPLE}",
    ),
    "sample seed": (
        segment(sample({"seed": 5, "from": 0, "to": 1})),
        f"{SAMPLE} 'seed' must be a text of 1 to 200 printable characters; found 5",
    ),
    "sample empty seed": (
        segment(sample({"seed": "", "from": 0, "to": 1})),
        f"{SAMPLE} 'seed' must be a text of 1 to 200 printable characters; found ''",
    ),
    "sample in percent": (
        segment(sample({"seed": "a", "from": 0, "to": 10})),
        f"{SAMPLE} 'to' must be a number from 0 to 1; found 10",
    ),
    "sample bound": (
        segment(sample({"seed": "a", "from": True, "to": 1})),
        f"{SAMPLE} 'from' must be a number from 0 to 1; found true",
    ),
    "sample turned": (
        segment(sample({"seed": "a", "from": 0.5, "to": 0.2})),
        f"{SAMPLE} 'from' 0.5 is above 'to' 0.2; swap them",
    ),
    "sample with a field": (
        segment({**sample({"seed": "a", "from": 0, "to": 1}), "field": "id"}),
        "$.rules[0].field: 'field' does not apply to 'sample'; remove it",
    ),
    "missing": (
        segment(rule(missing=True)),
        "$.rules[0].missing: true is not a value of 'missing'; there are include, exclude",
    ),
    "match of a group": (
        segment(group(match=5)),
        "$.rules[0].match: 5 is not a value of 'match'; there are all, any, none",
    ),
    "rules of a group": (
        segment(group(rules=rule(value=1))),
        '$.rules[0].rules: \'rules\' must be a list; found {"field": "status", "operator": "eq", "value": 1}',
    ),
    "rule of a group": (segment(group(rules=[True])), f"$.rules[0].rules[0]: {A_NODE}; found true"),
}

TEXTS: dict[str, tuple[Any, str]] = {
    "no name": (segment(name=""), "$.name: 'name' is empty; it is the display name of the segment"),
    "blank name": (segment(name=" \t\n"), f"$.name: {BLANK}"),
    "name of a wide space": (segment(name="\u3000"), f"$.name: {BLANK}"),
    "name too long": (segment(name="x" * 201), "$.name: 'name' has 201 characters; at most 200 are allowed"),
    "ignore_case": (
        segment(rule(ignore_case="yes")),
        "$.rules[0].ignore_case: 'ignore_case' must be true or false; found 'yes'",
    ),
    "no field": (segment(rule(field="")), f"$.rules[0].field: 'field' is empty; {A_FIELD}"),
    "field ends in a dot": (
        segment(rule(field="custom_fields.")),
        "$.rules[0].field: 'custom_fields.' has an empty part; a path looks like 'custom_fields.plan'",
    ),
    "field with two dots": (
        segment(rule(field="custom_fields..plan")),
        "$.rules[0].field: 'custom_fields..plan' has an empty part; a path looks like 'custom_fields.plan'",
    ),
    "created_at garbage": (segment(created_at="yesterday"), f"$.created_at: 'yesterday' is not a valid time; {LIKE}"),
    "created_at empty": (segment(created_at=""), f"$.created_at: '' is not a valid time; {LIKE}"),
    "created_at no such month": (
        segment(created_at="2025-13-01T00:00:00Z"),
        f"$.created_at: '2025-13-01T00:00:00Z' is not a valid time; {LIKE}",
    ),
    "created_at before the calendar": (
        segment(created_at="0001-01-01T00:00:00+14:00"),
        f"$.created_at: '0001-01-01T00:00:00+14:00' is not a valid time; {LIKE}",
    ),
    "updated_at after the calendar": (
        segment(updated_at="9999-12-31T23:59:59-14:00"),
        f"$.updated_at: '9999-12-31T23:59:59-14:00' is not a valid time; {LIKE}",
    ),
    "created_at without offset": (
        segment(created_at="2025-06-01T10:00:00"),
        f"$.created_at: '2025-06-01T10:00:00' has no offset; {UTC_LIKE}",
    ),
    "updated_at date alone": (
        segment(updated_at="2025-06-01"),
        f"$.updated_at: '2025-06-01' has no offset; {UTC_LIKE}",
    ),
}

IDS: dict[str, str] = {
    "slash": "news/weekly",
    "dot dot": "..",
    "dot": ".",
    "path upwards": "../../passwords",
    "space": "pro users",
    "umlaut": "größe",
    "markup": "[red]alert[/red]",
    "none": "",
}


@pytest.mark.parametrize(("definition", "message"), TYPES.values(), ids=list(TYPES))
def test_a_value_of_the_wrong_kind_is_shown_with_the_right_kind(
    program: Program, definition: object, message: str
) -> None:
    write({"segments/bad.json": definition})
    program.finds([f"segments/bad.json: {message}"])
    program.fails_alone([f"segments/bad.json: {message}"])


@pytest.mark.parametrize(("definition", "message"), TEXTS.values(), ids=list(TEXTS))
def test_a_text_that_cannot_be_is_shown_with_one_that_can(program: Program, definition: object, message: str) -> None:
    write({"segments/bad.json": definition})
    program.finds([f"segments/bad.json: {message}"])
    program.fails_alone([f"segments/bad.json: {message}"])


@pytest.mark.parametrize("segment_id", IDS.values(), ids=list(IDS))
def test_an_id_that_could_be_a_path_or_a_riddle_is_refused(program: Program, segment_id: str) -> None:
    write({"segments/bad.json": segment(id=segment_id)})
    messages = [f"segments/bad.json: segment '{segment_id}': $.id: '{segment_id}' cannot be an id; {AN_ID}"]
    program.finds(messages)
    program.fails_alone(messages)


def test_an_id_that_is_too_long_is_cut_in_the_message(program: Program) -> None:
    write({"segments/bad.json": segment(id="x" * 129)})
    where = f"segments/bad.json: segment '{'x' * 99}…': $.id"
    program.finds([f"{where}: '{'x' * 58}… cannot be an id; {AN_ID}"])


@pytest.mark.parametrize("stem", ["pro users", "größe", "a+b", "a,b"])
def test_a_file_name_that_cannot_be_an_id_is_refused_where_it_is_to_be_one(program: Program, stem: str) -> None:
    write({f"segments/{stem}.json": segment()})
    program.finds([f"segments/{stem}.json: $.id: '{stem}' cannot be an id; {AN_ID}"])
    write({f"segments/{stem}.json": segment(id="mine")})
    assert program("check").status == 0
