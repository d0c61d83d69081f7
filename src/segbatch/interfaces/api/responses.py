"""JSON responses with saved segments."""

import json
from typing import Any

from fastapi import Response

from segbatch.definitions.store import Stored
from segbatch.model.segment import write_moment

_ADDED = ("match", "max_change")


def segment_data(stored: Stored) -> dict[str, Any]:
    """Return the JSON data of a segment: all documented keys, and the keys that segbatch adds if they are set.

    `updated_at` is null until the segment is changed for the first time.
    """
    segment, data = stored.segment, stored.data
    made, changed = segment.created_at, segment.updated_at
    return {
        "id": segment.id,
        "project_id": segment.project_id,
        "name": segment.name,
        "description": segment.description,
        "rules": data["rules"],
        "list_id": segment.list_id,
        "created_at": write_moment(made) if made else None,
        "updated_at": write_moment(changed) if changed and changed != made else None,
        **{key: getattr(segment, key) for key in _ADDED if data.get(key) is not None},
    }


def json_response(data: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(text, status, headers, "application/json")
