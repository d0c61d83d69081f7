"""Reasons why a value is not valid, for every error that Pydantic can raise."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from segbatch.model.invalid_values import invalid_reason

WORDS_OF_PYDANTIC = (
    "Input",
    "String should",
    "Field required",
    "items after validation",
    "valid integer",
    "Value error",
)


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda error: error["type"])
def test_no_message_of_pydantic_reaches_a_user(error: dict[str, Any]) -> None:
    context = error.get("example_context") or {}
    reason = invalid_reason({"type": error["type"], "ctx": context})
    assert reason
    assert not any(words in reason for words in WORDS_OF_PYDANTIC)


def test_messages_of_our_own_stay_as_they_are() -> None:
    for kind, key in (("segbatch", "message"), ("value_error", "error")):
        assert invalid_reason({"type": kind, "ctx": {key: "is odd"}}) == "is odd"


class Limits(BaseModel):
    """Fields with limits."""

    number: Annotated[float, Field(gt=1, lt=5)] = 2
    text: Annotated[str, Field(min_length=2, max_length=3)] = "ab"
    choice: Literal["a", "b"] = "a"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"number": 1}, "must be more than 1"),
        ({"number": 5}, "must be less than 5"),
        ({"number": "x"}, "must be a number"),
        ({"text": "a"}, "must have a length of at least 2"),
        ({"text": "abcd"}, "must have a length of at most 3"),
        ({"choice": "c"}, "must be 'a' or 'b'"),
        ([], "must be an object"),
    ],
)
def test_the_reason_names_the_valid_values(data: object, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Limits.model_validate(data)
    assert [invalid_reason(error) for error in caught.value.errors()] == [reason]
