"""Parser for a share of a segment's size: `0.3`, or `30%`."""

import re

from segbatch.errors import UsageError
from segbatch.model.limits import MAX_CHANGE
from segbatch.text import shown

_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%?)")


def read_share(text: str) -> float:
    """Parse a share: `0.3` or `30%`.

    Raises:
        UsageError: The share is not valid.
    """
    found = _SHARE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{shown(text)} is not a share; write it like 30% or 0.3 (--max-change)")
    share = float(found[1]) / (100 if found[2] else 1)
    if share > MAX_CHANGE:
        most = f"{MAX_CHANGE} times the size"
        raise UsageError(f"{shown(text)} is more than {most}; write a share like 30% or 0.3 (--max-change)")
    return share
