"""Checks before a segment of a store gets another id."""

from collections.abc import Iterable

from segbatch.definitions.definition import Definition, Entry
from segbatch.errors import AlreadyThereError, StoreError
from segbatch.text import shown


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
