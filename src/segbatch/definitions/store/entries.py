"""Entries of a store: segments, and broken definitions."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

from segbatch.definitions.discovery import reason, stem
from segbatch.definitions.found import BrokenDefinition, Definition, Found
from segbatch.definitions.loader import merge_twins, read_content, read_elements
from segbatch.definitions.store.formatting import ordered, write_definition
from segbatch.errors import Problem
from segbatch.model.segment import Segment
from segbatch.text import printable, shown

_ETAG_BYTES = 16
_OF_SEGMENTS = {"in_segment", "not_in_segment"}


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment of a store.

    Attributes:
        etag: A fingerprint of its definition. It changes with the definition, but not with the layout of the JSON.
        file: The path of its file, as shown to users.
        path: Its place in the file in JSONPath form.
        named: The ids of the segments that it references with `in_segment`.
        data: Its JSON data, as in the file.
    """

    segment: Segment
    etag: str
    file: str
    path: str
    named: frozenset[str]
    data: Mapping[str, Any] = field(repr=False)

    @property
    def segment_id(self) -> str:
        """The id of the segment."""
        return self.segment.id

    @property
    def project_id(self) -> str | None:
        """The project of the segment, if it has one."""
        return self.segment.project_id

    @property
    def name(self) -> str:
        """The display name."""
        return self.segment.name

    @property
    def problems(self) -> tuple[Problem, ...]:
        """An empty tuple: a stored segment has no problems."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON data: its own keys and its id, in their usual order."""
        return ordered({"id": self.segment.id, **self.data})

    def to_text(self) -> str:
        """Return the definition as the text of a separate file."""
        return write_definition(self.to_json())


@dataclass(frozen=True, slots=True)
class Broken:
    """A definition of a store that cannot be read as a segment.

    Attributes:
        segment_id: Its id if one can be read, else one based on the file's name.
        project_id: Its project, if that can be read.
        etag: A fingerprint of its content.
        file: The path of its file, as shown to users.
        path: Its place in the file in JSONPath form.
        problems: The reasons why it cannot be read.
        named: The ids of the segments that it references with `in_segment`.
        data: Its JSON data, as in the file, if it is one object that an update can fix; else None.
        is_unread: Whether nothing in its file can be read, so that its id is a guess.
    """

    segment_id: str
    project_id: str | None
    etag: str
    file: str
    path: str
    problems: tuple[Problem, ...]
    named: frozenset[str]
    data: Mapping[str, Any] | None = field(repr=False)
    is_unread: bool = False

    @property
    def name(self) -> str | None:
        """The display name, if it can be read."""
        name = (self.data or {}).get("name")
        return name if isinstance(name, str) else None


Entry = Stored | Broken


def fingerprint(data: object) -> str:
    """Return a digest of JSON data that does not depend on its layout and the order of its keys."""
    return _digest(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())


def read_file(file: Path) -> tuple[Entry, ...]:
    """Read the entries of a file; a file that cannot be read becomes one broken entry."""
    try:
        return read_entries(read_content(file), file)
    except OSError as error:
        name = printable(str(file))
        message = reason(error)
        problem = Problem(message, file=name)
        etag = _digest(message.encode())
        return (Broken(printable(stem(file)), None, etag, name, "$", (problem,), frozenset(), None, is_unread=True),)


def read_entries(content: bytes, file: Path) -> tuple[Entry, ...]:
    """Return the entries of a file with known content."""
    found = read_elements(content, printable(str(file)), printable(stem(file)))
    return tuple(_entry(one, data, content) for one, data in found)


def stored_at(content: bytes, file: Path, path: str) -> Stored:
    """Return the segment at a path in a file with known content; it must exist."""
    return next(entry for entry in read_entries(content, file) if isinstance(entry, Stored) and entry.path == path)


def merged(entries: list[Entry], *, with_places: bool = True) -> list[Entry]:
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


def _is_unread(entry: Entry) -> TypeGuard[Broken]:
    return isinstance(entry, Broken) and entry.is_unread


def _merge(entries: list[Entry], *, with_places: bool) -> Broken:
    twins = merge_twins(entries[0].segment_id, [_definition(entry) for entry in entries])
    message = f"{len(entries)} definitions have the id {shown(twins.segment_id)}; give all but one another id"
    return Broken(
        twins.segment_id,
        twins.text("project_id"),
        _digest("".join(entry.etag for entry in entries).encode()),
        twins.file,
        twins.path,
        twins.problems if with_places else (Problem(message, path="$.id", segment_id=twins.segment_id),),
        frozenset[str]().union(*(entry.named for entry in entries)),
        None,
    )


def _entry(found: Found, data: Any, content: bytes) -> Entry:
    named = frozenset(_named(data))
    if isinstance(found, Definition):
        etag = fingerprint({"id": found.segment_id, **data})
        return Stored(found.segment, etag, found.file or "", found.path, named, data)
    return Broken(
        found.segment_id,
        found.text("project_id"),
        _digest(content) if data is None else fingerprint([found.segment_id, data]),
        found.file,
        found.path,
        found.problems,
        named,
        data if isinstance(data, dict) else None,
        is_unread=found.is_unread,
    )


def _definition(entry: Entry) -> Found:
    if isinstance(entry, Stored):
        return Definition(entry.segment, entry.file, entry.path)
    return BrokenDefinition(entry.segment_id, entry.file, entry.path, entry.problems, entry.data)


def _named(data: object) -> Iterator[str]:
    """Yield the ids of the segments that a definition references, even if it is broken."""
    waiting = [data]
    while waiting:
        match waiting.pop():
            case {"operator": str(operator), "value": str(segment_id)} if operator in _OF_SEGMENTS:
                yield segment_id
            case {"rules": list(rules)}:
                waiting += rules
            case _:
                continue


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[: 2 * _ETAG_BYTES]
