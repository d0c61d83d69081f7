"""A folder of definitions for tests of the store."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from segbatch.definitions.store import SegmentStore

ACTIVE = {"field": "status", "operator": "eq", "value": "active"}
PRO = {"field": "custom_fields.plan", "operator": "eq", "value": "pro"}
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def naming(segment_id: str) -> dict[str, Any]:
    return {"operator": "in_segment", "value": segment_id}


def definition(name: str = "Pro Plan Users", *rules: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "rules": list(rules) or [PRO, ACTIVE]} | more


def store(folder: Path) -> SegmentStore:
    return SegmentStore(folder, clock=Clock())


def put(file: Path, content: Any) -> Path:
    """Write a file by hand, long ago, so that its times can be relied on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    os.utime(file, (1_000_000_000, 1_000_000_000))
    return file


def files(folder: Path) -> dict[str, str]:
    """Return all that is in a folder, but for the lock."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".segbatch.lock")
    return {str(path.relative_to(folder)): path.read_text() for path in found}
