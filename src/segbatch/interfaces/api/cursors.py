"""Cursors: the position of the next page of a list, as an opaque text.

A cursor is the URL-safe Base64 of a JSON array: the run that all pages belong to, and the position in it, if any.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from segbatch.interfaces.api.problems import HttpProblem
from segbatch.text import shown

_MOST = 10**12
"""Positions that are numbers are less than this one, so that they cannot overflow."""


def write_cursor(*parts: str | int) -> str:
    """Return the cursor for a position."""
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *types: type[str | int]) -> Any:
    """Return the parts of a cursor.

    Args:
        types: The types of the parts. Each list has others, so a cursor is valid for one list.

    Raises:
        HttpProblem: The cursor is damaged, or belongs to another list.
    """
    try:
        parts = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        parts = None
    is_valid = (
        isinstance(parts, list)
        and [type(part) for part in parts] == list(types)
        and all(0 <= part < _MOST for part in parts if isinstance(part, int))
        and write_cursor(*parts) == cursor  # decoding skips characters that are not of Base64
    )
    if not is_valid:
        detail = f"cursor: {shown(cursor)} is not valid; use 'next_cursor' of the previous page"
        raise HttpProblem("bad-request", detail)
    return parts
