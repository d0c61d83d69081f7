"""The key `max_change` of a segment."""

from typing import Any

import pytest
from pydantic import ValidationError

from builders import rule, segment

SOME = rule("plan", "exists")


@pytest.mark.parametrize("share", [0, 0.3, 1, 10])
def test_a_share_is_read_and_written_unchanged(share: float) -> None:
    found = segment(SOME, max_change=share)
    assert (found.max_change, found.to_json()["max_change"]) == (share, share)


@pytest.mark.parametrize("text", ["30%", "0.3", "30.0 %"])
def test_a_share_may_be_a_text(text: str) -> None:
    found = segment(SOME, max_change=text)
    assert (found.max_change, found.to_json()["max_change"]) == (0.3, 0.3)


def test_none_leaves_it_to_the_run() -> None:
    assert segment(SOME).max_change is None
    assert "max_change" not in segment(SOME).to_json()


@pytest.mark.parametrize("share", [-0.1, 30, "-1%", "many", True, float("nan"), float("inf")])
def test_an_invalid_share_is_refused(share: Any) -> None:
    with pytest.raises(ValidationError, match="max_change"):
        segment(SOME, max_change=share)
