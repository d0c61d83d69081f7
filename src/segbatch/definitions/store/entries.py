"""Entries of a store: the definitions of its files, with their JSON data."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from segbatch.definitions.definition import BrokenDefinition, Definition, Entry, digest, fingerprint
from segbatch.definitions.discovery import read_failure, stem
from segbatch.definitions.loader import merge_duplicates, read_content, read_elements
from segbatch.errors import Problem
from segbatch.text import printable, shown

_OF_SEGMENTS = {"in_segment", "not_in_segment"}


def read_file(file: Path) -> tuple[Entry, ...]:
    """Read the entries of a file; a file that cannot be read becomes one broken entry."""
    try:
        return read_entries(read_content(file), file)
    except OSError as error:
        name = printable(str(file))
        message = read_failure(error)
        problem = Problem(message, file=name)
        return (BrokenDefinition(printable(stem(file)), name, "$", (problem,), etag=digest(message.encode())),)


def read_entries(content: bytes, file: Path) -> tuple[Entry, ...]:
    """Return the entries of a file with known content."""
    found = read_elements(content, printable(str(file)), printable(stem(file)))
    return tuple(_with_data(entry, data, content) for entry, data in found)


def read_segment_at(content: bytes, file: Path, path: str) -> Definition:
    """Return the segment at a path in a file with known content; it must exist."""
    return next(entry for entry in read_entries(content, file) if isinstance(entry, Definition) and entry.path == path)


def merge_same_id(entries: list[Entry], *, with_places: bool = True) -> list[Entry]:
    """Return the entries of an id; several definitions with the same id become one broken entry.

    In that case, the id of an unreadable file becomes its path, so that it does not affect other entries.

    Args:
        entries: All entries with the id.
        with_places: Whether the problems include the places of the definitions.
    """
    if len(entries) < 2:  # noqa: PLR2004 - a single entry shares its id with no other
        return entries
    unread = [replace(entry, segment_id=entry.file) for entry in entries if _is_unread(entry)]
    others = [entry for entry in entries if not _is_unread(entry)]
    return [*([_merge(others, with_places=with_places)] if others[1:] else others), *unread]


def _is_unread(entry: Entry) -> TypeGuard[BrokenDefinition]:
    return isinstance(entry, BrokenDefinition) and entry.is_unread


def _merge(entries: list[Entry], *, with_places: bool) -> BrokenDefinition:
    merged_entry = merge_duplicates(entries[0].segment_id, entries)
    message = f"{len(entries)} definitions have the id {shown(merged_entry.segment_id)}; give all but one another id"
    return replace(
        merged_entry,
        problems=merged_entry.problems
        if with_places
        else (Problem(message, path="$.id", segment_id=merged_entry.segment_id),),
        references=tuple(reference for entry in entries for reference in entry.references),
        etag=digest("".join(entry.etag for entry in entries).encode()),
    )


def _with_data(entry: Entry, data: Any, content: bytes) -> Entry:
    if isinstance(entry, Definition):
        return replace(entry, data=data, source=None)  # a store keeps its entries, and they have their lines already
    etag = digest(content) if data is None else fingerprint([entry.segment_id, data])
    return replace(entry, references=tuple(references_in(data)), etag=etag, source=None)


def references_in(data: object) -> Iterator[str]:
    """Yield the ids of the segments that a definition references, also if it cannot be read as a segment."""
    waiting = [data]
    while waiting:
        match waiting.pop():
            case {"operator": str(operator), "value": str(segment_id)} if operator in _OF_SEGMENTS:
                yield segment_id
            case {"rules": list(rules)}:
                waiting += rules
            case _:
                continue
