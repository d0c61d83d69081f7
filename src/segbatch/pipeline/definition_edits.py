"""Whether a segment means something else than the definition that its members follow."""

from collections.abc import Mapping
from typing import Any

from segbatch.model.manifest import SegmentRecord
from segbatch.model.segment import Segment

__all__ = ["MEANING", "is_edited"]

MEANING = ("project_id", "match", "rules")
"""The keys of a definition that decide which contacts are in the segment.

The segments that it names are not among them: each of these has rules of its own.
"""

_DEFAULTS: Mapping[str, Any] = {"match": "all", "ignore_case": False}


def is_edited(segment: Segment, before: SegmentRecord) -> bool:
    """Compare the rules of a segment with those that its members follow.

    Args:
        segment: The segment as it is defined now.
        before: Its record in the previous run.

    Returns:
        Whether they differ, in more than a name or a default that is written out. If the previous definition is not
        known, they do not.
    """
    return isinstance(before.definition, dict) and _meaning(segment.to_json()) != _meaning(before.definition)


def _meaning(definition: Mapping[str, Any]) -> Any:
    return _without_defaults({key: definition.get(key, _DEFAULTS.get(key)) for key in MEANING})


def _without_defaults(data: Any) -> Any:
    """Leave out the keys that a definition need not write."""
    if isinstance(data, Mapping):
        return {
            key: _without_defaults(value)
            for key, value in data.items()
            if value is not None and (key not in _DEFAULTS or value != _DEFAULTS[key])
        }
    return [_without_defaults(item) for item in data] if isinstance(data, list | tuple) else data
