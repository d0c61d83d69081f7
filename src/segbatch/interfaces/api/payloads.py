"""Conversion of request bodies to definitions, with checks of the keys that clients may set."""

import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from segbatch.definitions.definition import Definition, Entry
from segbatch.definitions.store.json_edit import is_same_json
from segbatch.definitions.store.segment_store import SegmentStore
from segbatch.definitions.validation import validate
from segbatch.errors import DefinitionError, NotFoundError, Problem
from segbatch.interfaces.api.auth import Caller
from segbatch.interfaces.api.limits import PATTERN_TIME
from segbatch.interfaces.api.models import Segment
from segbatch.model.limits import MAX_VALUE_LENGTH
from segbatch.model.pattern import reason_against, unchecked
from segbatch.model.segment import SCHEMA_KEY

_SERVER_KEYS = ("id", "previous_ids", "created_at", "updated_at")
_REASONS = {
    "id": "given by the server, and cannot be chosen or changed",
    "project_id": "that of the key, or of the header X-Project-ID, and cannot be changed",
    "previous_ids": "recorded by 'segbatch segments rename'",
    "created_at": "set by the server",
    "updated_at": "set by the server",
}


def definition_of(body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Return the definition of a new segment, with a random id.

    Raises:
        DefinitionError: The body sets a key that the client must not set.
    """
    sent = {key: value for key, value in body.items() if key != SCHEMA_KEY}
    allowed = {**dict.fromkeys(_SERVER_KEYS), "project_id": caller.project}
    _ensure_server_values(sent, allowed if caller.project is not None else dict.fromkeys(_SERVER_KEYS))
    own = {key: value for key, value in sent.items() if key not in _SERVER_KEYS}
    if caller.project is not None:
        own["project_id"] = caller.project
    return {**own, "id": str(uuid4())}


def changes_of(body: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    """Return the keys to change in a segment. Keys that the server sets are accepted with their current values.

    Raises:
        DefinitionError: The body sets a key that the client must not set.
    """
    sent = {key: value for key, value in body.items() if key != SCHEMA_KEY}
    current = Segment.of(entry) if isinstance(entry, Definition) else None
    times = {key: getattr(current, key, None) for key in ("created_at", "updated_at")}
    _ensure_server_values(
        sent,
        {"id": entry.segment_id, "project_id": entry.project_id, "previous_ids": list(entry.previous_ids), **times},
    )
    return {key: value for key, value in sent.items() if key not in _REASONS}


def ensure_references_exist(
    store: SegmentStore, caller: Caller, definition: Mapping[str, Any], entry: Entry | None = None
) -> None:
    """Check that the segments that rules refer to exist for the sender, without revealing segments of other projects.

    Args:
        definition: Rules and other keys, not validated yet. The store reports other problems.
        entry: The segment to change, if any. Its current rules are not checked again.

    Raises:
        DefinitionError: Some of the segments do not exist for the sender.
    """
    rules = definition.get("rules")
    if entry is not None and is_same_json(rules, (entry.content or {}).get("rules")):
        return
    with unchecked():
        segment, _ = validate({"id": "s", "name": "s", "rules": rules})
    problems = list[Problem]()
    for path, segment_id in segment.references() if segment else ():
        try:
            store.find(segment_id, project=caller.project)
        except NotFoundError as error:
            problems.append(Problem(error.message, path=f"{path}.value"))
    if problems:
        raise DefinitionError(problems)


def ensure_patterns_compile_quickly(definition: Mapping[str, Any]) -> None:
    """Compile the patterns of rules that are not validated yet. The store reports invalid patterns.

    Raises:
        DefinitionError: Compiling takes too long and would block the server.
    """
    until = time.monotonic() + PATTERN_TIME
    for pattern in _patterns(definition.get("rules")):
        if time.monotonic() > until:
            message = f"the regular expressions take more than {PATTERN_TIME:g} s to compile; write fewer or smaller"
            raise DefinitionError([Problem(message, path="$.rules")])
        reason_against(pattern)


def _patterns(rules: object) -> Iterator[str]:
    """Yield the patterns of rules, including rules in groups."""
    waiting = [rules]
    while waiting:
        match waiting.pop():
            case list(items):
                waiting += items
            case {"operator": "matches", "value": str(pattern)} if len(pattern) <= MAX_VALUE_LENGTH:
                yield pattern
            case dict(group):
                waiting += group.values()
            case _:
                pass


def _ensure_server_values(sent: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    """Raise an error for keys that only the server sets, unless they have the server's value."""
    problems = [
        Problem(f"'{key}' is {_REASONS[key]}; leave it out", path=f"$.{key}")
        for key, value in allowed.items()
        if key in sent and not is_same_json(sent[key], value)
    ]
    if problems:
        raise DefinitionError(problems)
