"""Test cursors: each is valid for the list that returned it, and as it was returned."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from segbatch.interfaces.api.cursors import read_cursor, write_cursor
from segbatch.interfaces.api.problems import HttpProblem


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("parts", [("r1",), ("20251101T020000Z-5f3a1c", 99), ("r1", "größe 1/2")])
def test_a_cursor_has_the_parts_that_were_written(parts: tuple[str | int, ...]) -> None:
    cursor = write_cursor(*parts)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert read_cursor(cursor, *map(type, parts)) == list(parts)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "💩",
        "\0",
        write_cursor("r1"),
        write_cursor("r1", "pro"),
        write_cursor("r1", 1, 2),
        write_cursor("r1", -1),
        write_cursor("r1", 10**12),
        f"{write_cursor('r1', 1)}=",
        f"!{write_cursor('r1', 1)}",
        encoded('["r1",1]'),
        encoded('["r1", true]'),
        encoded('["r1", 1.0]'),
        encoded(f'["r1", {"9" * 5000}]'),
        encoded("[" * 100_000),
        encoded("r1/1"),
        encoded(json.dumps({"r1": 1})),
    ],
    ids=lambda value: value[:20],
)
def test_a_damaged_or_foreign_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(HttpProblem) as refused:
        read_cursor(cursor, str, int)
    assert refused.value.code == "bad-request"
    assert refused.value.detail.endswith(" is not valid; use 'next_cursor' of the previous page")
