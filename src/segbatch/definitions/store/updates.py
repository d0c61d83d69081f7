"""New content of definitions that are created, changed or renamed, with the checks of a rename."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any

from segbatch.definitions.definition import Definition, Entry
from segbatch.definitions.store.json_edit import is_same_json
from segbatch.definitions.strict_json import check_data
from segbatch.definitions.validation import validate
from segbatch.errors import AlreadyThereError, DefinitionError, Problem, StoreError
from segbatch.model.limits import MAX_PREVIOUS_IDS
from segbatch.model.segment import RESERVED_ID, Segment, write_moment
from segbatch.text import shown

_TIMES = ("created_at", "updated_at")
_REQUIRED = {name for name, key in Segment.model_fields.items() if key.is_required()}
_LONGEST_SLUG = 100
_BREAKS = re.compile(r"[^a-z0-9]+")
_REASONS = {"id": "the key of the segment and cannot be changed", **dict.fromkeys(_TIMES, "set by segbatch")}


def new_definition(data: Mapping[str, Any], segment_id: str, now: datetime) -> dict[str, Any]:
    """Return the definition of a new segment: the keys that were sent, without optional ones that are null.

    Raises:
        DefinitionError: The definition is not valid, or the id cannot be a file name.
    """
    times = dict.fromkeys(_TIMES, write_moment(now))
    given = {key: value for key, value in data.items() if value is not None or key in _REQUIRED}
    definition = {**given, "id": segment_id, **times}
    _ensure_valid(definition)
    if segment_id.startswith("."):
        message = f"{shown(segment_id)} begins with a dot, and files with such names are not read; choose another id"
        raise DefinitionError([Problem(message, path="$.id")])
    return definition


def new_segment(
    sent: Mapping[str, Any], entries: Iterable[Entry], names: Collection[str], now: datetime
) -> tuple[dict[str, Any], str]:
    """Return the definition of a new segment and the name of its file.

    Args:
        sent: The keys that were sent. Without an id, the id is derived from the name.
        entries: All segments of the store.
        names: The existing file names, in lower case.
        now: The time of the creation.

    Raises:
        DefinitionError: The definition is not valid, or the id cannot be a file name.
        AlreadyThereError: A segment with that id exists, perhaps in other case.
    """
    taken = {entry.segment_id.casefold(): entry for entry in entries}
    segment_id = sent.get("id")
    if segment_id is None:
        segment_id = _unused_id(sent["name"], {*taken, *(name.removesuffix(".json") for name in names)})
    definition = new_definition(sent, segment_id, now)
    if twin := taken.get(segment_id.casefold()):
        message = f"the segment {shown(twin.segment_id)} already exists; choose another id, or update it"
        raise AlreadyThereError(message, twin.file)
    return definition, _unused_file_name(segment_id, names)


def apply_changes(entry: Entry, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge changes into a definition; null removes an optional key.

    Raises:
        DefinitionError: The result would not be valid, or a key cannot be changed by the caller.
    """
    _ensure_fixed_keys_unchanged(entry, changes)
    definition = dict(entry.content or {})
    for key, value in changes.items():
        if key in {"id", *_TIMES}:
            continue
        if value is None and key not in _REQUIRED:
            definition.pop(key, None)
        else:
            definition[key] = value
    _ensure_valid({"id": entry.segment_id, **definition})
    return definition


def with_update_time(entry: Entry, definition: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """Set the time of the change in a definition; return None if nothing changes."""
    if isinstance(entry, Definition) and is_same_json(dict(definition), dict(entry.content)):
        return None
    return {**definition, "updated_at": write_moment(now)}


def find_renamed(entries: Iterable[Entry], old_id: str, new_id: str) -> Definition | None:
    """Return the segment if it was renamed already, but the references to it possibly not yet."""
    entries = tuple(entries)
    if any(entry.segment_id == old_id for entry in entries):
        return None
    found = (entry for entry in entries if entry.segment_id == new_id and old_id in entry.previous_ids)
    return next((entry for entry in found if isinstance(entry, Definition)), None)


def ensure_unused(entries: Iterable[Entry], old_id: str, new_id: str) -> None:
    """Check that no other segment has an id, also in other case, because file names may ignore it.

    Raises:
        AlreadyThereError: Another segment has the id.
    """
    for entry in entries:
        if entry.segment_id != old_id and entry.segment_id.casefold() == new_id.casefold():
            raise AlreadyThereError(
                f"the segment {shown(entry.segment_id)} already exists; choose another id", entry.file
            )


def ensure_references_can_change(entries: Iterable[Entry], segment_id: str) -> tuple[str, ...]:
    """Return the ids of the other segments that reference a segment, after a check that they can be changed.

    Raises:
        StoreError: The definition of one of them is ambiguous.
    """
    users = [entry for entry in entries if entry.segment_id != segment_id and segment_id in entry.references]
    for user in users:
        if user.content is None:
            message = f"refers to {shown(segment_id)} and cannot be changed, because its id is not unique; fix it first"
            raise StoreError(f"segment {shown(user.segment_id)} {message}", user.file)
    return tuple(user.segment_id for user in users)


def rename_definition(entry: Entry, new_id: str, now: datetime) -> dict[str, Any]:
    """Return the definition of a segment with another id, and with its present id among the previous ones.

    Rules in it that reference the segment itself get the new id too.

    Raises:
        DefinitionError: The new id is not valid, or the definition has errors.
    """
    definition = dict(entry.content or {})
    written = definition.get("previous_ids", [])
    earlier = (
        [one for one in written if one not in {new_id, entry.segment_id}] if isinstance(written, list) else written
    )
    if isinstance(earlier, list):
        earlier = [*earlier, entry.segment_id][-MAX_PREVIOUS_IDS:]
    definition |= {"id": new_id, "previous_ids": earlier}
    _ensure_valid(definition)
    return {**_with_reference(definition, entry.segment_id, new_id), "updated_at": write_moment(now)}


def rename_references(entry: Entry, old_id: str, new_id: str, now: datetime) -> dict[str, Any]:
    """Return the definition of a segment that references another one by its new id."""
    return {**_with_reference(dict(entry.content or {}), old_id, new_id), "updated_at": write_moment(now)}


def _with_reference(data: Any, old_id: str, new_id: str) -> Any:
    match data:
        case {"operator": "in_segment" | "not_in_segment", "value": value} if value == old_id:
            return {**data, "value": new_id}
        case {"rules": list(rules)}:
            return {**data, "rules": [_with_reference(rule, old_id, new_id) for rule in rules]}
        case _:
            return data


def _unused_id(name: object, taken: Collection[str]) -> str:
    """Derive a unique id from a segment's name: `Pro Plan Users` gives `pro-plan-users`.

    Args:
        taken: The existing ids and file names, in lower case.
    """
    letters = unicodedata.normalize("NFKD", str(name).casefold()).encode("ascii", "ignore").decode()
    slug = _BREAKS.sub("-", letters)[:_LONGEST_SLUG].strip("-") or "segment"
    number, free = 1, slug
    while free in taken or free == RESERVED_ID:
        number += 1
        free = f"{slug}-{number}"
    return free


def _unused_file_name(segment_id: str, taken: Collection[str]) -> str:
    """Return a name for a segment's file: its id, or if that file exists, a name that no id can have.

    Args:
        taken: The existing file names, in lower case.
    """
    names = (f"{segment_id}{'' if number == 1 else f'~{number}'}.json" for number in count(1))
    return next(name for name in names if name.casefold() not in taken)


def _ensure_fixed_keys_unchanged(entry: Entry, changes: Mapping[str, Any]) -> None:
    """Raise an error if the id or the times differ from the definition; unchanged ones may be sent back."""
    known = {"id": entry.segment_id, **(entry.content or {})}
    problems = [
        Problem(f"'{key}' is {_REASONS[key]}; leave it out", path=f"$.{key}")
        for key in ("id", *_TIMES)
        if key in changes and not is_same_json(changes[key], known.get(key))
    ]
    if problems:
        raise DefinitionError(problems)


def _ensure_valid(definition: Mapping[str, Any]) -> None:
    problems = check_data(dict(definition))
    if not problems:
        _, problems = validate(definition)
    if problems:
        raise DefinitionError(problems)
