"""Definitions as they are in files: segments, definitions that cannot be read, and their places."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segbatch.definitions.json_layout import ordered, write_definition
from segbatch.definitions.source_text import SourceText
from segbatch.errors import Problem, UsageError
from segbatch.model.lifecycle import readable_texts
from segbatch.model.segment import Segment
from segbatch.text import clipped, did_you_mean

_ETAG_BYTES = 16


def _place(file: str, path: str) -> str:
    return file if path == "$" else f"{file} {path}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A segment and the place of its definition.

    Attributes:
        file: The path of its file, as shown to users; empty if it was created in Python.
        path: Its place in the file in JSONPath form.
        data: Its JSON data, as in the file, if a store read it.
        source: The content of its file, for line numbers in messages.
    """

    segment: Segment
    file: str = ""
    path: str = "$"
    data: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    source: SourceText | None = field(default=None, repr=False, compare=False)

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
    def owner(self) -> str | None:
        """The owner, if the segment has one."""
        return self.segment.owner

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags."""
        return self.segment.tags

    @property
    def previous_ids(self) -> tuple[str, ...]:
        """The ids that the segment had before, oldest first."""
        return self.segment.previous_ids

    @property
    def problems(self) -> tuple[Problem, ...]:
        """An empty tuple: a definition that can be read has no problems."""
        return ()

    @property
    def content(self) -> Mapping[str, Any]:
        """The JSON data, without an id that comes from the name of the file."""
        return self.segment.to_json() if self.data is None else self.data

    @property
    def references(self) -> tuple[str, ...]:
        """The ids of the segments that it references with `in_segment`, in the order of its rules."""
        return tuple(target for _, target in self.segment.references())

    @property
    def etag(self) -> str:
        """A fingerprint of the definition. It changes with the definition, but not with the layout of the JSON."""
        return fingerprint({"id": self.segment.id, **self.content})

    @property
    def place(self) -> str:
        """The place of the definition, for a message."""
        return _place(self.file or "the program", self.path)

    def locate(self, problem: Problem) -> Problem:
        """Add the file, the line and the full path to a problem of the segment."""
        path = self.path + (problem.path or "$").removeprefix("$")
        line = self.source.line_of(path) if self.source else None
        return replace(problem, file=self.file or None, path=path, segment_id=self.segment.id, line=line)

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON data: its own keys and its id, in their usual order."""
        return ordered({"id": self.segment.id, **self.content})

    def to_text(self) -> str:
        """Return the definition as the text of a separate file."""
        return write_definition(self.to_json())


@dataclass(frozen=True, slots=True)
class BrokenDefinition:
    """A definition that cannot be read as a segment.

    Attributes:
        segment_id: Its id if one can be read, else an id based on the file's stem.
        file: The path of its file, as shown to users.
        path: Its place in the file in JSONPath form.
        problems: The reasons why it cannot be read.
        data: The JSON data of the segment, if it is JSON.
        is_ambiguous: Whether several definitions have the id.
        references: The ids of the segments that it references with `in_segment`, if a store read it.
        etag: A fingerprint of its content, if a store read it.
        source: The content of its file, if it is JSON, for line numbers in messages.
    """

    segment_id: str
    file: str
    path: str
    problems: tuple[Problem, ...]
    data: Any = None
    is_ambiguous: bool = False
    references: tuple[str, ...] = ()
    etag: str = ""
    source: SourceText | None = field(default=None, repr=False, compare=False)

    @property
    def project_id(self) -> str | None:
        """The project of the segment, if it can be read."""
        return self.text("project_id")

    @property
    def name(self) -> str | None:
        """The display name, if it can be read."""
        return None if self.is_ambiguous else self.text("name")

    @property
    def owner(self) -> str | None:
        """The owner, if it can be read."""
        return None if self.is_ambiguous else self.text("owner")

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that can be read."""
        return self._texts("tags")

    @property
    def previous_ids(self) -> tuple[str, ...]:
        """The previous ids that can be read."""
        return self._texts("previous_ids")

    def _texts(self, key: str) -> tuple[str, ...]:
        is_readable = isinstance(self.data, dict) and not self.is_ambiguous
        return readable_texts(self.data.get(key)) if is_readable else ()

    @property
    def content(self) -> Mapping[str, Any] | None:
        """The JSON data, if it is a single object that an update can fix."""
        return self.data if isinstance(self.data, dict) and not self.is_ambiguous else None

    @property
    def place(self) -> str:
        """The place of the definition, for a message."""
        return _place(self.file, self.path)

    @property
    def is_unread(self) -> bool:
        """Whether nothing in its file can be read, so that its id is a guess."""
        return self.path == "$" and self.data is None

    def text(self, key: str) -> str | None:
        """Return the text at a key; None if it is missing or not a text."""
        value = self.data.get(key) if isinstance(self.data, dict) else None
        return value if isinstance(value, str) else None


Entry = Definition | BrokenDefinition
"""A definition at a place in a file, good or broken."""


def fingerprint(data: object) -> str:
    """Return a digest of JSON data that does not depend on its layout and the order of its keys."""
    return digest(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())


def digest(content: bytes) -> str:
    """Return a digest of bytes, short enough for an ETag."""
    return hashlib.sha256(content).hexdigest()[: 2 * _ETAG_BYTES]


@dataclass(frozen=True, slots=True)
class Definitions:
    """All definitions of a file or a folder, by id.

    Attributes:
        good: The segments that can be evaluated, ordered by id.
        broken: The definitions that cannot be read, ordered by id.
        lists: The default folder of the lists that rules name, if the definitions have a location.
    """

    good: tuple[Definition, ...]
    broken: tuple[BrokenDefinition, ...]
    lists: Path | None = None

    def __len__(self) -> int:
        return len(self.good) + len(self.broken)

    @property
    def ids(self) -> list[str]:
        """The ids of all definitions, good and broken."""
        return [*(entry.segment_id for entry in self.good), *(entry.segment_id for entry in self.broken)]

    @property
    def problems(self) -> list[Problem]:
        """All problems, in the order of the files."""
        return [problem for broken in self.broken for problem in broken.problems]

    def fields(self, without: Collection[str] = ()) -> set[str]:
        """Return the fields in the rules of good segments, apart from some segments."""
        entries = (entry for entry in self.good if entry.segment_id not in without)
        return {name for entry in entries for _, rule in entry.segment.rule_paths() for name in rule.fields}

    @property
    def tables(self) -> set[str]:
        """The related tables in the rules of good segments: their names, or paths of lists in contacts."""
        return {rule.table for entry in self.good for _, rule in entry.segment.table_rules()}

    def of_project(self, project: str | None) -> "Definitions":
        """Return the segments of a project, and those without a project.

        Args:
            project: The project; None keeps all.

        Raises:
            UsageError: The project is empty, or no segment remains.
        """
        if project is None:
            return self
        if not project:
            raise UsageError("the project is empty; is a variable not set? (--project)")
        good = tuple(entry for entry in self.good if entry.project_id in {None, project})
        broken = tuple(entry for entry in self.broken if entry.project_id in {None, project})
        if not good and not broken:
            near = did_you_mean(project, {entry.project_id or "" for entry in self.good})
            raise UsageError(f"no segment belongs to project '{clipped(project)}'{near} (--project)")
        return Definitions(good, broken, self.lists)
