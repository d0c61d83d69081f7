"""Every error that a user can meet, where it is, and what would be right.

An error of ours is the user's to mend, and so it is one clear message: where, what, what to do. Anything that is
not a `SegbatchError` is a bug of the program and shows its traceback.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import ClassVar, Literal

from segbatch.text import clipped

__all__ = [
    "AlreadyThereError",
    "BrokenSegmentError",
    "BusyError",
    "ConfigurationError",
    "DefinitionError",
    "EvaluationError",
    "ExportError",
    "InUseError",
    "KeysError",
    "NotFoundError",
    "NothingToPublishError",
    "Problem",
    "ProblemsError",
    "PublishError",
    "QueryError",
    "SegbatchError",
    "SnapshotError",
    "StaleError",
    "StoreError",
    "UsageError",
]

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or probably wrong, and where.

    Attributes:
        message: What is wrong and what would be right, without the place.
        file: The definition file, as the user would name it; None for a definition made in Python.
        path: The place in the file in JSONPath form, such as `$.rules[1].operator`.
        segment_id: The id of the segment, where one is known.
        severity: `error`; `warning` for what is legal and often a mistake; `note` for a fact that is not in doubt.
        without_ids: The message without the ids of contacts, where it has any.
        finding: The name of the finding of lint, if it is one.
    """

    message: str
    file: str | None = None
    path: str | None = None
    segment_id: str | None = None
    severity: Severity = "error"
    without_ids: str | None = None
    finding: str | None = None

    def __str__(self) -> str:
        """Say the place, then the message, in one line."""
        return ": ".join(part for part in (self.file, self._segment(), self.path, self.message) if part)

    def _segment(self) -> str | None:
        """Name the segment, unless its file does."""
        if self.segment_id is None or (self.file and PurePath(self.file).stem == self.segment_id):
            return None
        return f"segment '{clipped(self.segment_id)}'"

    def as_error(self) -> "Problem":
        """Return a warning as an error, as `--strict` requires; a note stays a note."""
        return self if self.severity == "note" else replace(self, severity="error")

    def hiding_ids(self) -> "Problem":
        """Return the same problem without ids of contacts."""
        return self if self.without_ids is None else replace(self, message=self.without_ids, without_ids=None)


class SegbatchError(Exception):
    """What a user can mend. Its text is the whole message.

    Attributes:
        exit_code: The exit status of a command that ends with this error.
        without_ids: The message without the ids of contacts, for logs.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, without_ids: str | None = None) -> None:
        self.without_ids = message if without_ids is None else without_ids
        super().__init__(message)


class UsageError(SegbatchError):
    """The program was called in a way that cannot work."""

    exit_code = 2


class QueryError(UsageError):
    """DuckDB cannot do what it was asked. Its text is DuckDB's own, with a mark under what is meant: in lines."""


class ProblemsError(SegbatchError):
    """Something of which more than one thing may be wrong; all of it at once.

    Attributes:
        problems: What is wrong, each with its place.
    """

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        hidden = "\n".join(str(problem.hiding_ids()) for problem in self.problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), without_ids=hidden)


class DefinitionError(ProblemsError):
    """Segment definitions that are wrong."""


class ConfigurationError(ProblemsError):
    """Settings that are wrong, in segbatch.toml or in the environment."""


class NothingToPublishError(DefinitionError):
    """Every segment failed, or most of them are gone; what was published before stands."""

    exit_code = 1


class BrokenSegmentError(DefinitionError):
    """A saved segment that cannot be read as one; its problems tell why."""


class StoreError(SegbatchError):
    """Saved definitions cannot be read, or not be changed as asked; they are as they were.

    Attributes:
        message: What is wrong, without the place, for those who must not see where the files are.
    """

    def __init__(self, message: str, place: str | None = None) -> None:
        self.message = message
        super().__init__(f"{place}: {message}" if place else message)


class NotFoundError(StoreError):
    """There is no such segment, or no such key."""

    exit_code = 4


class AlreadyThereError(StoreError):
    """There is a segment of that id already."""

    exit_code = 5


class StaleError(StoreError):
    """The segment is not what it was when it was read: somebody else changed it."""

    exit_code = 6


class InUseError(StoreError):
    """Other segments name the segment.

    Attributes:
        what: The message without what to do, which is not the same for everybody.
        named_by: Their ids.
    """

    exit_code = 7

    def __init__(self, what: str, named_by: Sequence[str]) -> None:
        self.what = what
        self.named_by = tuple(named_by)
        super().__init__(f"{what}; change them first, or force it")


class KeysError(SegbatchError):
    """The file of the API's keys cannot be used as it is."""


class BusyError(StoreError):
    """Another writer holds the lock for too long."""

    exit_code = 75


class SnapshotError(SegbatchError):
    """The snapshot of contacts cannot be used as it is."""


class EvaluationError(SegbatchError):
    """Contacts over which Polars cannot evaluate a rule, which is a fault of the program; its cause says more."""


class ExportError(SegbatchError):
    """A segment's members could not be written to a file; what was in its place stands."""


class PublishError(SegbatchError):
    """What a run found could not be published; what was published before stands."""
