"""The JSON Schema of a definition: it accepts every loadable definition, and rejects mistakes that it can express."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bad_input.making import group, nested, rule, segment
from bad_input.test_keys import MISSING, UNKNOWN, WORDS
from bad_input.test_types import TEXTS, TYPES
from oracle.strategies import definitions
from segbatch.definitions.validation import validate
from segbatch.model.json_schema import segment_schema
from segbatch.model.operators import OPERATORS

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "sample_data" / "segments").glob("*.json"))
SCHEMA = segment_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

BAD = {**UNKNOWN, **MISSING, **WORDS, **TYPES, **TEXTS}
FOR_LOADING_ALONE = {
    "sample turned",
    *(name for name in TEXTS if name.startswith(("created_at", "updated_at"))),
}
"""Times are a format, which editors mark and validators ignore. A schema cannot compare two keys."""

VALUES: list[Any] = [None, "a", "30d", "", 5, 1.5, True, [], ["a"], [1, 2], [2, 1], ["a", "b", "c"], [None], {"a": 1}]


def is_taken(definition: Any) -> bool:
    return bool(VALIDATOR.is_valid(definition))


def test_the_schema_is_one_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_published_schema_equals_the_output_of_the_command() -> None:
    assert json.loads((ROOT / "docs" / "segment.schema.json").read_text()) == SCHEMA


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_names_the_schema_and_fits_it(sample: Path) -> None:
    definition = json.loads(sample.read_text())
    assert (sample.parent / definition["$schema"]).resolve() == ROOT / "docs" / "segment.schema.json"
    VALIDATOR.validate(definition)


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "examples" / "broken").glob("*.json")), ids=lambda it: it.stem)
def test_a_broken_example_of_the_docs_is_refused(file: Path) -> None:
    assert not is_taken(json.loads(file.read_text()))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_example_of_keys_and_types_is_refused(name: str) -> None:
    assert is_taken(BAD[name][0]) == (name in FOR_LOADING_ALONE)


COMPARED = segment({"field": "a", "operator": "gte", "value_field": "b", "missing": "include"})


@pytest.mark.parametrize(
    "definition", [[], [segment(id="a"), segment(id="b")], segment(nested(20)), segment(id="a"), COMPARED]
)
def test_lists_and_groups_are_accepted(definition: Any) -> None:
    assert is_taken(definition)


@pytest.mark.parametrize(
    "definition",
    [
        [segment()],
        [segment(id="a"), 5],
        segment(id=".."),
        segment(id="a/b"),
        segment(group(rules=[])),
        segment(rule(operator="exists", missing="include")),
        segment(rule(operator="gt", ignore_case=True)),
        segment(rule(operator="gt", value_field="b")),
        segment({"field": "a", "operator": "contains", "value_field": "b"}),
        segment({"field": "a", "operator": "eq", "value": 1, "as": "int"}),
        segment({"operator": "in_segment", "value": "b", "as": "text"}),
        segment({"field": "a", "operator": "eq", "value_field": None}),
        segment({"field": "a", "operator": "eq", "value_field": "b..c"}),
        segment({"field": "a", "operator": "in_segment", "value": "b"}),
        segment(**{"$schema": 5}),
    ],
    ids=str,
)
def test_an_invalid_value_is_refused(definition: Any) -> None:
    assert not is_taken(definition)


@given(definitions())
def test_the_schema_accepts_every_loadable_definition(definition: dict[str, Any]) -> None:
    if validate(definition)[0]:
        VALIDATOR.validate(definition)


@given(
    st.sampled_from(OPERATORS),
    st.sampled_from(VALUES),
    st.fixed_dictionaries(
        {},
        optional={
            "field": st.sampled_from([None, "a", "a.b", "a..b", "", 5]),
            "missing": st.sampled_from([None, "include", "x"]),
            "ignore_case": st.sampled_from([True, False, None]),
        },
    ),
)
def test_a_rule_that_loading_takes_the_schema_takes(operator: str, value: Any, more: dict[str, Any]) -> None:
    definition = segment({"operator": operator, "value": value, **more})
    loaded, _ = validate({"id": "a", **definition})
    if loaded is not None:
        VALIDATOR.validate(definition)
    elif value is not None and more.get("field") == "a" and operator not in {"between", "matches"}:
        assert not is_taken(definition)
