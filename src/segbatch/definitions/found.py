"""The definitions that were found: segments, what cannot be read as one, and where each is."""

from dataclasses import dataclass, replace
from typing import Any

from segbatch.errors import Problem, UsageError
from segbatch.model.segment import Segment
from segbatch.text import clipped, did_you_mean

__all__ = ["BrokenDefinition", "Definition", "Definitions", "Found"]


def _place(file: str, path: str) -> str:
    return file if path == "$" else f"{file} {path}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A segment and where it was defined.

    Attributes:
        segment: The segment.
        file: Its file as the user would name it; None where it was made in Python.
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
        """Where it stands, for a message."""
        return _place(self.file or "the program", self.path)

    def locate(self, problem: Problem) -> Problem:
        """Turn a problem of the segment alone into one with file and place."""
        path = self.path + (problem.path or "$").removeprefix("$")
        return replace(problem, file=self.file, path=path, segment_id=self.segment.id)


@dataclass(frozen=True, slots=True)
class BrokenDefinition:
    """What was meant to be a segment and cannot be read as one.

    Attributes:
        segment_id: Its id where one can be read, else one made of the file's stem.
        file: Its file as the user would name it.
        path: Its place in the file in JSONPath form.
        problems: What is wrong with it.
        data: The JSON data of the segment, where it is JSON.
    """

    segment_id: str
    file: str
    path: str
    problems: tuple[Problem, ...]
    data: Any = None

    @property
    def place(self) -> str:
        """Where it stands, for a message."""
        return _place(self.file, self.path)

    @property
    def is_unread(self) -> bool:
        """Whether nothing in its file can be read, so that its id is a guess."""
        return self.path == "$" and self.data is None

    def text(self, key: str) -> str | None:
        """Return a text of a definition that cannot be read as a whole."""
        value = self.data.get(key) if isinstance(self.data, dict) else None
        return value if isinstance(value, str) else None


Found = Definition | BrokenDefinition
"""What a place in a file holds."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """All that a file or a folder holds, by id.

    Attributes:
        good: The segments that can be evaluated, ordered by id.
        broken: The ones that cannot, ordered by id.
    """

    good: tuple[Definition, ...]
    broken: tuple[BrokenDefinition, ...]

    def __len__(self) -> int:
        return len(self.good) + len(self.broken)

    @property
    def ids(self) -> list[str]:
        """The ids of all, good and broken."""
        return [*(entry.segment_id for entry in self.good), *(entry.segment_id for entry in self.broken)]

    @property
    def problems(self) -> list[Problem]:
        """Everything that is wrong, in the order of the files."""
        return [problem for broken in self.broken for problem in broken.problems]

    @property
    def fields(self) -> set[str]:
        """The fields that some rule of a good segment names."""
        return {rule.field for entry in self.good for _, rule in entry.segment.rule_paths() if rule.field}

    def of_project(self, project: str | None) -> "Definitions":
        """Keep the segments of a project, and those that belong to none.

        Args:
            project: The project; None keeps all.

        Raises:
            UsageError: None is left.
        """
        if project is None:
            return self
        good = tuple(entry for entry in self.good if entry.segment.project_id in {None, project})
        broken = tuple(entry for entry in self.broken if entry.text("project_id") in {None, project})
        if not good and not broken:
            near = did_you_mean(project, {entry.segment.project_id or "" for entry in self.good})
            raise UsageError(f"no segment is of the project '{clipped(project)}'{near} (--project)")
        return Definitions(good, broken)
