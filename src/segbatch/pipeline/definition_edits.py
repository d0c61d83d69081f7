"""Detection of segments whose definition has changed since their members were evaluated."""

from collections.abc import Mapping
from typing import Any

from segbatch.model.manifest import SegmentRecord
from segbatch.model.segment import Segment

MEANING = ("project_id", "match", "rules")
"""The keys of a definition that decide which contacts are in the segment.

The definitions of referenced segments are not included: these have rules of their own.
"""

_DEFAULTS: Mapping[str, Any] = {"match": "all", "ignore_case": False}


def is_edited(segment: Segment, before: SegmentRecord) -> bool:
    """Return whether the rules of a segment differ from those that its members were evaluated with.

    Changes of names, and defaults that are written out, do not count.

    Args:
        segment: The current definition of the segment.
        before: Its record in the previous run.

    Returns:
        Whether the rules differ; False if the previous definition is unknown.
    """
    return isinstance(before.definition, dict) and _meaning(segment.to_json()) != _meaning(before.definition)


def _meaning(definition: Mapping[str, Any]) -> Any:
    return _without_defaults({key: definition.get(key, _DEFAULTS.get(key)) for key in MEANING})


def _without_defaults(data: Any) -> Any:
    """Remove the keys that a definition may omit."""
    if isinstance(data, Mapping):
        return {
            key: _without_defaults(value)
            for key, value in data.items()
            if value is not None and (key not in _DEFAULTS or value != _DEFAULTS[key])
        }
    return [_without_defaults(item) for item in data] if isinstance(data, list | tuple) else data
