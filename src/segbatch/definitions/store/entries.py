"""What a store has at an id: a segment, or what was meant to be one and is broken."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

from segbatch.definitions.discovery import reason, stem
from segbatch.definitions.loader import BrokenDefinition, Definition, Found, merge_twins, read_content, read_elements
from segbatch.definitions.store.formatting import ordered, write_definition
from segbatch.errors import Problem
from segbatch.model.segment import Segment
from segbatch.text import printable, shown

__all__ = ["Broken", "Entry", "Stored", "fingerprint", "merged", "read_entries", "read_file", "stored_at"]

_ETAG_BYTES = 16
_OF_SEGMENTS = {"in_segment", "not_in_segment"}


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment of a store.

    Attributes:
        segment: The segment.
        etag: A fingerprint of its definition: another definition has another one, another layout has not.
        file: Its file as the user would name it.
        path: Its place in the file in JSONPath form.
        named: The ids of the segments that it names by `in_segment`.
        data: Its JSON data as the file has it.
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
        """Whose it is, if it says so."""
        return self.segment.project_id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.segment.name

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Nothing is wrong with it."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON data: the keys that it has, its id among them, in their usual order."""
        return ordered({"id": self.segment.id, **self.data})

    def to_text(self) -> str:
        """Return the definition as a file of its own would have it."""
        return write_definition(self.to_json())


@dataclass(frozen=True, slots=True)
class Broken:
    """What was meant to be a segment of a store and cannot be read as one.

    Attributes:
        segment_id: Its id where one can be read, else one made of the file's name.
        project_id: Whose it is, where that can be read.
        etag: A fingerprint of what stands there.
        file: Its file as the user would name it.
        path: Its place in the file in JSONPath form.
        problems: What is wrong with it.
        named: The ids of the segments that it names by `in_segment`.
        data: Its JSON data as the file has it, where it is one object that can be mended; else None.
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
        """What people call it, where that can be read."""
        name = (self.data or {}).get("name")
        return name if isinstance(name, str) else None


Entry = Stored | Broken


def fingerprint(data: object) -> str:
    """Return a digest of JSON data, whatever its layout and the order of its keys."""
    return _digest(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())


def read_file(file: Path) -> tuple[Entry, ...]:
    """Read what a file holds; one that cannot be read is one broken entry."""
    try:
        return read_entries(read_content(file), file)
    except OSError as error:
        name = printable(str(file))
        message = reason(error)
        problem = Problem(message, file=name)
        etag = _digest(message.encode())
        return (Broken(printable(stem(file)), None, etag, name, "$", (problem,), frozenset(), None, is_unread=True),)


def read_entries(content: bytes, file: Path) -> tuple[Entry, ...]:
    """Read what a file holds, whose bytes are known."""
    found = read_elements(content, printable(str(file)), printable(stem(file)))
    return tuple(_entry(one, data, content) for one, data in found)


def stored_at(content: bytes, file: Path, path: str) -> Stored:
    """Return the segment at a place in a file whose bytes are known, and in which a segment is at that place."""
    return next(entry for entry in read_entries(content, file) if isinstance(entry, Stored) and entry.path == path)


def merged(entries: list[Entry], *, with_places: bool = True) -> list[Entry]:
    """Return what stands at an id: of several that share it, one that is broken and says so.

    A file that cannot be read is named by its path then, so that it breaks nobody else.

    Args:
        entries: All that has the id.
        with_places: Whether to say where they stand.
    """
    if len(entries) < 2:  # noqa: PLR2004 - one alone shares it with none
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
    """Find the segments that a definition names, broken or not."""
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
