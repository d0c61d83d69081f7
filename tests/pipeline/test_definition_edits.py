"""Whether the rules of a segment have changed since the previous run."""

from typing import Any

import pytest

from builders import rule
from segbatch.model.manifest import SegmentRecord
from segbatch.model.segment import Segment
from segbatch.pipeline.guardrails import MEANING, is_edited

RULE = rule("plan", "eq", "pro")
SAME: dict[str, Any] = {"id": "s", "name": "S", "rules": [RULE]}


def edited(was: Any, now: dict[str, Any]) -> bool:
    return is_edited(Segment.model_validate(now), SegmentRecord(segment_id="s", status="ok", definition=was))


def test_every_key_is_known_to_be_of_the_meaning_or_not() -> None:
    others = {"id", "name", "description", "list_id", "max_change", "created_at", "updated_at"}
    others |= {"enabled", "owner", "tags", "expires_at", "examples", "previous_ids"}
    assert set(Segment.model_fields) == {*MEANING, *others}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"name": "T", "description": "D", "list_id": "1", "max_change": 0.5},
        {"created_at": "2025-06-01T10:00:00Z", "updated_at": None},
        {"match": "all", "project_id": None},
        {"examples": {"in": [{"plan": "pro"}]}},
        {"rules": [RULE | {"ignore_case": False}]},
        {"rules": [RULE | {"missing": None}]},
    ],
)
def test_changes_that_keep_the_members_do_not_count_as_edits(more: dict[str, Any]) -> None:
    assert not edited(SAME, SAME | more)
    assert not edited(Segment.model_validate(SAME | more).to_json(), SAME)


@pytest.mark.parametrize(
    "more",
    [
        {"match": "any"},
        {"project_id": "p1"},
        {"rules": [RULE | {"value": "free"}]},
        {"rules": [RULE | {"missing": "include"}]},
        {"rules": [RULE | {"ignore_case": True}]},
        {"rules": [RULE, RULE]},
        {"rules": [{"match": "all", "rules": [RULE]}]},
    ],
)
def test_other_rules_are_an_edit(more: dict[str, Any]) -> None:
    assert edited(SAME, SAME | more)
    assert edited(Segment.model_validate(SAME | more).to_json(), SAME)


@pytest.mark.parametrize("unknown", [None, "no segment", []])
def test_a_definition_that_is_not_known_is_the_same(unknown: object) -> None:
    assert not edited(unknown, SAME)
