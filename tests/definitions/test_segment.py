"""The model of a segment, as Python code uses it."""

import pytest
from pydantic import ValidationError

from builders import rule, segment
from segbatch import Group, Rule
from segbatch.model.limits import MAX_DEPTH


def nested(depth: int) -> Group:
    group = Group(match="all", rules=(Rule(field="status", operator="exists"),))
    for _ in range(depth - 1):
        group = Group(match="all", rules=(group,))
    return group


def test_a_segment_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        segment(rule("status", "exists")).name = "other"  # type: ignore[misc]


def test_groups_nest_as_deep_as_the_limit_and_no_deeper() -> None:
    assert segment(nested(MAX_DEPTH - 1))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="more than 30 levels deep"):
        segment(nested(MAX_DEPTH))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_a_number_that_no_column_can_store_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="value"):
        Rule(field="mrr", operator="gt", value=value)


@pytest.mark.parametrize(
    "value", [[1, 1.0], [True, False], [1, False], ["9", "10"], ["2025-06-30", "2025-06-01T10:00Z"], ["b", 1]]
)
def test_a_range_that_is_valid_for_some_column_is_accepted(value: list[object]) -> None:
    assert segment(rule("a", "between", value))


def test_a_value_on_exists_is_let_be() -> None:
    assert segment(rule("status", "exists", "")).to_json()["rules"] == [rule("status", "exists", "")]
    assert segment(rule("status", "exists", [1])).rules[0].value is None  # type: ignore[union-attr]


def test_error_texts_do_not_repeat_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        segment(rule("status", "exists"), name="x" * 500)
    assert "xxx" not in str(caught.value)
