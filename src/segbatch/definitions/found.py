"""Results of loading definitions: segments, definitions that cannot be read, and their places."""

from dataclasses import dataclass, replace
from typing import Any

from segbatch.errors import Problem, UsageError
from segbatch.model.segment import Segment
from segbatch.text import clipped, did_you_mean


def _place(file: str, path: str) -> str:
    return file if path == "$" else f"{file} {path}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A segment and the place of its definition.

    Attributes:
        file: The path of its file, as shown to users; None if it was created in Python.
        path: Its place in the file in JSONPath form.
    """

    segment: Segment
    file: str | None = None
    path: str = "$"

    @property
    def segment_id(self) -> str:
        """The id of the segment."""
        return self.segment.id

    @property
    def place(self) -> str:
        """The place of the definition, for a message."""
        return _place(self.file or "the program", self.path)

    def locate(self, problem: Problem) -> Problem:
        """Add the file and the full path to a problem of the segment."""
        path = self.path + (problem.path or "$").removeprefix("$")
        return replace(problem, file=self.file, path=path, segment_id=self.segment.id)


@dataclass(frozen=True, slots=True)
class BrokenDefinition:
    """A definition that cannot be read as a segment.

    Attributes:
        segment_id: Its id if one can be read, else an id based on the file's stem.
        file: The path of its file, as shown to users.
        path: Its place in the file in JSONPath form.
        problems: The reasons why it cannot be read.
        data: The JSON data of the segment, if it is JSON.
    """

    segment_id: str
    file: str
    path: str
    problems: tuple[Problem, ...]
    data: Any = None

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


Found = Definition | BrokenDefinition
"""A definition at a place in a file, good or broken."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """All definitions of a file or a folder, by id.

    Attributes:
        good: The segments that can be evaluated, ordered by id.
        broken: The definitions that cannot be read, ordered by id.
    """

    good: tuple[Definition, ...]
    broken: tuple[BrokenDefinition, ...]

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

    @property
    def fields(self) -> set[str]:
        """The fields in the rules of good segments."""
        return {rule.field for entry in self.good for _, rule in entry.segment.rule_paths() if rule.field}

    def of_project(self, project: str | None) -> "Definitions":
        """Return the segments of a project, and those without a project.

        Args:
            project: The project; None keeps all.

        Raises:
            UsageError: No segment remains.
        """
        if project is None:
            return self
        good = tuple(entry for entry in self.good if entry.segment.project_id in {None, project})
        broken = tuple(entry for entry in self.broken if entry.text("project_id") in {None, project})
        if not good and not broken:
            near = did_you_mean(project, {entry.segment.project_id or "" for entry in self.good})
            raise UsageError(f"no segment belongs to project '{clipped(project)}'{near} (--project)")
        return Definitions(good, broken)
