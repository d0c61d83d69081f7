"""The key `examples` of a definition: how it is read, refused and written."""

import json
from typing import Any

import pytest

from builders import rule, segment
from segbatch.definitions.json_layout import write_definition
from segbatch.definitions.strict_json import parse
from segbatch.definitions.validation import validate

SOME = rule("plan", "exists")
IN = {"status": "active", "custom_fields.plan": "pro", "n": 10**30, "tags": ["a", None, True]}


def test_examples_are_kept_as_they_are_written() -> None:
    examples: dict[str, Any] = {"in": [IN], "out": [{}]}
    assert segment(SOME, examples=examples).to_json()["examples"] == examples
    assert segment(SOME, examples={"out": [{}]}).to_json()["examples"] == {"out": [{}]}
    assert segment(SOME).examples is None


@pytest.mark.parametrize(
    ("examples", "path", "message"),
    [
        (5, "$.examples", "'examples' must be an object; found 5"),
        ({}, "$.examples", "there are no examples; add a contact to 'in' or 'out', or remove 'examples'"),
        (
            {"in": [], "out": []},
            "$.examples",
            "there are no examples; add a contact to 'in' or 'out', or remove 'examples'",
        ),
        ({"in": [{}], "inn": []}, "$.examples.inn", "'inn' is not a key of a set of examples; did you mean 'in'?"),
        ({"members": []}, "$.examples.members", "'members' is not a key of a set of examples; its keys are in, out"),
        ({"in": {}}, "$.examples.in", "'in' must be a list; found {}"),
        ({"out": None}, "$.examples.out", "'out' must be a list; found null"),
        (
            {"in": [{}, "a"]},
            "$.examples.in[1]",
            'an example is an object such as {"status": "active"}; found \'a\'',
        ),
        (
            {"in": [{"": 1}]},
            "$.examples.in[0]",
            "'' cannot be a key of an example; write a column, or a path such as 'company.name'",
        ),
        (
            {"in": [{"a..b": 1}]},
            "$.examples.in[0]",
            "'a..b' cannot be a key of an example; write a column, or a path such as 'company.name'",
        ),
        ({"in": [{}] * 101}, "$.examples.in", "there are 101 examples; at most 100 are allowed"),
        (
            {"in": [{"a": "x" * 10_000}]},
            "$.examples.in[0]",
            "the example has 10,009 characters; at most 10,000 are allowed",
        ),
        ({"in": [{"a": [float("nan")]}]}, "$.examples.in[0]", "the example has a value that JSON cannot contain"),
        ({"in": [{"a": {1: 2}}]}, "$.examples.in[0]", "the example has a value that JSON cannot contain"),
    ],
)
def test_an_invalid_example_is_refused_with_its_place(examples: Any, path: str, message: str) -> None:
    _, problems = validate({"id": "s", "name": "S", "rules": [SOME], "examples": examples})
    assert [(problem.path, problem.message) for problem in problems] == [(path, message)]


def test_all_invalid_examples_are_reported_at_once() -> None:
    examples = {"in": [1, {"": 1}], "out": [2], "other": []}
    _, problems = validate({"id": "s", "name": "S", "rules": [SOME], "examples": examples})
    places = ["$.examples.in[0]", "$.examples.in[1]", "$.examples.other", "$.examples.out[0]"]
    assert sorted(str(problem.path) for problem in problems) == places


def test_numbers_that_are_not_json_are_refused_in_files() -> None:
    _, problems = parse(b'{"examples": {"in": [{"a": NaN, "b": 1e999}]}}')
    assert [(problem.path, problem.message) for problem in problems] == [
        ("$.examples.in[0].a", "NaN is not JSON; write a number"),
        ("$.examples.in[0].b", "1e999 is too large for a number"),
    ]


def test_each_example_has_its_own_line_in_a_file() -> None:
    definition = {"name": "S", "examples": {"in": [IN, {"a": 1}], "out": [{}]}, "rules": [SOME]}
    text = write_definition(definition)
    assert json.loads(text) == definition
    lines = [line.strip() for line in text.splitlines()]
    assert '{ "a": 1 }' in lines
    assert lines.index('"examples": {') < lines.index('"in": [') < lines.index('"out": [')
