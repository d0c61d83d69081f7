"""Sentences about groups."""

import pytest

from builders import rule
from segbatch import Group
from segbatch.authoring.explain.reasons import explain_group


@pytest.mark.parametrize(
    ("match", "held", "expected"),
    [
        ("all", [True, True], "all match"),
        ("all", [True, False], "1 of 2 does not match"),
        ("all", [False, False], "2 of 2 do not match"),
        ("any", [False, False], "none match"),
        ("any", [True, False], "1 of 2 matches"),
        ("none", [True, True], "2 of 2 match"),
    ],
)
def test_a_group_counts_the_rules_that_match(match: str, held: list[bool], expected: str) -> None:
    group = Group.model_validate({"match": match, "rules": [rule("a", "exists")] * len(held)})
    assert explain_group(group, held) == expected
