"""Limits on the size of a definition, each with its own error."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import rule, write_segment
from segbatch.definitions import loader
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.store import segment_store
from segbatch.interfaces.api.keys import key_store
from segbatch.model import limits


def message(folder: Path, *rules: dict[str, Any], **more: Any) -> str:
    write_segment(folder, "large", *rules, **more)
    [broken] = load_definitions(folder).broken
    return str(broken.problems[0]).removeprefix(f"{folder}/large.json: ")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            [rule("a", "eq", "x" * 10_001)],
            "$.rules[0].value: the value has 10,001 characters; at most 10,000 are allowed",
        ),
        ([rule("a", "in", [1] * 10_001)], "$.rules[0].value: the list has 10,001 values; at most 10,000 are allowed"),
        (
            [rule("a", "exists")] * 1_001,
            "$: there are 1,001 rules; at most 1,000 are allowed; use 'in' for many values",
        ),
        (
            [rule("a", "matches", "(?:a{1000}){1000}")],
            (
                "$.rules[0].value: '(?:a{1000}){1000}' is not a valid regular expression: "
                "Compiled regex exceeds size limit of 10485760 bytes."
            ),
        ),
        ([rule("a", "eq", 10**309)], "$.rules[0].value: the number is larger than any number that a column can store"),
        ([rule("a", "eq", 10**400)], "$.rules[0].value: a number of 401 digits is too long"),
        ([rule("a", "in", [])], "$.rules[0].value: the list is empty, and nothing is in an empty list; add a value"),
        (
            [rule("a", "in", [None])],
            (
                "$.rules[0].value: a value is a text, a number, true or false; found null; "
                "to find contacts without a value, use 'empty'"
            ),
        ),
        ([rule("a", "in", "x")], '$.rules[0].value: the value is a list such as ["pro", "team"]; found \'x\''),
        (
            [rule("a", "between", [1, 2, 3])],
            "$.rules[0].value: the value is a list of two, [low, high]; found [1, 2, 3]",
        ),
        ([rule("a", "matches", 5)], "$.rules[0].value: the value is a text; found 5"),
        (
            [rule("a", "within_last", "1 month")],
            (
                "$.rules[0].value: '1 month' is not a valid duration; "
                "write it like '90min', '36h', '30d', '12w', '6mo' or '2y'"
            ),
        ),
        (
            [rule("a", "anniversary_within_next", "1mo")],
            "$.rules[0].value: an anniversary is counted in days or weeks, such as '7d' or '2w'; found '1mo'",
        ),
        (
            [rule("a", "older_than", "30m")],
            "$.rules[0].value: '30m' is not a valid duration; write '30min' for minutes, or '30mo' for months",
        ),
        (
            [rule("a", "within_last", "9999999d")],
            "$.rules[0].value: '9999999d' is too long; at most 999,999 of a unit are allowed",
        ),
        (
            [rule("a", "within_next", "0" * 5_000 + "30d")],
            (
                f"$.rules[0].value: '{'0' * 58}… is not a valid duration; "
                "write it like '90min', '36h', '30d', '12w', '6mo' or '2y'"
            ),
        ),
        (
            [rule("a", "within_next", "1" + "0" * 5_000 + "h")],
            f"$.rules[0].value: '1{'0' * 57}… is too long; at most 999,999 of a unit are allowed",
        ),
        (
            [rule("a", "between", [20, 10])],
            "$.rules[0].value: in [20, 10] the low value is above the high one; swap them",
        ),
        (
            [rule("a", "between", [0.5, -2])],
            "$.rules[0].value: in [0.5, -2] the low value is above the high one; swap them",
        ),
        (
            [rule("a", "between", ["2025-06-30", "2025-06-01"])],
            '$.rules[0].value: in ["2025-06-30", "2025-06-01"] the low value is above the high one; swap them',
        ),
        ([{"operator": "in_segment"}], "$.rules[0].value: 'in_segment' needs a 'value', the id of a segment"),
        (
            [{"operator": "in_segment", "value": "x", "field": "a"}],
            "$.rules[0].field: 'field' does not apply to 'in_segment'; remove it",
        ),
        (
            [rule("a", "gt", 1, ignore_case=True)],
            "$.rules[0].ignore_case: 'ignore_case' does not apply to 'gt'; remove it",
        ),
        (
            [{"operator": "eq", "value": 1}],
            (
                "$.rules[0].field: 'field' is missing; it is a column such as \"status\", "
                'or a path such as "custom_fields.plan"'
            ),
        ),
    ],
)
def test_a_rule_beyond_a_limit_is_reported(rules: list[dict[str, Any]], expected: str, tmp_path: Path) -> None:
    assert message(tmp_path, *rules) == expected


def nested(depth: int) -> dict[str, Any]:
    """Return a rule in nested groups."""
    one: dict[str, Any] = rule("a", "exists")
    for _ in range(depth):
        one = {"match": "all", "rules": [one]}
    return one


def test_ids_names_and_groups_beyond_a_limit_are_reported(tmp_path: Path) -> None:
    text = message(tmp_path, rule("a", "exists"), id="x" * 129)
    assert "$.id: " in text
    assert text.endswith("an id has letters (A-Z, a-z), digits, '-', '_' and '.', and at most 128 of them")
    assert message(tmp_path, rule("a", "exists"), name="n" * 201).startswith("$.name: ")
    assert "more than 30 levels deep" in message(tmp_path, nested(30))


def test_json_that_is_too_deep_is_reported(tmp_path: Path) -> None:
    for depth, words in ((100, "is a list without a segment in it"), (101, "nested more than 100 levels deep")):
        (tmp_path / "deep.json").write_text("[" * depth + "]" * depth)
        [broken] = load_definitions(tmp_path).broken
        assert words in str(broken.problems[0])


def test_a_definition_that_is_too_long_is_reported(tmp_path: Path) -> None:
    text = message(tmp_path, rule("a", "exists"), description="x" * 1_000_000)
    assert text == "$: the definition has 1,000,100 characters; at most 1,000,000 are allowed"


def test_a_file_that_is_too_large_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_FILE_SIZE", 10)
    text = message(tmp_path, rule("a", "exists"))
    assert text.startswith("cannot be read: ")
    assert text.endswith("bytes; a file of definitions has at most 10")


def test_the_documentation_names_every_limit() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    numbers = {getattr(limits, name) for name in dir(limits) if name.startswith("MAX_")} - {limits.MAX_FILE_SIZE}
    for number in numbers:
        assert f"{number:,}" in page


def test_the_documented_time_for_other_writers_is_that_of_the_commands() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for page, seconds in (("segments.md", segment_store._LOCK_TIMEOUT), ("keys.md", key_store._LOCK_TIMEOUT)):  # noqa: SLF001
        assert f"{seconds:g} seconds" in (docs / page).read_text()


def test_definitions_at_the_limits_are_read(tmp_path: Path) -> None:
    rules = [rule("a", "in", [1] * 10_000), *[rule("a", "eq", "x" * 10_000)] * 50, *[rule("a", "exists")] * 949]
    groups = [nested(29), rule("a", "eq", 10**308), rule("b", "within_last", "999999w")]
    segments = [{"id": "x" * 128, "name": "n" * 200, "rules": rules}, {"id": "y", "name": "Y", "rules": groups}]
    (tmp_path / "all.json").write_text(json.dumps(segments))
    assert len(load_definitions(tmp_path).good) == 2
